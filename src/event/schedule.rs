//! When the hosts of a run may be started: the windows of its plan, with the freezes and calendars that count now.

use std::time::Duration;

use super::RunState;
use crate::{
    calendar::{Dates, Schedule},
    plan::PlannedHost,
};

impl RunState {
    /// The freezes and calendars that count: those of the plan, or as the newest resume found them.
    pub fn dates(&self) -> &Dates {
        self.dates.as_deref().unwrap_or(&self.plan().dates)
    }

    /// When this host may be started.
    pub fn schedule<'s>(&'s self, host: &'s PlannedHost) -> Schedule<'s> {
        let walk = self.started.walks.get(&host.name).map(|seconds| Duration::from_secs(*seconds));
        Schedule { dates: self.dates(), walk, ..self.plan().schedule(host) }
    }
}
