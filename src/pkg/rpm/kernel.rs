//! Kernels of RPM systems: which packages are one, what a release is called, and what is built for it in `/boot`.

use std::cmp::Ordering;

use super::{names::split_arch, version::segments};
use crate::pkg::BootFiles;

/// Beginnings that are followed by what distinguishes one kernel from another: `kernel-rt-core`, `kernel-uek-modules`.
const VARIANTS: [&str; 13] =
    ["rt", "64k", "uek", "uek64k", "16k", "automotive", "debug", "zfcpdump", "lt", "ml", "plus", "azure", "default"];

/// Parts of a kernel: what follows the name of the kernel itself.
const PARTS: [&str; 12] = [
    "core",
    "modules",
    "modules-core",
    "modules-extra",
    "modules-extra-matched",
    "modules-internal",
    "modules-partner",
    "devel",
    "devel-matched",
    "extra",
    "optional",
    "base",
];

/// The name of the kernel that a package is or is a part of: `kernel`, `kernel-rt`, `kernel6.12`.
pub(in crate::pkg) fn family(name: &str) -> Option<&str> {
    let (name, _) = split_arch(name);
    let rest = name.strip_prefix("kernel")?;
    // `kernel6.12` of Amazon Linux.
    let number = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let mut end = "kernel".len() + number;
    let mut rest = &rest[number..];
    // `kernel-rt-debug-core`
    while let Some(after) = rest.strip_prefix('-') {
        let word = after.split('-').next().unwrap_or(after);
        if !VARIANTS.contains(&word) {
            break;
        }
        end += 1 + word.len();
        rest = &after[word.len()..];
    }
    let part = rest.strip_prefix('-');
    (rest.is_empty() || part.is_some_and(|part| PARTS.contains(&part))).then(|| &name[..end])
}

/// A kernel, its modules or headers, or the package that brings them.
pub(in crate::pkg) fn is_kernel(name: &str) -> bool {
    family(name).is_some()
}

/// Whether kernels are built from this source package. Some distributions name the packages instead.
pub(in crate::pkg) fn is_source(name: &str) -> bool {
    name == "kernel-source" || is_kernel(name)
}

/// The order of releases.
pub(in crate::pkg) fn order(a: &str, b: &str) -> Ordering {
    segments(a, b)
}

/// What two releases must have in common for one to replace the other: `rt` of `5.14.0-427.el9.x86_64+rt`, `default` of
/// `6.4.0-150600.23-default`, `uek`, `elrepo`; empty for the ordinary kernel.
pub(in crate::pkg) fn flavour(release: &str) -> String {
    if let Some((_, variant)) = release.rsplit_once('+') {
        return variant.to_owned();
    }
    let (rest, arch) = split_arch(release);
    if arch.is_none()
        && let Some((_, word)) = release.rsplit_once('-')
        && word.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
    {
        return word.to_owned();
    }
    for builder in ["elrepo", "centos.plus"] {
        if rest.ends_with(&format!(".{builder}")) {
            return builder.to_owned();
        }
    }
    if rest.ends_with("uek") { "uek".to_owned() } else { String::new() }
}

/// Packages whose scripts build the initramfs of installed kernels again, or that are part of it.
const IN_THE_IMAGE: [&str; 8] =
    ["dracut", "microcode_ctl", "ucode-intel", "ucode-amd", "kmod-kvdo", "plymouth", "mdadm", "multipath-tools"];

/// What a package brings to `/boot`.
pub(in crate::pkg) fn boot_files(name: &str) -> BootFiles {
    let (name, _) = split_arch(name);
    let family = family(name);
    // The image is in `kernel-core`, or in the package of the kernel itself where it is not divided.
    let image = family.is_some_and(|family| name == family || name.strip_prefix(family) == Some("-core"));
    if image {
        BootFiles::Kernel
    } else if IN_THE_IMAGE.contains(&name) || name.starts_with("kmod-") {
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
        for (name, expected) in [
            ("kernel", Some("kernel")),
            ("kernel-core", Some("kernel")),
            ("kernel-modules-core", Some("kernel")),
            ("kernel-modules-extra", Some("kernel")),
            ("kernel-devel", Some("kernel")),
            ("kernel-rt-core", Some("kernel-rt")),
            ("kernel-rt-debug-core", Some("kernel-rt-debug")),
            ("kernel-64k-modules", Some("kernel-64k")),
            ("kernel-uek", Some("kernel-uek")),
            ("kernel-uek-modules", Some("kernel-uek")),
            ("kernel6.12", Some("kernel6.12")),
            ("kernel6.12-modules-extra", Some("kernel6.12")),
            ("kernel-default", Some("kernel-default")),
            ("kernel-default-devel", Some("kernel-default")),
            ("kernel-ml", Some("kernel-ml")),
            ("kernel-headers", None),
            ("kernel-tools", None),
            ("kernel-tools-libs", None),
            ("kernel-firmware-all", None),
            ("kernel-livepatch-6_4_0-default", None),
            ("kernel-srpm-macros", None),
            ("kernel-abi-stablelists", None),
            ("kernelshark", None),
            ("bash", None),
        ] {
            assert_eq!(family(name), expected, "{name}");
        }
    }

    #[test]
    fn what_comes_to_boot_is_known_by_name() {
        for (name, files) in [
            ("kernel-core", BootFiles::Kernel),
            ("kernel", BootFiles::Kernel),
            ("kernel-default", BootFiles::Kernel),
            ("kernel-rt-core", BootFiles::Kernel),
            ("kernel-modules", BootFiles::None),
            ("kernel-devel", BootFiles::None),
            ("dracut", BootFiles::Image),
            ("kmod-nvidia", BootFiles::Image),
            ("kmod", BootFiles::None),
            ("openssl", BootFiles::None),
        ] {
            assert_eq!(boot_files(name), files, "{name}");
        }
    }

    #[test]
    fn a_flavour_is_followed_by_itself_and_nothing_else() {
        for (release, expected) in [
            ("5.14.0-427.13.1.el9_4.x86_64", ""),
            ("6.9.3-200.fc40.x86_64", ""),
            ("6.1.10-15.42.amzn2023.x86_64", ""),
            ("5.14.0-427.13.1.el9_4.x86_64+rt", "rt"),
            ("5.14.0-427.13.1.el9_4.aarch64+64k", "64k"),
            ("5.15.0-206.153.7.el9uek.x86_64", "uek"),
            ("6.9.3-1.el9.elrepo.x86_64", "elrepo"),
            ("6.4.0-150600.23.25-default", "default"),
            ("6.4.0-150600.8.5-azure", "azure"),
            ("6.9.3", ""),
        ] {
            assert_eq!(flavour(release), expected, "{release}");
        }
        assert_eq!(order("5.14.0-427.9.1.el9_4.x86_64", "5.14.0-427.13.1.el9_4.x86_64"), Ordering::Less);
        assert_eq!(order("6.4.0-150600.21-default", "6.4.0-150600.23.25-default"), Ordering::Less);
    }
}
