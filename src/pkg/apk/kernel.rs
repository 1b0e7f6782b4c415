//! Kernels of Alpine Linux: which packages are one, what a release is called, and what is built for it in `/boot`. A
//! kernel package has one version, and its files in `/boot` have none in their names.

use std::cmp::Ordering;

use crate::pkg::BootFiles;

/// Kernels, by what follows `linux-`. Others are known by their folder in `/usr/share/kernel`.
const FLAVOURS: [&str; 9] = ["lts", "virt", "stable", "edge", "rpi", "rpi2", "rpi4", "asahi", "starfive"];

/// A kernel, or what is needed to build modules for it.
pub(super) fn is_kernel(name: &str) -> bool {
    let flavour = name.strip_prefix("linux-").map(|rest| rest.strip_suffix("-dev").unwrap_or(rest));
    flavour.is_some_and(|flavour| FLAVOURS.contains(&flavour))
}

/// The order of releases: `6.6.9-0-lts` before `6.6.10-0-lts`.
pub(super) fn order(a: &str, b: &str) -> Ordering {
    let parts = |release: &str| -> Vec<(bool, u64, String)> {
        let words = release.split(|c: char| !c.is_ascii_alphanumeric());
        // Numbers after words: `6.6-rc1` before `6.6.1`.
        words.map(|word| (word.parse::<u64>().is_ok(), word.parse().unwrap_or(0), word.to_owned())).collect()
    };
    parts(a).cmp(&parts(b))
}

/// What two releases must have in common for one to replace the other: `lts` of `6.6.32-0-lts`.
pub(super) fn flavour(release: &str) -> String {
    let last = release.rsplit_once('-').map(|(_, last)| last);
    last.filter(|word| word.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())).unwrap_or_default().to_owned()
}

/// Packages after which an initramfs is built again, or that are part of it.
const IN_THE_IMAGE: [&str; 12] = [
    "mkinitfs",
    "dracut",
    "booster",
    "busybox",
    "kmod",
    "cryptsetup",
    "lvm2",
    "mdadm",
    "btrfs-progs",
    "intel-ucode",
    "amd-ucode",
    "linux-firmware",
];

/// What a package brings to `/boot`.
pub(super) fn boot_files(name: &str) -> BootFiles {
    if is_kernel(name) && !name.ends_with("-dev") {
        BootFiles::Kernel
    } else if IN_THE_IMAGE.contains(&name) || name.starts_with("linux-firmware-") {
        BootFiles::Image
    } else {
        BootFiles::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_from_their_neighbours() {
        for name in ["linux-lts", "linux-virt", "linux-lts-dev", "linux-rpi4"] {
            assert!(is_kernel(name), "{name}");
        }
        for name in ["linux-firmware", "linux-pam", "linux-headers", "linux-tools", "util-linux", "lts"] {
            assert!(!is_kernel(name), "{name}");
        }
        assert_eq!((boot_files("linux-lts"), boot_files("linux-lts-dev")), (BootFiles::Kernel, BootFiles::None));
        assert_eq!((boot_files("mkinitfs"), boot_files("linux-firmware-intel")), (BootFiles::Image, BootFiles::Image));
    }

    #[test]
    fn releases_are_ordered_by_their_numbers() {
        assert_eq!(order("6.6.9-0-lts", "6.6.10-0-lts"), Ordering::Less);
        assert_eq!(order("6.6.10-1-lts", "6.6.10-0-lts"), Ordering::Greater);
        assert_eq!(order("6.6.10-0-lts", "6.6.10-0-lts"), Ordering::Equal);
        assert_eq!((flavour("6.6.32-0-lts").as_str(), flavour("6.6.32").as_str()), ("lts", ""));
    }
}
