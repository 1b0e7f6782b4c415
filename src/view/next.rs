//! What to type next, as data: a command with its arguments, and the reason.
//! Knows no program name, state folder or connection option: who shows a command adds them. Start at [`RunView::next`].

use super::{RunView, Trouble, count};
use crate::host::HostName;

/// One command and why it is to be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The command.
    pub command: NextCommand,
    /// The reason, a few words.
    pub why: String,
}

/// A command that goes on from here. All but `Rerun` are about this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextCommand {
    /// `log RUN HOST`.
    Log(HostName),
    /// `status RUN --watch`.
    Watch,
    /// `resume RUN`.
    Resume,
    /// The line that started the run, with this limit (`@failed,@unreachable`).
    Rerun(String),
}

impl RunView<'_> {
    /// Commands with their reasons, in the order in which they are to be typed. `newest`: no later run of this playbook
    /// is recorded, so that `@failed` means this one. `troubles` are those of [`RunView::troubles`].
    pub fn next(&self, troubles: &[Trouble<'_>], newest: bool) -> Vec<Next> {
        let (tally, run) = (&self.state.tally, &self.state.started.run);
        let mut all = Vec::new();
        let mut add = |command: NextCommand, why: String| all.push(Next { command, why });
        if let Some(first) = troubles.iter().find(|trouble| trouble.outcome.uses_budget()) {
            add(NextCommand::Log(first.hosts[0].name.clone()), "everything it printed".to_owned());
        }
        if self.running {
            add(NextCommand::Watch, "follows it".to_owned());
            return all;
        }
        if tally.in_flight > 0 {
            let open = count(tally.in_flight, "host");
            add(NextCommand::Resume, format!("settles the {open} left in flight, then goes on"));
            return all;
        }
        // `@failed` is about the last run that was no mere check.
        let newest = newest && !self.state.started.check;
        let named = |word: &str| if newest { format!("@{word}") } else { format!("@{run}:{word}") };
        let broken = [(tally.failed, "failed"), (tally.unreachable, "unreachable"), (tally.unknown, "unknown")];
        let broken: Vec<String> = broken.iter().filter(|(n, _)| *n > 0).map(|(_, word)| named(word)).collect();
        if !broken.is_empty() {
            let why = format!("when fixed: retry {}", count(tally.broken(), "host"));
            add(NextCommand::Rerun(broken.join(",")), why);
        }
        if tally.waiting() > 0 {
            let left = count(tally.waiting(), "host");
            if broken.is_empty() {
                add(NextCommand::Resume, format!("goes on with the {left} not started"));
            } else {
                // The run before this one will be another one by then, so it is named.
                let left = left.trim_start_matches("1 ");
                add(NextCommand::Rerun(format!("@{run}:not_started")), format!("then the other {left}"));
            }
        }
        all
    }
}
