//! How long the walks of hosts take, for windows with `last_start: auto`, and how many hosts a window leaves over.
//! Start at [`walks`] and [`overrun`].

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{Experience, Plan, PlannedHost, Stage, estimate::starts};
use crate::{
    calendar::{Schedule, Window, Windows},
    host::HostName,
};

/// The fewest walks that say something.
const LEAST: usize = 5;

/// How long hosts take, as far as earlier walks say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walks {
    /// Seconds; of 20 walks of the host, or else of its stage, 19 took at most this long.
    pub seconds: BTreeMap<HostName, u64>,
    /// How many walks that rests on: of the host, or of its stage.
    pub seen: BTreeMap<HostName, usize>,
}

impl Walks {
    /// When this host may be started, with how long it takes.
    pub fn schedule<'p>(&self, plan: &'p Plan, host: &'p PlannedHost) -> Schedule<'p> {
        let walk = self.seconds.get(&host.name).map(|seconds| Duration::from_secs(*seconds));
        Schedule { walk, ..plan.schedule(host) }
    }
}

/// Whether some window of the plan needs to know how long hosts take.
pub fn asks_for_walks(plan: &Plan) -> bool {
    plan.hosts().any(|(host, ..)| asks(host))
}

fn asks(host: &PlannedHost) -> bool {
    host.window.as_deref().is_some_and(|windows| windows.iter().any(Window::asks_for_walks))
}

/// How long those hosts take that have a window with `last_start: auto`, from the times of earlier walks. A host of
/// which too little is known, in a stage of which too little is known, is not in it.
pub fn walks(plan: &Plan, history: &HashMap<HostName, Vec<Duration>>) -> Walks {
    let mut found = Walks::default();
    for stage in &plan.stages {
        let hosts = || stage.waves.iter().flat_map(|wave| &wave.hosts).filter(|host| asks(host));
        let of = |host: &PlannedHost| history.get(&host.name).cloned().unwrap_or_default();
        let all: Vec<Duration> = hosts().flat_map(of).collect();
        let of_stage = most(&all);
        for host in hosts() {
            let own = of(host);
            let (long, seen) = match most(&own) {
                Some(long) => (long, own.len()),
                None => match of_stage {
                    Some(long) => (long, all.len()),
                    None => continue,
                },
            };
            found.seconds.insert(host.name.clone(), long.as_secs().max(1));
            found.seen.insert(host.name.clone(), seen);
        }
    }
    found
}

/// The 95th percentile, if there are enough.
fn most(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    (times.len() >= LEAST).then(|| times[(times.len() * 95).div_ceil(100) - 1])
}

/// A plan that needs longer than its window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// How long it needs.
    pub needs: Duration,
    /// How long the window is open from the start of the run on.
    pub open: Duration,
    /// About how many hosts are not started in it.
    pub left: usize,
}

/// Whether the next opening is too short for the plan, as far as earlier runs say it. Only if all hosts with a window
/// have the same.
pub fn overrun(plan: &Plan, past: &Experience, forks: usize, walks: &Walks, now: Timestamp) -> Option<Overrun> {
    let mut hosts = plan.hosts().map(|(host, ..)| host).filter(|host| host.window.is_some());
    let first = hosts.next()?;
    let same = |windows: &Option<std::sync::Arc<Windows>>| *windows == first.window;
    if !hosts.all(|host| same(&host.window) && host.freezes == first.freezes) {
        return None;
    }
    let (start, end) = walks.schedule(plan, first).openings(now, 1).pop()?;
    let open = Duration::try_from(end.duration_since(start)).ok().filter(|_| end != Timestamp::MAX)?;
    let (starts, needs) = starts(plan, past, forks)?;
    let mut left = 0;
    for (host, at) in starts.iter().filter(|(host, _)| host.window.is_some()) {
        let moment = start.checked_add(SignedDuration::try_from(*at).ok()?).ok()?;
        left += usize::from(walks.schedule(plan, host).open(moment).is_err());
    }
    (left > 0).then_some(Overrun { needs, open, left })
}

/// The hosts of a stage that have windows with a last start.
pub fn last_starts<'p>(plan: &'p Plan, stage: &'p Stage, walks: &Walks, now: Timestamp) -> Option<LastStarts> {
    let mut found: Option<LastStarts> = None;
    for host in stage.waves.iter().flat_map(|wave| &wave.hosts) {
        let schedule = walks.schedule(plan, host);
        let Some((at, needs, guessed)) = schedule.last_start(now) else { continue };
        let seen = walks.seen.get(&host.name).copied().unwrap_or(0);
        let one =
            LastStarts { at, zone: schedule.zone().iana_name().unwrap_or("UTC").to_owned(), needs, guessed, seen };
        // The host that must be started first.
        if found.as_ref().is_none_or(|known| one.at < known.at) {
            found = Some(one);
        }
    }
    found
}

