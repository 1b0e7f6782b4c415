//! What goes wrong in a rehearsal, from the command line: host patterns with steps to faults of hosts of the plan.
//! Starts nothing. Start at [`Asked::read`].

use std::collections::HashSet;

use crate::{
    cli::{Failure, args::RehearseArgs},
    host::HostName,
    inventory::{Inventory, PastRuns},
    names,
    plan::Plan,
    playbook::StepSpec,
    sim::{AtStep, What},
};

/// What is asked for, and of which hosts.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Asked {
    /// Faults of steps, as they are asked for, and their hosts.
    at_steps: Vec<(AtStep, Vec<HostName>)>,
    /// Hosts that do not come back from a reboot.
    pub(in crate::cli) never_back: Vec<HostName>,
    /// The controller dies in the first wave.
    pub(in crate::cli) kill_controller: bool,
}

impl Asked {
    /// Reads the options; every pattern must name a host of the plan, every step one of its steps.
    ///
    /// # Errors
    /// The first option that asks for something that cannot happen.
    pub(in crate::cli) fn read(
        args: &RehearseArgs,
        plan: &Plan,
        inventory: &Inventory,
        past: &dyn PastRuns,
    ) -> Result<Self, Failure> {
        let planned: HashSet<&HostName> = plan.hosts().map(|(host, ..)| &host.name).collect();
        let hosts = |option: &str, pattern: &str| {
            let cannot = |why: &dyn std::fmt::Display| Failure::usage(format!("{option} {pattern:?}: {why}"));
            let selected = inventory.select(pattern, past).map_err(|error| cannot(&error.problems))?;
            let hosts: Vec<HostName> = selected.into_iter().filter(|host| planned.contains(host)).collect();
            match hosts.is_empty() {
                true => Err(cannot(&"none of these hosts is in this rollout")),
                false => Ok(hosts),
            }
        };
        let mut at_steps = Vec::new();
        let both = args.fail.iter().map(|text| ("--fail", What::Fails, text));
        for (option, what, text) in both.chain(args.lose.iter().map(|text| ("--lose", What::IsLost, text))) {
            let (pattern, step) = apart(text);
            let at = AtStep { what, step: step.map(str::to_owned) };
            if !plan.steps.iter().any(|spec| at.means(spec)) {
                return Err(no_such_step(option, text, step, &plan.steps));
            }
            at_steps.push((at, hosts(option, pattern)?));
        }
        let mut never_back = Vec::new();
        for pattern in &args.never_back {
            if !plan.steps.iter().any(|spec| spec.kind.is_reboot()) {
                return Err(Failure::usage(format!("--never-back {pattern:?}: this playbook has no `reboot` step")));
            }
            never_back.extend(hosts("--never-back", pattern)?);
        }
        Ok(Self { at_steps, never_back, kill_controller: args.kill_controller })
    }

    /// The faults of steps, host by host.
    pub(in crate::cli) fn at_steps(&self) -> impl Iterator<Item = (HostName, AtStep)> {
        self.at_steps.iter().flat_map(|(at, hosts)| hosts.iter().map(|host| (host.clone(), at.clone())))
    }

    /// One line for each thing that goes wrong; nothing goes wrong by itself.
    pub(in crate::cli) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (at, hosts) in &self.at_steps {
            lines.push(sentence(at, hosts));
        }
        if !self.never_back.is_empty() {
            lines.push(format!("{}: does not come back from a reboot (--never-back)", names::fold(&self.never_back)));
        }
        if self.kill_controller {
            lines.push(
                "this program is killed in the first wave, then the run is resumed (--kill-controller)".to_owned(),
            );
        }
        if lines.is_empty() {
            lines.push(
                "nothing: every host does what it is asked (--fail, --lose, --never-back, --kill-controller)"
                    .to_owned(),
            );
        }
        lines
    }
}

/// `db1: fails in "Verify" (--fail)`.
pub(in crate::cli) fn sentence(at: &AtStep, hosts: &[HostName]) -> String {
    let place = at.step.as_ref().map_or_else(|| "its first change".to_owned(), |step| format!("step {step:?}"));
    let what = match at.what {
        What::Fails => format!("{place} fails (--fail)"),
        What::IsLost => format!("its link is lost for good in {place} (--lose)"),
    };
    format!("{}: {what}", names::fold(hosts))
}

/// A pattern and the step behind its last `@`. An `@` that begins a name of the pattern (`@failed`, `all:!@file`) has
/// no step behind it.
fn apart(text: &str) -> (&str, Option<&str>) {
    let begins = |before: &str| before.is_empty() || before.ends_with([':', ',', '!', '&', ' ']);
    match text.rsplit_once('@') {
        Some((pattern, step)) if !begins(pattern) && !step.is_empty() => (pattern, Some(step)),
        _ => (text, None),
    }
}

fn no_such_step(option: &str, text: &str, step: Option<&str>, steps: &[StepSpec]) -> Failure {
    match step {
        None => Failure::usage(format!("{option} {text:?}: no step of this playbook changes a host"))
            .help(format!("name the step: {option} '{text}@STEP'")),
        Some(step) => {
            let names: Vec<String> = steps.iter().map(|spec| format!("{:?}", spec.name)).collect();
            Failure::usage(format!("{option} {text:?}: no step of this playbook is called {step:?}"))
                .help(format!("its steps are {}; the kind of a step (`upgrade`) does as well", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_stands_behind_the_last_at_sign_of_a_name() {
        for (text, pattern, step) in [
            ("db1", "db1", None),
            ("db1@upgrade", "db1", Some("upgrade")),
            ("web[01-03],db1@Security updates", "web[01-03],db1", Some("Security updates")),
            ("@failed", "@failed", None),
            ("@failed@verify", "@failed", Some("verify")),
            ("all:!@hosts.txt", "all:!@hosts.txt", None),
            ("all,@unfinished", "all,@unfinished", None),
            ("db1@", "db1@", None),
        ] {
            assert_eq!(apart(text), (pattern, step), "{text}");
        }
    }
}
