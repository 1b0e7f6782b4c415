//! Kernels, and why a host should be rebooted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

/// The running kernel and the installed ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kernels {
    /// `uname -r`.
    pub running: String,
    /// Oldest first.
    pub installed: Vec<Kernel>,
    /// The release that the next boot should bring; `None` where packages do not decide it (containers, own kernels).
    pub newest: Option<String>,
    /// Packages that several kernels need (headers of one ABI), with the releases that need them.
    pub shared: BTreeMap<String, BTreeSet<String>>,
}

/// An installed kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// As in `uname -r`.
    pub release: String,
    /// Packages of this release alone: image, modules, headers.
    pub packages: Vec<String>,
}

/// What a package brings to `/boot` besides what it is unpacked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootFiles {
    /// Nothing.
    None,
    /// The image of the first root file system is made again: its tools, microcode, what mounts the root.
    Image,
    /// A kernel, for which an image is made.
    Kernel,
}

/// Why a host should be rebooted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RebootReason {
    /// The distribution's own mark, with the packages that asked.
    Flag {
        /// May be empty: the mark does not always say.
        packages: Vec<String>,
    },
    /// A newer kernel is installed.
    Kernel {
        /// `uname -r`.
        running: String,
        /// What the next boot should bring.
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
            Self::Flag { packages } if packages.is_empty() => f.write_str("the system asks for it"),
            Self::Flag { packages } => write!(f, "asked for by {}", packages.join(", ")),
            Self::Kernel { running, newest } => write!(f, "kernel {newest} is installed, {running} is running"),
            Self::ModulesGone { running } => write!(f, "the modules of the running kernel {running} are gone"),
            Self::Replaced { package } => write!(f, "{package} was replaced since boot"),
        }
    }
}
