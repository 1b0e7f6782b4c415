//! What to type next, as data: a command with its arguments, and the reason. The reason is true: the rollout rule says
//! what a resume would do ([`crate::rollout::prospect`]). Knows no program name, state folder or connection option: the
//! code that shows a command adds them. Start at [`RunView::next`].

use super::{RunView, Trouble, clean, count};
use crate::{
    calendar::Schedule,
    event::{HostAt, Outcome},
    host::HostName,
    rollout::{self, Directive, Ending, Limits, Now, Prospect},
};

/// One command, and why to type it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The command.
    pub command: NextCommand,
    /// The reason, a few words.
    pub why: String,
}

/// A command to go on with. All except `Rerun` are about this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextCommand {
    /// `log RUN HOST`.
    Log(HostName),
    /// `status RUN --watch`.
    Watch,
    /// `approve RUN`.
    Approve,
    /// `resume RUN`.
    Resume,
    /// `report RUN`.
    Report,
    /// The line that started the check, without `--check`, and with the limit that it had.
    CarryOut(Option<String>),
    /// The line that started the run, with this limit (`@failed,@unreachable`).
    Rerun(String),
}

impl RunView<'_> {
    /// Commands with their reasons, in the order to type them. `newest`: no later run of this playbook is recorded, so
    /// `@failed` means this run. `troubles` are those of [`RunView::troubles`].
    pub fn next(&self, troubles: &[Trouble<'_>], newest: bool) -> Vec<Next> {
        let mut all = Vec::new();
        let mut add = |command: NextCommand, why: String| all.push(Next { command, why });
        if let Some(first) = troubles.iter().find(|trouble| trouble.outcome.uses_budget()) {
            add(NextCommand::Log(first.hosts[0].name.clone()), "everything it printed".to_owned());
        }
        let run = &self.state.started.run;
        if self.running {
            if let Some(stage) = self.waits_for_approval() {
                add(NextCommand::Approve, format!("lets stage {stage} go on"));
            }
            add(NextCommand::Watch, "follows it".to_owned());
        } else if self.state.cut.is_some() {
            let open = self.state.outcomes().filter(|(_, outcome)| outcome.is_unfinished()).count();
            if open > 0 {
                let why = format!("after you have looked at them: {}, whose record is cut", count(open, "host"));
                add(NextCommand::Rerun(format!("@{run}:unfinished")), why);
            }
        } else if self.state.started.check && self.counts().ok == self.state.tally.total {
            add(NextCommand::CarryOut(self.state.started.limit.clone()), "carries it out".to_owned());
        } else if let Some(why) = self.check_goes_on_with() {
            add(NextCommand::Rerun(format!("@{run}:unfinished")), why);
        } else {
            if let Some(why) = self.resume_does() {
                add(NextCommand::Resume, why);
            }
            if self.state.finished && self.state.exit_code() == 0 {
                add(NextCommand::Report, "for the ticket".to_owned());
            }
            if self.state.tally.in_flight == 0 {
                for (limit, why) in self.again(&rollout::prospect(self.state, self.now), newest) {
                    add(NextCommand::Rerun(limit), why);
                }
            }
        }
        all
    }

    /// What a resume does: `goes on with the 2 hosts not started`; `None` when there is nothing to resume.
    pub fn resume_does(&self) -> Option<String> {
        if self.running || self.state.cut.is_some() || self.state.started.check {
            return None;
        }
        match self.state.tally.in_flight {
            0 => self.goes_on_with(&rollout::prospect(self.state, self.now)),
            _ => Some(self.settles()),
        }
    }

    /// A check is not resumed, because it changed nothing. The hosts that it did not reach are checked again.
    fn check_goes_on_with(&self) -> Option<String> {
        let left = || match rollout::prospect(self.state, self.now) {
            _ if self.state.tally.in_flight > 0 => true,
            prospect => prospect.free + prospect.closed > 0,
        };
        let unfinished = self.state.outcomes().filter(|(_, outcome)| outcome.is_unfinished()).count();
        (self.state.started.check && left()).then(|| format!("checks the {} that are left", count(unfinished, "host")))
    }

    fn waits_for_approval(&self) -> Option<String> {
        let now = Now::by_the_record(self.state, self.now);
        match rollout::next(self.state, now, Limits { forks: usize::MAX }) {
            Directive::WaitForApproval { stage, .. } => Some(self.stage_name(stage)),
            _ => None,
        }
    }

    fn stage_name(&self, stage: usize) -> String {
        clean(&self.state.plan().stages[stage].name, 60)
    }

    /// What a resume does with the open hosts, and after that.
    fn settles(&self) -> String {
        let open: Vec<Outcome> =
            self.state.hosts.iter().filter(|host| host.at == HostAt::InFlight).map(|host| host.outcome()).collect();
        let paused = open.iter().all(|outcome| *outcome == Outcome::Paused);
        let what = match open.iter().all(|outcome| *outcome == Outcome::Unknown) {
            _ if paused => format!("goes on with the {}", count(open.len(), "paused host")),
            true => format!("settles the {}", count(open.len(), "unknown host")),
            false => format!("settles the {}", count(open.len(), "open host")),
        };
        let waiting = self.state.tally.waiting();
        match rollout::halt(&self.state.as_resumed()) {
            Some(_) if waiting > 0 => format!("{what}; no other host starts"),
            None if waiting > 0 && paused => format!("{what} and the {waiting} not started"),
            None if waiting > 0 => format!("{what}, then goes on"),
            _ => what,
        }
    }

    /// What a resume does when no host is open.
    fn goes_on_with(&self, prospect: &Prospect) -> Option<String> {
        let rest = || format!("goes on with the {} not started", count(prospect.free, "host"));
        match &prospect.first {
            Directive::Start(_) | Directive::Soak { .. } | Directive::WaitForHosts => Some(rest()),
            Directive::WaitForApproval { stage, .. } => {
                Some(format!("waits for the approval of stage {}, then {}", self.stage_name(*stage), rest()))
            }
            Directive::RunGate { .. } if prospect.free == 0 => Some("runs the gate that has not run".to_owned()),
            Directive::RunGate { .. } => Some(format!("runs the gate, then {}", rest())),
            Directive::Finished(Ending::Left { .. }) if prospect.closed > 0 => {
                let hosts = count(prospect.closed, "host");
                Some(format!("{}: goes on with the {hosts} not started", self.may_start()))
            }
            Directive::Finished(Ending::AllStarted) if !self.state.finished => {
                Some("records that it is over".to_owned())
            }
            Directive::Finished(_) | Directive::Drain(_) => None,
        }
    }

    /// When the first of the waiting hosts may be started: `when the maintenance window is open (Sun 13 Dec 2026, 02:00
    /// CET)`.
    fn may_start(&self) -> String {
        let state = self.state;
        let waiting = |host: &HostName| state.host(host).is_some_and(|host| host.at == HostAt::Waiting);
        let hosts = state.plan().hosts().map(|(host, ..)| host).filter(|host| waiting(&host.name));
        let mut schedules: Vec<Schedule<'_>> = Vec::new();
        for schedule in hosts.map(|host| state.schedule(host)) {
            let known = schedules.iter().any(|one| one.windows == schedule.windows && one.freezes == schedule.freezes);
            if !known && schedules.len() < 64 {
                schedules.push(schedule);
            }
        }
        let closed = schedules.iter().filter(|schedule| schedule.open(self.now).is_err());
        let first = closed.filter_map(|schedule| Some((schedule.next(self.now)?, schedule))).min_by_key(|(at, _)| *at);
        let frozen = schedules.iter().any(|schedule| schedule.hold(self.now).is_some());
        let what = if frozen { "when the freeze is over" } else { "when the maintenance window is open" };
        match first {
            Some((at, schedule)) => {
                format!("{what} ({})", at.to_zoned(schedule.zone()).strftime("%a %-d %b %Y, %H:%M %Z"))
            }
            None => what.to_owned(),
        }
    }

    /// Limits for new runs, each with its reason: one for broken hosts, one for hosts that no resume starts.
    fn again(&self, prospect: &Prospect, newest: bool) -> Vec<(String, String)> {
        let (tally, run) = (&self.state.tally, &self.state.started.run);
        let mut all = Vec::new();
        // `@failed` is about the last run that was not a check.
        let newest = newest && !self.state.started.check;
        let named = |word: &str| if newest { format!("@{word}") } else { format!("@{run}:{word}") };
        let broken = [(tally.failed, "failed"), (tally.unreachable, "unreachable"), (tally.unknown, "unknown")];
        let broken: Vec<String> = broken.iter().filter(|(n, _)| *n > 0).map(|(_, word)| named(word)).collect();
        if !broken.is_empty() {
            let again = if self.state.started.check { "check" } else { "retry" };
            all.push((broken.join(","), format!("when fixed: {again} {}", count(tally.broken(), "host"))));
        }
        if prospect.held > 0 {
            let left = count(prospect.held, "host");
            let why = match broken.is_empty() {
                true => format!("when the gate passes again: the {left} not started"),
                false => format!("then the other {}", left.trim_start_matches("1 ")),
            };
            // By then another run will be the newest, so this one is named.
            all.push((format!("@{run}:not_started"), why));
        }
        all
    }
}

#[cfg(test)]
#[path = "next_tests.rs"]
mod tests;