/// Until when the slowest host of a stage is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastStarts {
    /// The moment.
    pub at: Timestamp,
    /// The name of the zone in which it is shown.
    pub zone: String,
    /// How long that is before the window closes.
    pub needs: Duration,
    /// Whether that is a guess.
    pub guessed: bool,
    /// How many walks it rests on; 0 if it is written in the window, or a guess.
    pub seen: usize,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{calendar::LastStart, event::sample};

    fn plan(last_start: LastStart) -> Plan {
        let mut plan = sample::plan(&[("edge", &["a", "b c d"])]);
        let mut window = Window::cron("0 2 * * *", Duration::from_secs(3600), "UTC");
        window.last_start = Some(last_start);
        let window = Arc::new(Windows::from(window));
        plan.stages[0].waves.iter_mut().flat_map(|wave| &mut wave.hosts).for_each(|host| {
            host.window = Some(Arc::clone(&window));
        });
        plan
    }

    fn minutes(times: &[u64]) -> Vec<Duration> {
        times.iter().map(|minutes| Duration::from_secs(minutes * 60)).collect()
    }

    #[test]
    fn a_hosts_own_walks_count_or_those_of_its_stage_or_a_guess() {
        let name = |text: &str| HostName::new(text).unwrap();
        let plan = plan(LastStart::Auto);
        let now = "2026-11-27T00:00:00Z".parse().unwrap();
        let mut history = HashMap::from([(name("b"), minutes(&[10, 11, 12, 13]))]);
        assert_eq!(walks(&plan, &history), Walks::default(), "four walks are too few");
        let last = last_starts(&plan, &plan.stages[0], &Walks::default(), now).unwrap();
        assert_eq!((last.at.to_string().as_str(), last.guessed, last.seen), ("2026-11-27T02:30:00Z", true, 0));
        history.insert(name("a"), minutes(&[40, 5, 5, 5, 48, 5]));
        let found = walks(&plan, &history);
        // Of its own six; of the stage's ten.
        assert_eq!((found.seconds[&name("a")], found.seen[&name("a")]), (48 * 60, 6));
        assert_eq!((found.seconds[&name("c")], found.seen[&name("c")]), (48 * 60, 10));
        let many: Vec<u64> = (1..=40).collect();
        history.insert(name("a"), minutes(&many));
        assert_eq!(walks(&plan, &history).seconds[&name("a")], 38 * 60, "38 of 40 took at most this long");
        let last = last_starts(&plan, &plan.stages[0], &found, now).unwrap();
        assert_eq!((last.at.to_string().as_str(), last.guessed, last.seen), ("2026-11-27T02:12:00Z", false, 6));
        let fixed = self::plan(LastStart::Before(Duration::from_secs(45 * 60)));
        assert!(!asks_for_walks(&fixed) && asks_for_walks(&plan));
        let last = last_starts(&fixed, &fixed.stages[0], &found, now).unwrap();
        assert_eq!((last.at.to_string().as_str(), last.guessed), ("2026-11-27T02:15:00Z", false));
    }

    #[test]
    fn a_plan_that_does_not_fit_says_how_many_hosts_are_left() {
        let plan = plan(LastStart::Before(Duration::from_secs(20 * 60)));
        let name = |text: &str| HostName::new(text).unwrap();
        let now = "2026-11-27T00:00:00Z".parse().unwrap();
        let left = |long: u64, forks: usize| {
            let hosts = ["a", "b", "c", "d"].map(|host| (name(host), Duration::from_secs(long * 60))).into();
            let found =
                overrun(&plan, &Experience { runs: 1, hosts, ..Experience::default() }, forks, &Walks::default(), now);
            found.map(|found| (found.needs.as_secs() / 60, found.open.as_secs() / 60, found.left))
        };
        assert_eq!(left(20, 9), None);
        // One after the other: a at 0, b at 20, c at 40, d at 60 minutes.
        assert_eq!(left(20, 1), Some((80, 60, 1)));
        assert_eq!(left(45, 9), Some((90, 60, 3)));
        assert_eq!(overrun(&plan, &Experience::default(), 9, &Walks::default(), now), None);
    }
}
