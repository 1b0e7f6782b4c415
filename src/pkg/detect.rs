//! Which package manager a host has, or why this program supports none of them.

use super::{
    ALL, PackageManager,
    foreign::{FOREIGN, IMAGE_TOOLS},
    names,
};
use crate::facts::HostFacts;

/// A host that cannot be patched by this release. Nothing on it was changed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// Another package manager.
    #[error("this release patches {} hosts; this host has {tool} ({system})", names())]
    Foreign {
        /// The program that was found.
        tool: String,
        /// `PRETTY_NAME`.
        system: String,
    },
    /// No known package manager.
    #[error("this release patches {} hosts; this host has no known package manager ({system})", names())]
    Unknown {
        /// `PRETTY_NAME`.
        system: String,
    },
    /// An image-based system.
    #[error("the root file system is {how} ({system}): packages cannot be upgraded in place{}", own_tool(*tool))]
    ReadOnly {
        /// `ostree` or `read-only`.
        how: String,
        /// The tool that upgrades such a system, and what to type.
        tool: Option<(&'static str, &'static str)>,
        /// `PRETTY_NAME`.
        system: String,
    },
}

fn own_tool(tool: Option<(&str, &str)>) -> String {
    tool.map(|(tool, line)| format!("; {tool} does it: `{line}` in a `command` step, then `reboot: always`"))
        .unwrap_or_default()
}

/// Finds the manager of a host.
///
/// # Errors
/// [`Refusal`], before anything is changed.
pub fn detect(facts: &HostFacts) -> Result<&'static dyn PackageManager, Refusal> {
    let system = || facts.os.pretty_name.clone();
    if let Some(how) = &facts.read_only {
        let tool = IMAGE_TOOLS.into_iter().find(|(tool, _)| facts.tools.contains(*tool));
        return Err(Refusal::ReadOnly { how: how.clone(), tool, system: system() });
    }
    if let Some(manager) = ALL.iter().find(|manager| manager.serves(facts)) {
        return Ok(*manager);
    }
    match FOREIGN.iter().find(|tool| facts.tools.contains(**tool)) {
        Some(tool) => Err(Refusal::Foreign { tool: (*tool).to_owned(), system: system() }),
        None => Err(Refusal::Unknown { system: system() }),
    }
}

/// The manager of this name.
pub fn named(name: &str) -> Option<&'static dyn PackageManager> {
    ALL.iter().find(|manager| manager.name() == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::OsRelease;

    #[test]
    fn hosts_without_apt_are_refused_by_the_name_of_what_they_have() {
        let check = |id: &str, like: &str, tools: &[&str], read_only: Option<&str>| {
            let facts = HostFacts {
                os: OsRelease {
                    id: id.into(),
                    id_like: like.split_whitespace().map(str::to_owned).collect(),
                    version_id: String::new(),
                    codename: String::new(),
                    pretty_name: format!("The {id}"),
                },
                tools: tools.iter().map(|t| (*t).to_owned()).collect(),
                read_only: read_only.map(str::to_owned),
                ..HostFacts::default()
            };
            detect(&facts).map(PackageManager::name).map_err(|refusal| refusal.to_string())
        };
        let foreign = |tool: &str, id: &str| {
            Err(format!("this release patches {} hosts; this host has {tool} (The {id})", names()))
        };
        assert_eq!(check("debian", "", &["apt-get"], None), Ok("apt"));
        assert_eq!(check("linuxmint", "ubuntu debian", &["apt-get"], None), Ok("apt"));
        assert_eq!(check("devuan", "", &["apt-get"], None), Ok("apt"), "an unknown family with apt alone");
        assert_eq!(check("rocky", "rhel centos fedora", &["dnf", "yum"], None), Ok("dnf"));
        assert_eq!(check("centos", "rhel fedora", &["yum"], None), foreign("yum", "centos"), "version 7");
        assert_eq!(check("photon", "", &["dnf", "yum"], None), Ok("dnf"), "an unknown family with dnf alone");
        assert_eq!(check("opensuse-leap", "suse opensuse", &["dnf", "zypper"], None), Ok("zypper"));
        // apt can be installed on a Fedora, where it manages nothing.
        assert_eq!(check("fedora", "", &["apt-get", "dnf"], None), Ok("dnf"));
        // And dnf on a Debian.
        assert_eq!(check("debian", "", &["apt-get", "dnf"], None), Ok("apt"));
        assert_eq!(check("opensuse-leap", "suse opensuse", &["zypper"], None), Ok("zypper"));
        assert_eq!(check("sles", "suse", &["zypper", "yum"], None), Ok("zypper"));
        assert_eq!(check("alpine", "", &["apk"], None), Ok("apk"));
        assert_eq!(check("debian", "", &["apt-get", "apk"], None), Ok("apt"));
        assert_eq!(check("arch", "", &["pacman"], None), Ok("pacman"));
        assert_eq!(check("manjaro", "arch", &["pacman", "dnf"], None), Ok("pacman"));
        // It is in Debian, too.
        assert_eq!(check("debian", "", &["apt-get", "pacman"], None), Ok("apt"));
        assert_eq!(check("artix", "", &["pacman"], None), Ok("pacman"), "an unknown family with pacman alone");
        assert!(check("nixos", "", &[], None).unwrap_err().contains("no known package manager"));
        assert!(check("debian", "", &["apt-get"], Some("read-only")).unwrap_err().contains("read-only"));
        for (tools, how, line) in [
            (&["zypper", "transactional-update"][..], "read-only", "`transactional-update --non-interactive patch`"),
            (&["dnf", "rpm-ostree"], "ostree", "`rpm-ostree upgrade`"),
            (&["dnf", "rpm-ostree", "bootc"], "ostree", "`bootc upgrade`"),
        ] {
            let said = check("x", "", tools, Some(how)).unwrap_err();
            assert!(said.contains(line) && said.contains(how), "{said}");
        }
    }
}
