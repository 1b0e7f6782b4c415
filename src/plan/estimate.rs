//! How long a plan will take, from how long its hosts took before. Pure. Start at [`estimate`].

use std::time::Duration;

use super::{Plan, Stage, Wave};
use crate::{host::HostName, policy::Mode};

/// How long the hosts of earlier runs of the same playbook took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experience {
    /// Runs that it comes from.
    pub runs: usize,
    /// The newest time of each host.
    pub hosts: std::collections::HashMap<HostName, Duration>,
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
    let typical = typical(past)?;
    let of = |name: &HostName| past.hosts.get(name).copied().unwrap_or(typical);
    let total = plan.stages.iter().map(|stage| of_stage(stage, &of, forks)).sum();
    let known = plan.hosts().filter(|(host, ..)| past.hosts.contains_key(&host.name)).count();
    Some(Estimate { total, known, runs: past.runs })
}

/// Nine of ten hosts took at most this long.
fn typical(past: &Experience) -> Option<Duration> {
    let mut times: Vec<Duration> = past.hosts.values().copied().collect();
    times.sort_unstable();
    times.get((times.len() * 9).div_ceil(10).saturating_sub(1)).copied()
}

fn of_stage(stage: &Stage, of: &impl Fn(&HostName) -> Duration, forks: usize) -> Duration {
    let mut total = Duration::ZERO;
    for wave in &stage.waves {
        let at_once = match (stage.mode, stage.window_size) {
            (Mode::Sliding, Some(size)) if !wave.canary => size.min(forks),
            _ => forks,
        };
        total += of_wave(wave, of, at_once.max(1)) + stage.soak;
    }
    total
}

/// As long as its slowest host; with fewer places than hosts, as long as the work of one place.
fn of_wave(wave: &Wave, of: &impl Fn(&HostName) -> Duration, at_once: usize) -> Duration {
    let slowest = wave.hosts.iter().map(|host| of(&host.name)).max().unwrap_or_default();
    let work: Duration = wave.hosts.iter().map(|host| of(&host.name)).sum();
    slowest.max(work / u32::try_from(at_once).unwrap_or(u32::MAX))
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
        let past = Experience { runs: 2, hosts: hosts.into() };
        // d and e are unknown, so they take as long as most: 90 s.
        let at = |forks| estimate(&plan, &past, forks).unwrap().total.as_secs();
        assert_eq!((at(9), at(2), at(1)), (30 + 10 + 90 + 10 + 90, 30 + 10 + 120 + 10 + 90, 30 + 10 + 240 + 10 + 90));
        assert_eq!(estimate(&plan, &past, 9).unwrap().known, 3);
        assert_eq!(estimate(&plan, &Experience::default(), 9), None);
    }
}
