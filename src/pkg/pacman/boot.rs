//! The script and the reader of `pacman-boot`: kernels, what the boot loader starts, and reasons for a reboot. What
//! `/boot/vmlinuz-linux` is a copy of is compared, or read from the file.

use super::{
    commands::FIND,
    kernel::{flavour, order},
    state::is_name,
};
use crate::{
    command::{Output, Unreadable},
    pkg::{
        Boot,
        loader::{self, Releases},
        traces, unnumbered,
    },
};

const RELEASES: Releases = Releases { order, leftovers: &[".pacnew", ".pacsave", ".pacorig"] };

const SCRIPT: &str = r#"pacman -Q "$@" 2>/dev/null | while read -r name version; do
  f=$db/local/$name-$version/desc
  [ ! -r "$f" ] || sed -n "/^%INSTALLDATE%\$/{n;s/\$/ $name/;s/^/unpacked /p;}" "$f"
done
for f in "$r"/usr/lib/modules/*/vmlinuz; do
  [ -e "$f" ] || continue
  echo "image ${f#"$r"}"
  pacman -Qo "${f#"$r"}" 2>/dev/null | sed -n 's/^.* is owned by /owner /p'
done
for f in "$r"/boot/vmlinuz-* "$r"/efi/vmlinuz-* "$r"/boot/efi/vmlinuz-*; do
  [ -r "$f" ] || continue
  same=
  for m in "$r"/usr/lib/modules/*/vmlinuz; do
    if [ -z "$same" ] && cmp -s "$f" "$m"; then same=${m%/vmlinuz}; fi
  done
  [ -n "$same" ] || same=$(release_of "$f")
  echo "copy ${f#"$r"} ${same##*/}"
done
"#;

/// The script. Its arguments are packages that every process or process 1 uses.
pub(super) fn script() -> String {
    format!("{FIND}{}{}{SCRIPT}{}echo end\n", unnumbered::RELEASE_OF, traces::SCRIPT, loader::SCRIPT)
}

/// Reads the answer.
///
/// # Errors
/// It is incomplete, or does not say which kernel runs.
pub(super) fn read(output: &Output) -> Result<Boot, Unreadable> {
    unnumbered::read(output, is_name, RELEASES, flavour)
}
