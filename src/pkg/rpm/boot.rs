//! Kernels of an rpm host, what its boot loader starts, and reasons for a reboot. A kernel is what is in /boot or
//! beside its modules; its packages are those that own it, and the others of that family and version. Start at
//! [`script`].

use std::collections::BTreeMap;

use super::{
    kernel::{family, flavour, order},
    names::is_name,
    version::without_zero,
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Boot, Package,
        answer::{before_end, tagged},
        loader::{self, Releases},
        traces::{self, Rules, Traces},
    },
};

const RELEASES: Releases = Releases { order, leftovers: &[".rpmnew", ".rpmsave", ".rpmorig"] };

// The rescue image is a copy of the kernel that was first installed.
const SCRIPT: &str = r#"rpm -q --qf 'unpacked %{INSTALLTIME} %{NAME}\n' "$@" 2>/dev/null | grep '^unpacked '
for f in "$r"/boot/vmlinuz-* "$r"/boot/vmlinux-* "$r"/usr/lib/modules/*/vmlinuz; do
  case $f in *-0-rescue-*) continue ;; esac
  [ -e "$f" ] || continue
  echo "image ${f#"$r"}"
  rpm -qf --qf 'owner\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n' "${f#"$r"}" 2>/dev/null | grep '^owner'
done
rpm -qa --qf 'kernel\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n' 'kernel*'
for f in "$r"/boot/grub2/grub.cfg "$r"/boot/grub/grub.cfg "$r"/boot/efi/EFI/*/grub.cfg; do
  if [ ! -r "$f" ] || ! grep -q '^[[:space:]]*blscfg' "$f"; then continue; fi
  echo grub-entries
  sed -n 's/^[[:space:]]*\(set[[:space:]]*default=\)/g \1/p' "$f" | head -n 100
  e=${f%/*}/grubenv
  [ ! -r "$e" ] || tr -d '\000' <"$e" | sed -n -e '/^saved_entry=/s/^/env /p' -e '/^next_entry=/s/^/env /p'
  break
done
"#;

/// The script. Its arguments are packages that every process or process 1 uses.
pub(in crate::pkg) fn script() -> String {
    format!("r=${{PATCHWAVE_ROOT-}}\n{}{SCRIPT}{}", traces::SCRIPT, loader::SCRIPT)
}

#[derive(Debug, Default)]
struct Seen {
    traces: Traces,
    /// The image that was named last.
    image: String,
    /// The packages that own an image.
    owners: Vec<(String, String, String)>,
    kernels: Vec<(String, String)>,
}

/// Reads the answer of a script that ends with the line `end`.
///
/// # Errors
/// It is incomplete, or does not say which kernel runs.
pub(in crate::pkg) fn read(output: &Output) -> Result<Boot, Unreadable> {
    let mut seen = Seen::default();
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        match tag {
            "owner" | "kernel" => {
                let Some((name, version)) = rest.split_once('\t').filter(|(name, _)| is_name(name)) else { continue };
                let (name, version) = (name.to_owned(), printable(without_zero(version)));
                if tag == "kernel" {
                    seen.kernels.push((name, version));
                } else {
                    seen.owners.push((seen.image.clone(), name, version));
                }
            }
            _ => {
                if tag == "image" {
                    rest.clone_into(&mut seen.image);
                }
                seen.traces.take(tag, rest, is_name);
            }
        }
    }
    seen.traces.boot(&Rules {
        releases: RELEASES,
        flavour,
        packages: &|release| seen.packages_of(release),
        shared: &|_| BTreeMap::new(),
    })
}

impl Seen {
    fn packages_of(&self, release: &str) -> Vec<Package> {
        let owners = self.owners.iter().filter(|(image, _, _)| RELEASES.of(image).as_deref() == Some(release));
        let mut packages = Vec::new();
        for (_, owner, owned) in owners {
            let own = family(owner);
            let siblings =
                self.kernels.iter().filter(|(name, version)| version == owned && own.is_some() && family(name) == own);
            let itself = (owner, owned);
            for (name, version) in siblings.map(|(name, version)| (name, version)).chain([itself]) {
                packages.push(Package { name: name.clone(), version: Some(version.clone()) });
            }
        }
        packages.sort();
        packages.dedup();
        packages
    }
}
