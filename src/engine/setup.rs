//! What a run needs besides its events, and what is left of it at the end.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{Lost, Signal};
use crate::{
    clock::Clock, event::RunState, host::HostName, ledger::HostLogs, playbook::TemplateScope, step::Controller,
    target::Target, transport::Transport, ui::Reporter,
};

/// What a host's walk needs to know of its host.
pub trait HostInputs: Send + Sync {
    /// How to reach it.
    ///
    /// # Errors
    /// Why this is not known, in words; the host then fails before anything is sent.
    fn target(&self, host: &HostName) -> Result<Arc<Target>, String>;

    /// The variables that its templates see.
    fn scope(&self, host: &HostName) -> TemplateScope;
}

/// What all hosts of a run share.
pub struct Surroundings {
    /// Opens sessions.
    pub transport: Arc<dyn Transport>,
    /// The jump box.
    pub controller: Arc<dyn Controller>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// How to reach the hosts, and their variables.
    pub inputs: Arc<dyn HostInputs>,
    /// The variables that a gate's templates see: those of the playbook.
    pub gate_scope: TemplateScope,
    /// The hosts' logs; `None` drops their output.
    pub logs: Option<Arc<dyn HostLogs>>,
}

/// What a run needs besides its events.
pub struct Engine {
    /// What all hosts share.
    pub surroundings: Arc<Surroundings>,
    /// Shows the events.
    pub reporter: Box<dyn Reporter>,
    /// Most hosts in flight.
    pub forks: usize,
    /// How often the reporter gets the time and the journal is asked for requests.
    pub tick: Duration,
    /// Requests in this process: signals, the prompt.
    pub signals: mpsc::Receiver<Signal>,
    /// The program's name in hints, with its state folder: `patchwave`.
    pub program: String,
    /// Notified when the run begins to wait for a person.
    pub notices: Option<mpsc::Sender<Notice>>,
}

/// Something that a person at the terminal may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// This stage waits for approval.
    ApprovalWanted {
        /// The stage's name.
        stage: String,
    },
}

/// How the controller's part of a run ended.
#[derive(Debug)]
pub struct RunEnd {
    /// The state of the run.
    pub state: RunState,
    /// Why events could not be recorded, if that ended the run.
    pub lost: Option<Lost>,
}
