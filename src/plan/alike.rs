//! Hosts with the same windows and freezes, from the inventory alone. Start at [`alike`].

use super::dates;
use crate::{
    calendar::{Dates, Schedule, Windows},
    host::{Environment, HostName},
    inventory::Inventory,
    yaml::Problems,
};

/// Hosts that may be started at the same times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// At least one, in the order of the selection.
    pub hosts: Vec<HostName>,
    /// Their environments, in the order of their first hosts.
    pub environments: Vec<Environment>,
    /// When they may be started. `None`: at any time.
    pub windows: Option<Windows>,
    /// Names of freezes that hold for them.
    pub freezes: Vec<String>,
}

impl Alike {
    /// When they may be started.
    pub fn schedule<'a>(&'a self, dates: &'a Dates) -> Schedule<'a> {
        Schedule { windows: self.windows.as_ref(), freezes: &self.freezes, dates, walk: None }
    }
}

/// The hosts by what their groups say about windows and freezes.
///
/// # Errors
/// A name that `dates` does not have.
pub fn alike(inventory: &Inventory, hosts: &[HostName], dates: &Dates) -> Result<Vec<Alike>, Problems> {
    let mut found: Vec<Alike> = Vec::new();
    for host in hosts {
        let policy = inventory.policy(host);
        let windows = Windows::narrowed(policy.window.as_ref(), None);
        let freezes = policy.freezes.unwrap_or_default();
        let at = found.iter().position(|one| one.windows == windows && one.freezes == freezes);
        let at = at.unwrap_or_else(|| {
            found.push(Alike { hosts: Vec::new(), environments: Vec::new(), windows, freezes });
            found.len() - 1
        });
        found[at].hosts.push(host.clone());
        if let Some(environment) = policy.environment
            && !found[at].environments.contains(&environment)
        {
            found[at].environments.push(environment);
        }
    }
    let uses =
        found.iter().flat_map(|one| one.hosts.iter().map(|host| (host, one.freezes.as_slice(), one.windows.as_ref())));
    dates::unknown(uses, dates).or(found)
}
