//! The only concurrent code: one task per host walks its steps, one dispatcher records what they say and decides.
//! Knows no step kind and no rule of the rollout; asks `rollout::next` and lets `step::run` work.
//! Start at [`run`]; a host's walk is in `host_task`.

mod company;
mod dispatch;
mod fanout;
mod gate;
mod host_task;
mod signals;
mod voice;

pub use dispatch::{Ended, Engine, Lost, Notice, run};
pub use fanout::{Answer, fan_out};
pub use signals::{Signal, listen};

use std::sync::Arc;

use crate::{
    clock::Clock, host::HostName, ledger::Logs, playbook::TemplateScope, step::Controller, target::Target,
    transport::Transport,
};

/// Where the engine finds what belongs to one host.
pub trait Roster: Send + Sync {
    /// How to reach it.
    ///
    /// # Errors
    /// Why it cannot be said, for people; the host then fails before anything is sent.
    fn target(&self, host: &HostName) -> Result<Arc<Target>, String>;

    /// The variables that its templates see.
    fn scope(&self, host: &HostName) -> TemplateScope;

    /// The variables that a gate's templates see: those of the playbook.
    fn gate_scope(&self) -> TemplateScope;
}

/// All that comes from outside, the same for every host of a run.
pub struct Outside {
    /// Opens sessions.
    pub transport: Arc<dyn Transport>,
    /// The jump box.
    pub controller: Arc<dyn Controller>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Hosts.
    pub roster: Arc<dyn Roster>,
    /// The hosts' log files; `None` drops their output.
    pub logs: Option<Logs>,
}
