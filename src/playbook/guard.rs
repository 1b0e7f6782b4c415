//! `guard:`, of a step or of the whole playbook: what the host runs by itself unless a new connection confirms in time.

use std::time::Duration;

use super::{CommandLine, Guard, Side, StepKind, StepSpec, kinds, steps::Place, values};
use crate::yaml::{
    Key, MapReader, Node, Problems, Value, read,
    shape::{self, DEADLINE, Shape, Table},
};

/// `guard:`.
pub(super) static GUARD: Table = Table::new(
    "`guard`",
    &[&[
        shape::Key::needed("within", DEADLINE, "How long the host waits for a new login before it rolls back."),
        shape::Key::needed(
            "rollback",
            Shape::Either(&[kinds::ARGV, Shape::Word]),
            "What the host runs to undo the change: a line for /bin/sh, or a program and its arguments.",
        ),
        shape::Key::new("timeout", DEADLINE, "How long the rollback may take. Default 10m."),
    ]],
);

/// A login takes some time; with less, healthy hosts would roll back.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Reads `guard: { within: 5m, rollback: LINE | [argv], timeout: 10m }`.
pub(super) fn guard(node: &Node, problems: &mut Problems) -> Option<Guard> {
    let mut map = MapReader::new(node, &GUARD, problems)?;
    let within = map.need("within", |node, problems| {
        limits("within", "leave enough time for a new login, after a reboot too", node, problems)
    });
    let rollback = map.need("rollback", |node, problems| match node.value {
        Value::Seq(_) => kinds::argv(node, problems),
        _ => values::filled(node, problems).map(CommandLine::Shell),
    });
    let timeout = match map.take("timeout") {
        Some(node) => limits("timeout", "the host stops a rollback that takes longer", node, map.problems),
        None => Some(Guard::TIMEOUT),
    };
    map.finish();
    Some(Guard { within: within?, rollback: rollback?, timeout: timeout?, whole_walk: false })
}

fn limits(key: &str, help: &str, node: &Node, problems: &mut Problems) -> Option<Duration> {
    let long = read::duration(node, problems)?;
    let (least, most) = (SHORTEST.as_secs(), LONGEST.as_secs() / 3600);
    if long < SHORTEST || long > LONGEST {
        problems.at(&node.span, format!("`{key}` must be from {least}s to {most}h")).help(help);
        return None;
    }
    Some(long)
}

/// A step that has a guard, as far as it was read.
pub(super) struct Guarded<'a> {
    pub key: &'a Key,
    pub kind: Option<&'a StepKind>,
    pub place: Place,
    pub on: Side,
    pub retries: u32,
    pub privileged: Option<bool>,
}

impl Guarded<'_> {
    /// Reports a guard that is not possible; `at` is its key.
    pub fn check(&self, at: &Key, problems: &mut Problems) {
        let kind = self.key.text.as_str();
        let why = if self.place != Place::Steps {
            "a guard is allowed in `steps:` only".to_owned()
        } else if self.on == Side::Controller {
            "a guard is for a change on the host; this step runs on the jump box".to_owned()
        } else if self.kind.is_some_and(|kind| !is_guardable(kind)) {
            format!("`{kind}` changes nothing on the host that a guard could roll back")
        } else if self.retries > 0 {
            "a guarded step is not tried again after its rollback: remove `retries`".to_owned()
        } else if self.privileged == Some(false) {
            "a guarded step runs with raised rights, as its rollback does: remove `become: no`".to_owned()
        } else {
            return;
        };
        problems.at(&at.span, why);
    }
}

/// Reports a playbook's guard, at `key`, that is not possible.
pub(super) fn check_walk(key: &Key, steps: &[StepSpec], problems: &mut Problems) {
    if let Some(step) = steps.iter().find(|step| step.guard.is_some()) {
        let why = format!("a host has one guard at a time: the step \"{}\" has its own", step.name);
        problems.at(&key.span, why).help("remove one of them");
    } else if !steps.is_empty() && !steps.iter().any(changes_host) {
        problems.at(&key.span, "no step changes the host: this guard would never be armed");
    }
}

/// Puts a guard over the whole walk: every step that may be the first change gets it, and one more step confirms,
/// before the `undrain` that puts the host back into service.
pub(super) fn over_walk(guard: Guard, mut steps: Vec<StepSpec>) -> Vec<StepSpec> {
    let guard = Guard { whole_walk: true, ..guard };
    for step in steps.iter_mut().filter(|step| changes_host(step)) {
        step.guard = Some(guard.clone());
    }
    let undrain = steps.iter().rposition(|step| matches!(step.kind, StepKind::Undrain(_)));
    let at = undrain.filter(|at| !steps[*at..].iter().any(changes_host)).unwrap_or(steps.len());
    steps.insert(at, StepSpec::of(StepKind::Confirm(guard)));
    steps
}

fn changes_host(step: &StepSpec) -> bool {
    step.on == Side::Host && is_guardable(&step.kind)
}

fn is_guardable(kind: &StepKind) -> bool {
    match kind {
        StepKind::Command(command) => command.changes,
        StepKind::Script(script) => script.changes,
        StepKind::Upgrade(_)
        | StepKind::Reboot(_)
        | StepKind::Copy(_)
        | StepKind::Service(_)
        | StepKind::Cleanup(_) => true,
        StepKind::Precheck(_)
        | StepKind::Snapshot(_)
        | StepKind::SnapshotRestore(_)
        | StepKind::Verify(_)
        | StepKind::WaitFor(_)
        | StepKind::Pause(_)
        | StepKind::Notify(_)
        | StepKind::Drain(_)
        | StepKind::Undrain(_)
        // It is a way back itself.
        | StepKind::Rollback(_)
        | StepKind::Confirm(_) => false,
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
