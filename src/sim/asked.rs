//! What a person asked to go wrong on a simulated host, in the step that it is in: a change or a question that fails, a
//! link that is lost for good. Knows no step; `at_steps` says when it begins and ends. Start at [`Asked`].

use super::fault::Strike;
use crate::command::{Command, Effect};

/// What a job says that failed because it was asked for.
pub(super) const WHY: &str = "it fails because the rehearsal was asked for it (--fail)\n";

/// The last line of every hook: a snapshot needs an id.
pub(super) const SNAPSHOT: &str = "rehearsal\n";

/// What is asked of the host now.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Its step fails.
    failing: Option<Kind>,
    /// Its link is about to be lost.
    losing: Option<Kind>,
    /// Its link is lost. What runs on it goes on.
    pub(super) cut_off: bool,
}

/// Whether the step changes the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Changes,
    Looks,
}

impl Asked {
    /// Whether a change that is asked for now fails.
    pub(super) fn fails(&self) -> bool {
        self.failing == Some(Kind::Changes)
    }

    /// The loss of the link, if it is due: in a step that changes the host, after its first change was sent.
    pub(super) fn loss(&mut self, command: &Command) -> Option<Strike> {
        let due = self.losing.filter(|kind| *kind == Kind::Looks || is_change(command));
        self.losing = self.losing.filter(|_| due.is_none());
        self.cut_off |= due.is_some();
        due.map(|kind| if kind == Kind::Changes { Strike::DropAfter } else { Strike::Hang })
    }

    /// Whether a command fails because it was asked for. Jobs and reboots have their own ways to fail.
    pub(super) fn refuses(&self, command: &Command) -> bool {
        match self.failing {
            None => false,
            Some(Kind::Changes) => command.label == "copy-put",
            Some(Kind::Looks) => !command.label.starts_with("lease-"),
        }
    }

    /// Lets what the host does from now on fail: its changes, or else all that it is asked.
    pub(super) fn fail_from_now(&mut self, changes: bool) {
        self.failing = Some(kind(changes));
    }

    /// Lets what the host does from now on succeed again.
    pub(super) fn fail_no_more(&mut self) {
        self.failing = None;
    }

    /// Cuts the host off for good: after the next command that changes it, or else at the next command.
    pub(super) fn lose_soon(&mut self, after_change: bool) {
        self.losing = (!self.cut_off).then_some(kind(after_change));
    }
}

/// Whether a command changes the host, or starts what does.
fn is_change(command: &Command) -> bool {
    command.effect == Effect::Changes || ["job-start", "copy-put", "reboot-ask"].contains(&command.label)
}

/// What the program of a job prints in a rehearsal: nothing, or the id of a snapshot that nobody took.
pub(super) fn output(job: &str) -> &'static str {
    if job.ends_with(".hook") { SNAPSHOT } else { "" }
}

fn kind(changes: bool) -> Kind {
    if changes { Kind::Changes } else { Kind::Looks }
}
