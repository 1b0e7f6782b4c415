//! Names of RPM packages: which text can be one, and when the architecture belongs to it.

/// Whether `text` is a package name, `.arch` allowed; anything else never reaches a command line.
pub(in crate::pkg) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 256
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"+.-_".contains(&b))
}

/// The name under which a package is known: with its architecture only if that is not the host's own.
pub(in crate::pkg) fn key(name: &str, arch: &str, native: &str) -> String {
    if is_own(arch, native) { name.to_owned() } else { format!("{name}.{arch}") }
}

/// Architectures that a name may end with. A name may have dots of its own: `python3.11`, `java-1.8.0-openjdk`.
const ARCHES: [&str; 17] = [
    "aarch64",
    "armv6hl",
    "armv7hl",
    "i386",
    "i486",
    "i586",
    "i686",
    "loongarch64",
    "noarch",
    "ppc64",
    "ppc64le",
    "riscv64",
    "s390",
    "s390x",
    "x86_64",
    "x86_64_v2",
    "x86_64_v3",
];

/// The name and the architecture behind it, if there is one.
pub(in crate::pkg) fn split_arch(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('.') {
        Some((bare, arch)) if ARCHES.contains(&arch) => (bare, Some(arch)),
        _ => (name, None),
    }
}

/// Name, `[epoch:]version-release` and architecture of `bash-5.1.8-9.el9.x86_64` or `lab-1:1.0-2.noarch`.
pub(in crate::pkg) fn nevra(text: &str) -> Option<(&str, &str, &str)> {
    let (rest, arch) = text.rsplit_once('.')?;
    let (before_release, _) = rest.rsplit_once('-')?;
    let (name, _) = before_release.rsplit_once('-')?;
    let version = &rest[name.len() + 1..];
    (is_name(name) && super::version::is_version(version) && is_name(arch)).then_some((name, version, arch))
}

fn is_own(arch: &str, native: &str) -> bool {
    let family = |arch: &str| match arch.as_bytes() {
        [b'i', _, b'8', b'6'] => "i386".to_owned(),
        _ => arch.split_once("_v").map_or(arch, |(base, _)| base).to_owned(),
    };
    ["noarch", "(none)", ""].contains(&arch) || family(arch) == family(native)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_architecture_belongs_to_the_name_if_it_is_not_the_hosts_own() {
        for (arch, native, expected) in [
            ("x86_64", "x86_64", "glibc"),
            ("noarch", "x86_64", "glibc"),
            ("i686", "x86_64", "glibc.i686"),
            ("i686", "i386", "glibc"),
            ("x86_64_v2", "x86_64", "glibc"),
            ("aarch64", "aarch64", "glibc"),
        ] {
            assert_eq!(key("glibc", arch, native), expected, "{arch} on {native}");
        }
        for (name, parts) in [
            ("glibc.i686", ("glibc", Some("i686"))),
            ("python3.11", ("python3.11", None)),
            ("java-1.8.0-openjdk", ("java-1.8.0-openjdk", None)),
            ("kernel6.12", ("kernel6.12", None)),
        ] {
            assert_eq!(split_arch(name), parts);
        }
    }

    #[test]
    fn a_package_is_split_from_behind() {
        for (text, parts) in [
            ("bash-5.1.8-9.el9.x86_64", Some(("bash", "5.1.8-9.el9", "x86_64"))),
            ("lab-sec-1:1.0-2.noarch", Some(("lab-sec", "1:1.0-2", "noarch"))),
            ("kernel-core-5.14.0-427.13.1.el9_4.x86_64", Some(("kernel-core", "5.14.0-427.13.1.el9_4", "x86_64"))),
            ("bash", None),
            ("a-b.c", None),
            ("--setopt-1-1.x", None),
            ("", None),
        ] {
            assert_eq!(nevra(text), parts, "{text}");
        }
    }

    #[test]
    fn what_could_be_an_option_or_a_pattern_is_no_name() {
        for good in ["bash", "libstdc++", "java-1.8.0-openjdk", "glibc.i686", "_x"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-y", "--all", "a b", "a*", "@core", "/bin/sh", "a;b", "é", &"a".repeat(300)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
