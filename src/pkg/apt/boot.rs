//! Reads `apt-boot`: kernels, what the boot loader starts, and reasons for a reboot. A kernel is what is in /boot,
//! whatever its package is called. Plain Debian writes no `reboot-required`, so every other trace counts as well.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    kernel::{abi_and_flavour, flavour, is_part_of, names, order},
    lines::is_name,
};
use crate::{
    command::{Output, Unreadable},
    pkg::{
        Boot, Package,
        answer::{before_end, tagged},
        loader::Releases,
        traces::{Rules, Traces},
    },
};

const RELEASES: Releases = Releases { order, leftovers: &[".dpkg-new", ".dpkg-old", ".dpkg-tmp", ".dpkg-bak"] };

#[derive(Debug, Default)]
struct Seen {
    traces: Traces,
    packages: BTreeSet<String>,
    /// Packages and the images that they brought.
    owners: Vec<(String, String)>,
}

pub(super) fn read(output: &Output) -> Result<Boot, Unreadable> {
    let seen = see(output)?;
    seen.traces.boot(&Rules {
        releases: RELEASES,
        flavour,
        packages: &|release| seen.packages_of(release),
        shared: &|releases| seen.shared(releases),
    })
}

fn see(output: &Output) -> Result<Seen, Unreadable> {
    let mut seen = Seen::default();
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        match tag {
            "owner" => {
                // `linux-image-6.1.0-99-amd64: /boot/vmlinuz-6.1.0-99-amd64`, perhaps with several packages.
                let (names, image) = rest.rsplit_once(": ").unwrap_or_default();
                let named = names.split(", ").filter(|name| is_name(name));
                seen.owners.extend(named.map(|name| (name.to_owned(), image.to_owned())));
            }
            "pkg" => {
                let mut fields = rest.split('\t');
                if let (Some(name), Some(_), Some("installed")) = (fields.next(), fields.next(), fields.next())
                    && is_name(name)
                {
                    seen.packages.insert(name.to_owned());
                }
            }
            tag => drop(seen.traces.take(tag, rest, is_name)),
        }
    }
    Ok(seen)
}

impl Seen {
    /// A package without a release in its name is upgraded in place, and does not belong to an old kernel.
    fn packages_of(&self, release: &str) -> Vec<Package> {
        let owners = self.owners.iter().filter(|(_, image)| RELEASES.of(image).as_deref() == Some(release));
        let owners = owners.map(|(name, _)| name).filter(|name| names(name, release));
        let named = self.packages.iter().filter(|name| is_part_of(name, release));
        let all: BTreeSet<&String> = owners.chain(named).collect();
        all.into_iter().map(|name| Package::named(name)).collect()
    }

    /// Headers of one ABI: `linux-headers-6.1.0-98-common`, `linux-headers-6.8.0-45`.
    fn shared(&self, releases: &[String]) -> BTreeMap<Package, BTreeSet<String>> {
        let mut shared: BTreeMap<Package, BTreeSet<String>> = BTreeMap::new();
        for release in releases {
            let (abi, flavour) = abi_and_flavour(release);
            for name in [format!("linux-headers-{abi}"), format!("linux-headers-{abi}-common")] {
                if !flavour.is_empty() && self.packages.contains(&name) {
                    shared.entry(Package::named(&name)).or_default().insert(release.clone());
                }
            }
        }
        shared
    }
}
