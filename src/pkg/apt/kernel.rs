//! Names of kernel packages, what a release consists of, and what else is part of a boot.

use std::cmp::Ordering;

use super::version::compare;
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

/// Whether advisories call the source of kernels so: `linux`, `linux-6.1`, `linux-hwe-6.8`, `linux-aws`.
pub(super) fn is_kernel_source(source: &str) -> bool {
    let rest = source.strip_prefix("linux-").unwrap_or_default();
    let numbered = rest.bytes().next().is_some_and(|b| b.is_ascii_digit());
    source == "linux" || numbered || rest.starts_with("hwe-") || is_kernel(source)
}

/// The release that an image package brings; `None` for meta packages and everything else. For packages that are not
/// yet on the disk; installed kernels are known by their files.
fn release_of_image(name: &str) -> Option<&str> {
    const STARTS: [&str; 4] = ["linux-image-unsigned-", "linux-image-", "proxmox-kernel-", "pve-kernel-"];
    let name = name.split(':').next().unwrap_or(name);
    let release = STARTS.iter().find_map(|start| name.strip_prefix(start))?;
    let numbered = release.bytes().next().is_some_and(|b| b.is_ascii_digit());
    // `proxmox-kernel-6.8` is a meta package, `proxmox-kernel-6.8.12-4-pve` a kernel.
    let meta = !name.starts_with("linux-") && !release.contains("-pve");
    (numbered && !meta && !release.ends_with("-dbg") && !release.ends_with("-dbgsym")).then_some(release)
}

/// Whether a package of this name belongs to the kernel of this release and to no other.
pub(super) fn is_part_of(name: &str, release: &str) -> bool {
    const STARTS: [&str; 5] = ["linux-", "proxmox-kernel-", "proxmox-headers-", "pve-kernel-", "pve-headers-"];
    let whole = name.strip_suffix("-signed").unwrap_or(name);
    let start = whole.strip_suffix(&in_names(release)).filter(|start| start.ends_with('-'));
    start.is_some_and(|start| STARTS.iter().any(|known| start.starts_with(known)))
}

/// Whether the release is in the name.
pub(super) fn names(name: &str, release: &str) -> bool {
    name.contains(&in_names(release))
}

/// Names of packages have neither capitals nor underscores.
fn in_names(release: &str) -> String {
    release.to_ascii_lowercase().replace('_', "-")
}

/// The order of releases, which is that of versions; a release candidate comes before its release.
pub(super) fn order(a: &str, b: &str) -> Ordering {
    compare(&a.replace("-rc", "~rc"), &b.replace("-rc", "~rc"))
}

/// What two releases must have in common for one to replace the other. Numbers of builds, candidates and commits do not
/// count: `6.9.3-xanmod1` is followed by `6.9.4-xanmod2`.
pub(super) fn flavour(release: &str) -> String {
    let (_, flavour) = abi_and_flavour(release);
    let hex = |text: &str| text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let build = |part: &&str| {
        let number = part.strip_prefix("rc").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        *part == "dirty" || number || part.strip_prefix('g').is_some_and(hex)
    };
    let parts: Vec<&str> = flavour.trim_end_matches('+').split('-').filter(|part| !build(part)).collect();
    let joined = parts.join("-");
    // `rpi-v7` and `rpi-v8` are for different machines, and so are `686` and `686-pae`.
    let word = joined.trim_end_matches(|c: char| c.is_ascii_digit());
    let letters = word.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    let build = letters >= 3 && !joined.ends_with("64") && !joined.ends_with("32");
    if build { word.to_owned() } else { joined }
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
    if release_of_image(name).is_some() || name == "raspberrypi-kernel" {
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
    fn a_flavour_is_followed_by_itself_and_nothing_else() {
        for (a, b) in [
            ("6.1.0-98-amd64", "6.1.0-99-amd64"),
            ("6.8.4-2-pve", "6.8.12-9-pve"),
            ("6.9.3", "6.10.0"),
            ("6.9.0-rc3", "6.9.0"),
            ("6.9.0-00012-gabc1234", "6.9.0-00013-gdef5678-dirty"),
            ("6.9.3-x64v3-xanmod1", "6.10.1-x64v3-xanmod2"),
            ("6.9.3-custom+", "6.9.4-custom"),
            ("6.12.43+deb13-amd64", "6.12.48+deb13-amd64"),
        ] {
            assert_eq!(flavour(a), flavour(b), "{a} and {b}");
            assert_eq!(order(a, b), Ordering::Less, "{a} and {b}");
        }
        for (a, b) in [
            ("6.1.0-98-amd64", "6.1.0-99-cloud-amd64"),
            ("6.1.0-98-amd64", "6.1.0-99-rt-amd64"),
            ("6.1.0-98-amd64", "6.9.3"),
            ("6.6.31+rpt-rpi-v7", "6.6.31+rpt-rpi-v8"),
            ("6.6.31+rpt-rpi-v8", "6.6.31+rpt-rpi-2712"),
            ("6.1.0-98-686", "6.1.0-98-686-pae"),
            ("6.8.0-45-generic", "6.8.0-45-generic-64k"),
            ("6.8.0-45-generic", "6.8.0-45-lowlatency"),
            ("6.8.0-45-generic", "6.8.12-9-pve"),
        ] {
            assert_ne!(flavour(a), flavour(b), "{a} and {b}");
        }
    }

    #[test]
    fn a_flavour_is_called_as_people_call_it() {
        for (release, name) in [
            ("6.1.0-98-cloud-amd64", "cloud-amd64"),
            ("6.8.4-2-pve", "pve"),
            ("6.9.3-xanmod1", "xanmod"),
            ("6.9.3", ""),
        ] {
            assert_eq!(flavour(release), name, "{release}");
        }
    }

    #[test]
    fn the_packages_of_a_release_are_its_own() {
        for (name, release, yes) in [
            ("linux-image-6.1.0-98-amd64", "6.1.0-98-amd64", true),
            ("linux-image-6.1.0-98-cloud-amd64", "6.1.0-98-amd64", false),
            ("linux-image-6.1.0-98-amd64-dbg", "6.1.0-98-amd64", false),
            ("proxmox-kernel-6.8.12-9-pve-signed", "6.8.12-9-pve", true),
            ("proxmox-headers-6.8.12-9-pve", "6.8.12-9-pve", true),
            ("proxmox-kernel-6.8", "6.8.12-9-pve", false),
            ("linux-image-6.9.3-mine", "6.9.3-Mine", true),
            ("linux-image-6.9.3-mine", "6.9.3", false),
            ("foreign-6.9.3", "6.9.3", false),
        ] {
            assert_eq!(is_part_of(name, release), yes, "{name} and {release}");
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
            ("proxmox-kernel-6.8.12-9-pve-signed", Some("6.8.12-9-pve-signed")),
            ("proxmox-kernel-6.8", None),
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
