//! Hosts with the same trouble in one group: failures whose texts differ only in numbers and in the host's own name.

use indexmap::IndexMap;

use super::{RunView, first_line, shape, step_name};
use crate::event::{HostAt, HostState, Outcome, StepRef};

/// One trouble and all hosts that have it.
#[derive(Clone, Debug)]
pub struct Trouble<'a> {
    /// How they ended.
    pub outcome: Outcome,
    /// At which step; `None` if no step says why.
    pub step: Option<StepRef>,
    /// Why; parts that differ from host to host are `…`.
    pub reason: String,
    /// The hosts, in the plan's order. Never empty.
    pub hosts: Vec<&'a HostState>,
}

impl<'a> RunView<'a> {
    /// All hosts that started and are not ok, in groups, the worst first. A host in flight does not count while a
    /// controller is running the run.
    pub fn troubles(&self) -> Vec<Trouble<'a>> {
        type Key<'a> = (Outcome, Option<StepRef>, &'a str, String);
        let mut found: IndexMap<Key<'_>, (String, Vec<&'a HostState>)> = IndexMap::new();
        for (host, outcome) in self.state.outcomes() {
            if self.goes_on(host) || matches!(outcome, Outcome::Ok | Outcome::NotStarted) {
                continue;
            }
            let (step, class, reason) = self.why(host);
            let shape = shape(&reason, host.name.as_str());
            let (shown, hosts) =
                found.entry((outcome, step, class, shape.clone())).or_insert_with(|| (reason.clone(), vec![]));
            if *shown != reason {
                *shown = shape;
            }
            hosts.push(host);
        }
        let mut troubles: Vec<Trouble<'_>> = found
            .into_iter()
            .map(|((outcome, step, ..), (reason, hosts))| Trouble { outcome, step, reason, hosts })
            .collect();
        let gravity = |outcome| match outcome {
            Outcome::Unknown => 0,
            Outcome::Failed => 1,
            Outcome::Unreachable => 2,
            _ => 3,
        };
        troubles.sort_by_key(|trouble| (gravity(trouble.outcome), std::cmp::Reverse(trouble.hosts.len())));
        troubles
    }

    /// Each host that uses up the budget, in the plan's order. A host in flight does not count while a controller is
    /// running the run.
    pub fn broken(&self) -> impl Iterator<Item = &'a HostState> {
        self.state.hosts.iter().filter(|host| host.outcome().uses_budget() && !self.goes_on(host))
    }

    /// Why a host is not ok: the step, the class of the failure (empty: none), and a sentence.
    pub fn why<'h>(&self, host: &'h HostState) -> (Option<StepRef>, &'h str, String) {
        if let Some((step, result)) = host.broke_at() {
            let reason = first_line(&result.summary, 300);
            let open = (host.at == HostAt::InFlight).then(|| "its walk has not ended".to_owned());
            let then: Vec<String> =
                std::iter::once(reason).chain(host.and_then(self.state.plan())).chain(open).collect();
            let reason = then.join("; ");
            return (Some(step), &result.class, reason);
        }
        if let Some(current) = &host.current {
            let running =
                format!("{:?} had begun when the controller left", step_name(self.state.plan(), current.step));
            return (Some(current.step), "", running);
        }
        if let Some(lost) = &host.lost_lease {
            return (None, "lease-lost", first_line(&lost.to_string(), 300));
        }
        if host.outcome() == Outcome::RolledBack
            && let Some((step, result)) = host.steps.first()
        {
            return (Some(*step), "", first_line(&result.summary, 300));
        }
        match (host.outcome(), host.steps.last()) {
            (Outcome::Paused, _) => (None, "", self.between(host)),
            (Outcome::Unknown, _) => (None, "", "the record ends here".to_owned()),
            (_, Some((step, result))) => (Some(*step), &result.class, first_line(&result.summary, 300)),
            (_, None) => (None, "", String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample::*;

    #[test]
    fn failures_that_differ_in_numbers_and_names_fold() {
        let mut sample = Sample::of(plan(&[("all", &["web01.example.com web02.example.com web03.example.com c d e"])]));
        sample
            .bad("web01.example.com", "lock", "lock held by unattended-upgrade (pid 812) on web01")
            .bad("web02.example.com", "lock", "lock held by unattended-upgrade (pid 9) on web02")
            .bad("web03.example.com", "lock", "lock held by apt (pid 9) on web03")
            .bad("c", "disk", "/var has 3 MiB")
            .bad("d", "disk", "/var has 3 MiB")
            .start("e")
            .begin("e", main_step(1));
        let told: Vec<_> = RunView::of(&sample.state)
            .troubles()
            .iter()
            .map(|t| format!("{} {} {:?} {}", t.outcome, t.hosts.len(), t.step.map(|s| s.index), t.reason))
            .collect();
        assert_eq!(
            told,
            [
                "unknown 1 Some(1) \"Security updates\" had begun when the controller left",
                "failed 2 Some(1) lock held by unattended-upgrade (pid …) on …",
                "failed 2 Some(1) /var has 3 MiB",
                "failed 1 Some(1) lock held by apt (pid 9) on web03",
            ]
        );
    }

    #[test]
    fn other_classes_and_other_steps_do_not_fold() {
        let mut sample = Sample::of(plan(&[("all", &["a b c"])]));
        sample.bad("a", "x", "same").bad("b", "y", "same").walk("c", vec![failure("x", "same")]);
        assert_eq!(RunView::of(&sample.state).troubles().len(), 3);
    }
}
