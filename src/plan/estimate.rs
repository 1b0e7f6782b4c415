//! How long a plan will take, from how long its hosts took before. Pure. Start at [`estimate`].

use std::{collections::HashMap, time::Duration};

use super::{Plan, PlannedHost, Stage, Wave};
use crate::{host::HostName, policy::Mode};

/// How long hosts and steps of earlier runs of the same playbook took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experience {
    /// Runs that it comes from.
    pub runs: usize,
    /// The newest time of each host.
    pub hosts: HashMap<HostName, Duration>,
    /// The mean time of each step, by its name.
    pub steps: HashMap<String, Duration>,
}

/// How long a plan will probably take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// In all, without waiting for people and windows.
    pub total: Duration,
    /// Hosts whose own time is known; the others are taken to need as long as most did.
    pub known: usize,
    /// Runs that the times come from.
    pub runs: usize,
}

/// The estimate; `None` if nothing is known. `forks`: the most hosts at once.
pub fn estimate(plan: &Plan, past: &Experience, forks: usize) -> Option<Estimate> {
    let typical = of_nine_in_ten(past.hosts.values().copied().collect())?;
    let of = |name: &HostName| past.hosts.get(name).copied().unwrap_or(typical);
    let (mut total, mut soak) = (Duration::ZERO, Duration::ZERO);
    for stage in &plan.stages {
        for wave in &stage.waves {
            let times = wave.hosts.iter().map(|host| of(&host.name)).collect();
            total += soak + side_by_side(times, stage.at_once(wave, forks));
            soak = stage.soak;
        }
    }
    let known = plan.hosts().filter(|(host, ..)| past.hosts.contains_key(&host.name)).count();
    Some(Estimate { total, known, runs: past.runs })
}

/// Nine of ten took at most this long; `None` if there is none.
pub fn of_nine_in_ten(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get((times.len() * 9).div_ceil(10).saturating_sub(1)).copied()
}

/// How long hosts with these times take together: as long as the slowest; with fewer places than hosts, as long as the
/// work of one place.
pub fn side_by_side(times: Vec<Duration>, at_once: usize) -> Duration {
    let slowest = times.iter().max().copied().unwrap_or_default();
    let work: Duration = times.iter().sum();
    slowest.max(work / u32::try_from(at_once.max(1)).unwrap_or(u32::MAX))
}

impl Stage {
    /// The most hosts of this wave at once, if the run has `forks` places.
    pub fn at_once(&self, wave: &Wave, forks: usize) -> usize {
        match (self.mode, self.window_size) {
            (Mode::Sliding, Some(size)) if !wave.canary => size.min(forks),
            _ => forks,
        }
    }
}

/// About when each host is started after the start of the run, and how long the plan takes; `None` if nothing is known.
pub(super) fn starts<'p>(
    plan: &'p Plan,
    past: &Experience,
    forks: usize,
) -> Option<(Vec<(&'p PlannedHost, Duration)>, Duration)> {
    let typical = of_nine_in_ten(past.hosts.values().copied().collect())?;
    let of = |name: &HostName| past.hosts.get(name).copied().unwrap_or(typical);
    let (mut starts, mut now, mut soak) = (Vec::new(), Duration::ZERO, Duration::ZERO);
    for stage in &plan.stages {
        for wave in &stage.waves {
            now += soak;
            let at_once = stage.at_once(wave, forks).max(1);
            let long = side_by_side(wave.hosts.iter().map(|host| of(&host.name)).collect(), at_once);
            let rounds = wave.hosts.len().div_ceil(at_once).max(1);
            for (at, host) in wave.hosts.iter().enumerate() {
                let round = u32::try_from(at / at_once).unwrap_or(u32::MAX);
                starts.push((host, now + long / u32::try_from(rounds).unwrap_or(u32::MAX) * round));
            }
            now += long;
            soak = stage.soak;
        }
    }
    Some((starts, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    #[test]
    fn waves_follow_each_other_and_hosts_of_a_wave_do_not() {
        let mut plan = sample::plan(&[("edge", &["a", "b c d"]), ("core", &["e"])]);
        plan.stages[0].soak = Duration::from_secs(10);
        let name = |text: &str| HostName::new(text).unwrap();
        let hosts = [("a", 30), ("b", 60), ("c", 90)].map(|(host, secs)| (name(host), Duration::from_secs(secs)));
        let past = Experience { runs: 2, hosts: hosts.into(), ..Experience::default() };
        // d and e are unknown, so they take as long as most: 90 s. Nothing follows on core.
        let at = |forks| estimate(&plan, &past, forks).unwrap().total.as_secs();
        assert_eq!((at(9), at(2), at(1)), (30 + 10 + 90 + 10 + 90, 30 + 10 + 120 + 10 + 90, 30 + 10 + 240 + 10 + 90));
        assert_eq!(estimate(&plan, &past, 9).unwrap().known, 3);
        assert_eq!(estimate(&plan, &Experience::default(), 9), None);
    }
}
