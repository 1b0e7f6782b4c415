//! Guards of a simulated host: who decides first, and when their time is over on the host.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    host::{FULL, SimHost},
    job::JobState,
};

/// How long a watchdog takes to notice that its time is over.
const LOOKS: Duration = Duration::from_secs(1);
/// Boots, the one of the arming included, after which a guard has no time left.
const BOOTS: u32 = 3;

/// The state of a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuardState {
    Armed,
    Confirmed,
    RolledBack,
}

pub(super) struct Guard {
    pub(super) run: String,
    pub(super) owner: String,
    pub(super) within: Duration,
    /// When its time began; on the host, a job or a boot can make that later.
    pub(super) since: Instant,
    pub(super) boots: u32,
    /// It was asked to roll back at once.
    pub(super) now: bool,
    pub(super) state: GuardState,
}

impl Guard {
    /// When it rolls back if nothing happens, on a host that has been idle and up since then.
    fn due(&self, idle_since: Instant) -> Instant {
        let since = self.since.max(idle_since);
        let wait = if self.now || self.boots > BOOTS { Duration::ZERO } else { self.within };
        since + wait + LOOKS
    }

    /// Whether it rolls back now, for the first and only time.
    pub(super) fn rolls_back(&mut self, idle_since: Instant) -> bool {
        let due = self.state == GuardState::Armed && self.due(idle_since) <= Instant::now();
        if due {
            self.state = GuardState::RolledBack;
        }
        due
    }

    /// Whether it has its verdict.
    pub(super) fn is_over(&self) -> bool {
        self.state != GuardState::Armed
    }

    /// Its state as `settle.sh` prints it.
    pub(super) fn state_line(&self, offset: usize, job_runs: bool) -> String {
        match self.state {
            GuardState::Armed if self.now && job_runs => "patchwave-guard held - 0 -\n".to_owned(),
            GuardState::Armed => "patchwave-guard armed - 0 -\n".to_owned(),
            GuardState::Confirmed => "patchwave-guard confirmed - 0 -\n".to_owned(),
            GuardState::RolledBack => {
                let said = "undone\n";
                format!("patchwave-guard rolled-back 0 {} -\n{}", said.len(), said.get(offset..).unwrap_or_default())
            }
        }
    }
}

impl SimHost {
    /// Rolls back what is due, on a host that is up and runs no job.
    pub(super) fn watch(&mut self) {
        let idle_since = self.idle_since;
        let many = self.guards.values_mut().filter_map(|guard| guard.rolls_back(idle_since).then_some(())).count();
        for _ in 0..many {
            self.did("rollback");
            self.locked_out = false;
        }
    }

    pub(super) fn is_guarded(&mut self) -> bool {
        self.settle();
        self.guards.values().any(|guard| guard.state == GuardState::Armed)
    }

    pub(super) fn guard_of_another(&self, run: &str) -> Option<&Guard> {
        self.guards.values().find(|guard| guard.run != run && guard.state == GuardState::Armed)
    }

    /// `id run owner seconds boot size watchdog limit`, and the rollback on standard input.
    pub(super) fn guard_arm(&mut self, args: &[&str]) -> String {
        let (id, run) = (args[0], args[1]);
        match self.guards.get_mut(id) {
            Some(guard) if guard.state == GuardState::Armed => {
                // Its run has come back to the host.
                guard.boots = 1;
                return "patchwave-guard armed \n".to_owned();
            }
            Some(_) => return "patchwave-guard over \n".to_owned(),
            None => {}
        }
        if let Some(other) = self.guard_of_another(run) {
            return format!("patchwave-guard refused a guard of run {} is armed\n", other.run);
        }
        if self.disk_full {
            return format!("patchwave-guard refused /var/lib/patchwave/guards/{id} {FULL}\n");
        }
        let guard = Guard {
            run: run.to_owned(),
            owner: args[2].to_owned(),
            within: args[3].parse().map_or(Duration::ZERO, Duration::from_secs),
            since: Instant::now(),
            boots: 1,
            now: false,
            state: GuardState::Armed,
        };
        self.guards.insert(id.to_owned(), guard);
        self.did("guard armed");
        "patchwave-guard armed \n".to_owned()
    }

    /// Whether the program of a job finds that its guard has its verdict.
    pub(super) fn is_too_late(&self, program: &[u8]) -> bool {
        let text = String::from_utf8_lossy(program);
        let id = text.lines().find_map(|line| line.strip_prefix("PATCHWAVE_GUARD="));
        id.and_then(|id| self.guards.get(id)).is_some_and(Guard::is_over)
    }

    /// `id wish offset most wait`.
    pub(super) fn guard_settle(&mut self, args: &[&str]) -> String {
        let job_runs = self.jobs.values().any(|job| job.state == JobState::Runs);
        let Some(guard) = self.guards.get_mut(args[0]) else { return "patchwave-guard absent - 0 -\n".to_owned() };
        match (args[1], guard.state) {
            ("confirm", GuardState::Armed) => guard.state = GuardState::Confirmed,
            (_, GuardState::Armed) => guard.now = true,
            _ => {}
        }
        guard.state_line(args[2].parse().unwrap_or(0), job_runs)
    }

    pub(super) fn guard_clean(&mut self, args: &[&str]) -> String {
        if self.guards.get(args[0]).is_some_and(|guard| guard.state == GuardState::Confirmed) {
            self.guards.remove(args[0]);
        }
        String::new()
    }
}
