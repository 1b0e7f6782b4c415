//! What changed: counts over some hosts, and the package changes of a run.

use indexmap::IndexMap;

use super::RunView;
use crate::{
    event::{HostAt, HostState},
    host::HostName,
};

/// What changed on some hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Packages that changed, counted once per host.
    pub packages: usize,
    /// Hosts with at least one of them.
    pub upgraded: usize,
    /// Hosts that rebooted.
    pub reboots: usize,
    /// Hosts on which only something else changed.
    pub other: usize,
    /// Hosts in a step that has not ended: it may have changed more already, or may do so.
    pub open: usize,
}

impl Changes {
    /// Counts the changes on these hosts.
    pub fn on<'a>(hosts: impl IntoIterator<Item = &'a HostState>) -> Self {
        let mut all = Self::default();
        for host in hosts {
            let (packages, rebooted) = (host.packages_changed(), host.rebooted());
            all.packages += packages;
            all.upgraded += usize::from(packages > 0);
            all.reboots += usize::from(rebooted);
            let other = packages == 0 && !rebooted && host.steps.iter().any(|(_, result)| result.changed);
            all.other += usize::from(other);
            all.open += usize::from(host.at == HostAt::InFlight && host.current.is_some());
        }
        all
    }
}

/// The package changes of a host, sorted: name, version before, version after. `None`: not installed.
pub type PackageSet = Vec<(String, Option<String>, Option<String>)>;

impl RunView<'_> {
    /// The package changes of the run; hosts with the same changes share a set.
    pub fn package_sets(&self) -> IndexMap<PackageSet, Vec<HostName>> {
        let mut sets: IndexMap<PackageSet, Vec<HostName>> = IndexMap::new();
        for host in &self.state.hosts {
            let changes = host.changes();
            let mut set: PackageSet = changes.into_iter().map(|change| (change.name, change.from, change.to)).collect();
            set.sort_unstable();
            if !set.is_empty() {
                sets.entry(set).or_default().push(host.name.clone());
            }
        }
        sets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Verdict, sample::*};

    #[test]
    fn each_host_counts_once() {
        let mut sample = Sample::of(plan(&[("edge", &["a b c d"])]));
        let touched = crate::event::StepResult { changed: true, ..result(Verdict::Ok, "written") };
        sample.good("a").walk("b", vec![touched]).start("c").begin("c", main_step(0)).start("d");
        let expected = Changes { packages: 2, upgraded: 1, reboots: 1, other: 1, open: 1 };
        assert_eq!(Changes::on(&sample.state.hosts), expected);
        let sets = RunView::of(&sample.state).package_sets();
        assert_eq!(sets.len(), 1);
        assert_eq!(sets[0].iter().map(|host| host.as_str()).collect::<Vec<_>>(), ["a"]);
    }
}
