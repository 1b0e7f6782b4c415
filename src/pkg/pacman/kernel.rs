//! Kernels of Arch Linux: which packages are one, what a release is called, and what is built for it in `/boot`. A
//! kernel package has one version, and its files in `/boot` have none in their names.

use std::cmp::Ordering;

use super::version;
use crate::pkg::BootFiles;

/// Kernels besides `linux`, by what follows `linux-`. Others are known by the file `pkgbase` beside their modules.
const VARIANTS: [&str; 9] = ["lts", "zen", "hardened", "rt", "rt-lts", "mainline", "aarch64", "rpi", "cachyos"];

/// A kernel, or its headers.
pub(super) fn is_kernel(name: &str) -> bool {
    let Some(rest) = name.strip_suffix("-headers").unwrap_or(name).strip_prefix("linux") else { return false };
    // `linux612` of Manjaro, with the variants of its own.
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.is_empty() || rest.strip_prefix('-').is_some_and(|variant| VARIANTS.contains(&variant))
}

/// The order of releases.
pub(super) fn order(a: &str, b: &str) -> Ordering {
    version::compare(a, b)
}

/// What two releases must have in common for one to replace the other: `lts` of `6.6.8-1-lts`; empty for
/// `6.6.8-arch1-1`.
pub(super) fn flavour(release: &str) -> String {
    let last = release.rsplit_once('-').map(|(_, last)| last);
    let letters = last.filter(|word| word.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()));
    letters.filter(|word| !word.starts_with("arch")).unwrap_or_default().to_owned()
}

/// Packages after which an initramfs is built again, or that are part of it.
const IN_THE_IMAGE: [&str; 14] = [
    "mkinitcpio",
    "mkinitcpio-busybox",
    "dracut",
    "booster",
    "amd-ucode",
    "intel-ucode",
    "linux-firmware",
    "systemd",
    "cryptsetup",
    "lvm2",
    "mdadm",
    "btrfs-progs",
    "plymouth",
    "kmod",
];

/// What a package brings to `/boot`.
pub(super) fn boot_files(name: &str) -> BootFiles {
    if is_kernel(name) && !name.ends_with("-headers") {
        BootFiles::Kernel
    } else if IN_THE_IMAGE.contains(&name) || name.ends_with("-dkms") {
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
        for name in ["linux", "linux-headers", "linux-lts", "linux-zen-headers", "linux-rt-lts", "linux612"] {
            assert!(is_kernel(name), "{name}");
        }
        for name in ["linux-firmware", "linux-api-headers", "linux-tools", "linux-docs", "util-linux", "glibc"] {
            assert!(!is_kernel(name), "{name}");
        }
        assert_eq!(boot_files("linux"), BootFiles::Kernel);
        assert_eq!(boot_files("linux-lts-headers"), BootFiles::None);
        assert_eq!((boot_files("amd-ucode"), boot_files("nvidia-dkms")), (BootFiles::Image, BootFiles::Image));
    }

    #[test]
    fn a_flavour_is_followed_by_itself_and_nothing_else() {
        for (release, expected) in [
            ("6.6.8-arch1-1", ""),
            ("6.1.70-1-lts", "lts"),
            ("6.6.8-zen1-1-zen", "zen"),
            ("6.6.8-hardened1-1-hardened", "hardened"),
            ("6.6.8-1-MANJARO", "MANJARO"),
            ("6.6.8", ""),
        ] {
            assert_eq!(flavour(release), expected, "{release}");
        }
        assert_eq!(order("6.6.2-arch1-1", "6.6.10-arch1-1"), Ordering::Less);
    }
}
