//! The documents of a scan: what a host is, and what is installed on it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::Machine,
    facts::{Details, HostFacts},
    pkg::{Kernel, Kernels, Upkeep},
};

/// What a host is. Times instead of ages, so that the same host gives the same document tomorrow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDocument {
    /// Which machine it is.
    #[serde(default)]
    pub machine: Machine,
    /// The system, as every step asks it.
    #[serde(default)]
    pub system: HostFacts,
    /// Hardware, containers, services.
    #[serde(default)]
    pub details: Details,
    /// The package manager; `None`: none that this program knows.
    #[serde(default)]
    pub manager: Option<String>,
    /// Kernels; `None`: not known.
    #[serde(default)]
    pub kernels: Option<KernelFacts>,
    /// Why it should be rebooted; empty: no need; `None`: not known.
    #[serde(default)]
    pub reboot: Option<Vec<String>>,
    /// When its package lists were fetched; `None`: there are none, or it is not known.
    #[serde(default)]
    pub lists_at: Option<Timestamp>,
    /// Repositories, and other programs that patch it; `None`: not known.
    #[serde(default)]
    pub upkeep: Option<Upkeep>,
    /// Packages on hold; `None`: not known.
    #[serde(default)]
    pub held: Option<Vec<String>>,
    /// What is wrong with the package database; `None`: nothing, or not known.
    #[serde(default)]
    pub broken: Option<String>,
}

/// Kernels by their releases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFacts {
    /// `uname -r`.
    pub running: String,
    /// Those that can be booted, oldest first.
    pub installed: Vec<String>,
    /// The packages of each of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, Vec<String>>,
    /// Which version of them it is, where several versions of a package are installed side by side.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// The newest of the running kernel's flavour.
    #[serde(default)]
    pub newest: Option<String>,
    /// What the boot loader will start.
    #[serde(default)]
    pub starts: Option<String>,
}

impl From<&Kernels> for KernelFacts {
    fn from(kernels: &Kernels) -> Self {
        let version =
            |kernel: &Kernel| Some((kernel.release.clone(), kernel.packages.iter().find_map(|it| it.version.clone())?));
        Self {
            running: kernels.running.clone(),
            installed: kernels.installed.iter().map(|kernel| kernel.release.clone()).collect(),
            packages: kernels
                .installed
                .iter()
                .map(|kernel| {
                    (kernel.release.clone(), kernel.packages.iter().map(|package| package.name.clone()).collect())
                })
                .collect(),
            versions: kernels.installed.iter().filter_map(version).collect(),
            newest: kernels.newest.clone(),
            starts: kernels.starts.as_ref().map(|starts| starts.release.clone()),
        }
    }
}

/// What is installed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Packages(pub BTreeMap<String, Vec<InstalledPackage>>);

/// One installed version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPackage {
    /// Its version.
    #[serde(rename = "v")]
    pub version: String,
    /// The source package that it was built from, and that one's version, where they differ from its own.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub source: Option<(String, String)>,
}
