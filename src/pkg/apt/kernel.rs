//! Names of kernel packages, what a release consists of, and what else is part of a boot.

use crate::pkg::BootFiles;

/// A kernel, its headers or modules, or a meta package that brings them: `linux-image-amd64`, `linux-generic`.
pub(super) fn is_kernel(name: &str) -> bool {
    const WHOLE: [&str; 6] =
        ["linux-image", "linux-headers", "linux-modules", "proxmox-kernel", "pve-kernel", "proxmox-default-kernel"];
    // Ubuntu's meta packages, each alone or followed by `-hwe-22.04`, `-6.8`, `-edge`.
    const FLAVOURS: [&str; 14] = [
        "generic",
        "virtual",
        "kvm",
        "aws",
        "azure",
        "gcp",
        "gke",
        "oracle",
        "ibm",
        "raspi",
        "lowlatency",
        "oem",
        "nvidia",
        "realtime",
    ];
    let name = name.split(':').next().unwrap_or(name);
    let begins = |start: &str, name: &str| name.strip_prefix(start).is_some_and(|r| r.is_empty() || r.starts_with('-'));
    WHOLE.iter().any(|whole| begins(whole, name))
        || name == "raspberrypi-kernel"
        || name.strip_prefix("linux-").is_some_and(|rest| FLAVOURS.iter().any(|flavour| begins(flavour, rest)))
}

/// The release that an image package brings; `None` for meta packages and everything else.
pub(super) fn release_of_image(name: &str) -> Option<&str> {
    let name = name.split(':').next().unwrap_or(name);
    let release = name.strip_prefix("linux-image-unsigned-").or_else(|| name.strip_prefix("linux-image-"))?;
    let numbered = release.bytes().next().is_some_and(|b| b.is_ascii_digit());
    (numbered && !release.ends_with("-dbg") && !release.ends_with("-dbgsym")).then_some(release)
}

/// Packages whose trigger or script calls `update-initramfs -u`: each brings a hook into `/usr/share/initramfs-tools`.
const IN_THE_IMAGE: [&str; 21] = [
    "amd64-microcode",
    "btrfs-progs",
    "busybox",
    "busybox-initramfs",
    "busybox-static",
    "console-setup",
    "cryptsetup-initramfs",
    "dmsetup",
    "dracut",
    "dracut-core",
    "initramfs-tools",
    "initramfs-tools-core",
    "intel-microcode",
    "klibc-utils",
    "kmod",
    "lvm2",
    "mdadm",
    "multipath-tools-boot",
    "plymouth",
    "udev",
    "zfs-initramfs",
];

/// What a package brings to `/boot`.
pub(super) fn boot_files(name: &str) -> BootFiles {
    let name = name.split(':').next().unwrap_or(name);
    let proxmox = ["proxmox-kernel-", "pve-kernel-"].iter().find_map(|start| name.strip_prefix(start));
    if release_of_image(name).is_some()
        || name == "raspberrypi-kernel"
        // `proxmox-kernel-6.8` is a meta package, `proxmox-kernel-6.8.12-4-pve` a kernel.
        || proxmox.is_some_and(|release| release.contains("-pve"))
    {
        return BootFiles::Kernel;
    }
    if IN_THE_IMAGE.contains(&name) || name.starts_with("firmware-") { BootFiles::Image } else { BootFiles::None }
}

/// `6.1.0-98` and `cloud-amd64` of `6.1.0-98-cloud-amd64`: the ABI, which headers share, and the flavour.
pub(super) fn abi_and_flavour(release: &str) -> (&str, &str) {
    let starts_flavour = |rest: &str| rest.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let split = release.match_indices('-').find(|(at, _)| starts_flavour(&release[at + 1..]));
    split.map_or((release, ""), |(at, _)| (&release[..at], &release[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_from_their_neighbours() {
        for yes in [
            "linux-image-amd64",
            "linux-image-6.1.0-99-amd64",
            "linux-headers-generic",
            "linux-modules-extra-6.8.0-45",
            "linux-generic",
            "linux-generic-hwe-22.04",
            "linux-aws",
            "linux-aws-6.8",
            "proxmox-kernel-6.8",
            "linux-image-amd64:amd64",
        ] {
            assert!(is_kernel(yes), "{yes}");
        }
        for no in [
            "linux-libc-dev",
            "linux-base",
            "linux-firmware",
            "linux-perf",
            "linux-tools-common",
            "util-linux",
            "linux-genericx",
            "linux",
        ] {
            assert!(!is_kernel(no), "{no}");
        }
    }

    #[test]
    fn what_comes_to_boot_is_known_by_name() {
        for (name, files) in [
            ("linux-image-6.1.0-99-amd64", BootFiles::Kernel),
            ("linux-image-6.1.0-99-amd64:amd64", BootFiles::Kernel),
            ("linux-image-unsigned-6.8.0-45-generic", BootFiles::Kernel),
            ("proxmox-kernel-6.8.12-4-pve-signed", BootFiles::Kernel),
            ("linux-image-amd64", BootFiles::None),
            ("proxmox-kernel-6.8", BootFiles::None),
            ("linux-headers-6.1.0-99-amd64", BootFiles::None),
            ("openssl", BootFiles::None),
            ("initramfs-tools", BootFiles::Image),
            ("firmware-misc-nonfree", BootFiles::Image),
        ] {
            assert_eq!(boot_files(name), files, "{name}");
        }
    }

    #[test]
    fn releases_and_flavours_are_split() {
        for (name, release) in [
            ("linux-image-6.1.0-99-amd64", Some("6.1.0-99-amd64")),
            ("linux-image-unsigned-6.8.0-45-generic", Some("6.8.0-45-generic")),
            ("linux-image-amd64", None),
            ("linux-image-6.1.0-99-amd64-dbg", None),
            ("linux-headers-6.1.0-99-amd64", None),
        ] {
            assert_eq!(release_of_image(name), release, "{name}");
        }
        for (release, parts) in [
            ("6.1.0-98-amd64", ("6.1.0-98", "amd64")),
            ("6.1.0-98-cloud-amd64", ("6.1.0-98", "cloud-amd64")),
            ("6.12.43+deb13-amd64", ("6.12.43+deb13", "amd64")),
            ("6.1.0-0.deb11.7-amd64", ("6.1.0-0.deb11.7", "amd64")),
            ("6.8.0-45-generic", ("6.8.0-45", "generic")),
            ("6.9.3", ("6.9.3", "")),
            ("6.8.0-", ("6.8.0-", "")),
        ] {
            assert_eq!(abi_and_flavour(release), parts, "{release}");
        }
    }
}
