//! Kernels, and why a host should be rebooted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use super::{Package, Starts};

/// The running kernel and the installed ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kernels {
    /// `uname -r`.
    pub running: String,
    /// Those that can be booted, wherever they came from; oldest first.
    pub installed: Vec<Kernel>,
    /// The newest of the running kernel's flavour; `None` if the host's disk does not decide which kernel runs
    /// (containers, kernels from outside).
    pub newest: Option<String>,
    /// What the boot loader will start; `None` if no file says so.
    pub starts: Option<Starts>,
    /// The command that makes the boot loader start a kernel, by release, as far as the loader can be told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, Vec<String>>,
    /// Packages that several kernels need (headers of one ABI), with the releases that need them.
    pub shared: BTreeMap<Package, BTreeSet<String>>,
}

/// An installed kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// As in `uname -r`.
    pub release: String,
    /// What one kernel must have in common with another to replace it: `amd64`, `cloud-amd64`, `pve`.
    pub flavour: String,
    /// Packages of this release alone: image, modules, headers. Empty: the kernel was built on the host.
    pub packages: Vec<Package>,
}

impl Kernels {
    fn flavour(&self, release: &str) -> Option<&str> {
        self.installed.iter().find(|kernel| kernel.release == release).map(|kernel| kernel.flavour.as_str())
    }

    /// Why a reboot now would not start the expected kernel.
    pub fn danger(&self) -> Option<String> {
        let Starts { release, by } = self.starts.as_ref()?;
        let Some(next) = self.flavour(release) else {
            return Some(format!("the boot loader ({by}) would start kernel {release}, which is not on the disk"));
        };
        let now = self.flavour(&self.running).filter(|now| *now != next)?;
        let of = |flavour: &str| if flavour.is_empty() { "none".to_owned() } else { flavour.to_owned() };
        Some(format!(
            "the boot loader ({by}) would start kernel {release}, flavour {}; {} is running, flavour {}",
            of(next),
            self.running,
            of(now)
        ))
    }

    /// The kernel that the next boot should start.
    pub fn next(&self) -> Option<&str> {
        self.starts.as_ref().map(|starts| starts.release.as_str()).or(self.newest.as_deref())
    }

    /// The kernel for which a reboot is due. One of another flavour does not count.
    pub fn due(&self) -> Option<&str> {
        let next = if self.danger().is_some() { self.newest.as_deref() } else { self.next() };
        next.filter(|next| *next != self.running)
    }

    /// A message if the newest kernel is installed but a reboot would not start it.
    pub fn passed_over(&self) -> Option<String> {
        let (newest, starts) = (self.newest.as_ref()?, self.starts.as_ref()?);
        (starts.release != *newest).then(|| {
            let Starts { release, by } = starts;
            format!("kernel {newest} is installed, but the boot loader ({by}) starts {release}")
        })
    }
}

/// What a package brings to `/boot` besides what it is unpacked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootFiles {
    /// Nothing.
    None,
    /// The initramfs is built again: it has the package's tools, microcode, or what mounts the root.
    Image,
    /// A kernel, for which an initramfs is built.
    Kernel,
}

/// What a boot needs below `/boot`, as patterns of a shell for names in that folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootPatterns {
    /// Kernels.
    pub kernels: &'static str,
    /// Images of the initramfs.
    pub images: &'static str,
}

/// Why a host should be rebooted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RebootReason {
    /// The distribution's own mark, with the packages that asked for it.
    Flag {
        /// May be empty: the mark does not always name them.
        packages: Vec<String>,
    },
    /// A newer kernel is installed.
    Kernel {
        /// `uname -r`.
        running: String,
        /// What the next boot should start.
        newest: String,
    },
    /// The modules of the running kernel are gone: nothing can be loaded any more.
    ModulesGone {
        /// `uname -r`.
        running: String,
    },
    /// A package that every process or process 1 uses was replaced since boot.
    Replaced {
        /// Its name.
        package: String,
    },
}

impl fmt::Display for RebootReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag { packages } if packages.is_empty() => f.write_str("the system requests it"),
            Self::Flag { packages } => write!(f, "requested by {}", packages.join(", ")),
            Self::Kernel { running, newest } => write!(f, "kernel {newest} is installed, {running} is running"),
            Self::ModulesGone { running } => write!(f, "the modules of the running kernel {running} are gone"),
            Self::Replaced { package } => write!(f, "{package} was replaced since boot"),
        }
    }
}

/// What a host says about its next boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Boot {
    /// Which kernels there are.
    pub kernels: Kernels,
    /// Why it should be rebooted; empty: no need.
    pub reasons: Vec<RebootReason>,
}
