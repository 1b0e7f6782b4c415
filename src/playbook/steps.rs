//! One step: the keys that every step takes, and exactly one kind.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Guard, Rollback, Side, StepKind, StepSpec, Template, TemplateList, from_ansible, guard, kinds,
    values::{self, Context},
};
use crate::yaml::{
    Key, MapReader, Node, Problems, Value, read,
    shape::{self, DEADLINE, DURATION, Shape, Table, words},
};

/// A step of `steps:`.
pub(super) static STEP: Table = Table::new("a step", KEYS).one_of(&kinds::KEYWORDS).without(not_in_steps);
/// A step of `on_failure:`.
pub(super) static ON_FAILURE_STEP: Table =
    Table::new("a step of `on_failure`", KEYS).one_of(&kinds::KEYWORDS).without(not_in_on_failure);
/// A step of `gate:`.
pub(super) static GATE_STEP: Table =
    Table::new("a step of `gate`", KEYS).one_of(&kinds::KEYWORDS).without(not_in_gates);

const KEYS: &[&[shape::Key]] = &[&kinds::KEYS, &EVERY_STEP];

static EVERY_STEP: [shape::Key; 9] = [
    shape::Key::new("name", Shape::Word, "The name on the screen and in records. Default: made from the kind."),
    shape::Key::new(
        "when",
        values::CONDITION,
        "A Jinja expression without braces; the step is skipped if it is false.",
    ),
    shape::Key::new("timeout", DEADLINE, "Time limit of one attempt."),
    shape::Key::new("retries", Shape::Whole(0, 100), "How often a step that failed is tried again. Default 0."),
    shape::Key::new("retry_delay", DURATION, "How long to wait before another attempt. Default 5s."),
    shape::Key::new("become", Shape::Bool, "Raise rights on the host. Default: `ansible_become`."),
    shape::Key::new("on", Shape::Words(&SIDE_WORDS), "Where it runs: on the host, or on the jump box (controller)."),
    shape::Key::new("register", values::VARIABLE, "A variable for later steps, with what became of this one."),
    shape::Key::new("guard", Shape::Map(&guard::GUARD), "The host undoes this step unless a new login confirms it."),
];

const SIDES: [(&str, Side); 2] = [("host", Side::Host), ("controller", Side::Controller)];
const SIDE_WORDS: [&str; 2] = words(&SIDES);

/// Where a list of steps is written; this decides what a step may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `steps:`.
    Steps,
    /// `on_failure:`.
    OnFailure,
    /// `gate:`.
    Gate,
}

impl Place {
    /// What a step may have here.
    fn table(self) -> &'static Table {
        match self {
            Self::Steps => &STEP,
            Self::OnFailure => &ON_FAILURE_STEP,
            Self::Gate => &GATE_STEP,
        }
    }
}

/// Reads a list of steps.
pub(super) fn list(node: &Node, place: Place, context: &Context, problems: &mut Problems) -> Option<Vec<StepSpec>> {
    let steps = read::list(node, "a list of steps", problems, |node, problems| step(node, place, context, problems));
    if place == Place::Steps {
        check_drains(node, problems);
    }
    steps
}

fn step(node: &Node, place: Place, context: &Context, problems: &mut Problems) -> Option<StepSpec> {
    let before = problems.0.len();
    let mut map = MapReader::new(node, place.table(), problems)?;
    let mut found: Vec<(&Key, &Node)> = Vec::new();
    for kind in &kinds::ALL {
        found.extend(map.take_entry(kind.keyword));
    }
    found.sort_by_key(|(key, _)| key.span.start);
    let name = map.read("name", read::name);
    let when = map.read("when", values::condition);
    let timeout = map.read("timeout", read::deadline);
    let retries = map.read("retries", |node, problems| read::whole(node, 0, 100, problems)).unwrap_or(0);
    let retry_delay = map.read("retry_delay", read::duration).unwrap_or(Duration::from_secs(5));
    let privileged = map.read("become", read::bool);
    let on = map.take("on");
    let register = map.read("register", values::registered);
    let guarded = map.take_entry("guard");
    let guard = guarded.and_then(|(_, node)| guard::guard(node, map.problems));
    let unknown = map.problems.0.len();
    map.finish_with(|key| from_ansible::instead(key, &context.package_modules));
    let kind = match found.as_slice() {
        [] if problems.0.len() == unknown => {
            problems
                .at(&node.span, "this step does nothing")
                .help(format!("it needs one of: {}", kinds::ALL.map(|kind| kind.keyword).join(", ")));
            return None;
        }
        [] => return None,
        [(_, node)] => kinds::read(found[0].0, node, context, problems),
        [(first, _), (second, _), ..] => {
            let message = format!("a step does one thing, and this one has `{}` and `{}`", first.text, second.text);
            let notified = found.iter().find(|(key, _)| key.text == "notify");
            let help = match notified {
                // A task of Ansible names its handlers so.
                Some((_, node)) if !matches!(node.value, Value::Map(_)) => from_ansible::instead_of_handlers(),
                _ => "write two steps".to_owned(),
            };
            problems.at(&second.span, message).help(help);
            return None;
        }
    };
    let (key, _) = found[0];
    let on = side(key, on, place, problems);
    check_place(key, place, problems);
    if let Some((at, _)) = guarded {
        let step = guard::Guarded { key, kind: kind.as_ref(), place, on, retries, privileged };
        step.check(at, problems);
    }
    let kind = kind.filter(|_| problems.0.len() == before)?;
    let name = name.unwrap_or_else(|| kind.default_name());
    Some(StepSpec { name, kind, when, timeout, retries, retry_delay, privileged, on, register, guard })
}

/// `on:`, which some kinds decide themselves.
fn side(key: &Key, on: Option<&Node>, place: Place, problems: &mut Problems) -> Side {
    let Some(kind) = kinds::ALL.iter().find(|kind| kind.keyword == key.text) else { return Side::Host };
    let default = if place == Place::Gate { Side::Controller } else { kind.default_side };
    let Some(node) = on else { return default };
    let side = read::one_of(node, &SIDES, problems);
    let why = match side {
        Some(Side::Controller) if !kind.on_controller => format!("`{}` cannot run on the controller", key.text),
        Some(Side::Host) if !kind.on_host => format!("`{}` always runs on the controller", key.text),
        Some(Side::Host) if place == Place::Gate => "a gate runs on the controller, after a wave".to_owned(),
        _ => return side.unwrap_or(default),
    };
    problems.at(&node.span, why);
    default
}

/// Reports kinds that are not allowed in this list.
fn check_place(key: &Key, place: Place, problems: &mut Problems) {
    if let Some(why) = (place.table().refuses)(&key.text) {
        problems.at(&key.span, why);
    }
}

fn not_in_steps(key: &str) -> Option<&'static str> {
    (key == "rollback").then_some("`rollback` belongs in `on_failure:`; `patchwave rollback RUN` undoes a whole run")
}

fn not_in_on_failure(key: &str) -> Option<&'static str> {
    match key {
        "drain" => Some("`drain` belongs in `steps:`"),
        "undrain" => {
            Some("`undrain` belongs in `steps:`; if its `drain` ran, it is also considered after `on_failure`")
        }
        _ => None,
    }
}

fn not_in_gates(key: &str) -> Option<&'static str> {
    let allowed = matches!(key, "command" | "script" | "wait_for" | "notify" | "pause");
    (kinds::KEYWORDS.contains(&key) && !allowed).then_some(
        "a gate may have command, script, wait_for, notify and pause only: it runs after a wave, not for a host",
    )
}

/// Every `drain` needs an `undrain` after it, and every `undrain` a `drain` before it.
fn check_drains(node: &Node, problems: &mut Problems) {
    let Value::Seq(steps) = &node.value else { return };
    let places = |kind: &str| -> Vec<(usize, &Key)> {
        let mut found = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            if let Value::Map(entries) = &step.value {
                found.extend(entries.iter().filter(|(key, _)| key.text == kind).map(|(key, _)| (at, key)));
            }
        }
        found
    };
    let (drains, undrains) = (places("drain"), places("undrain"));
    for (at, key) in &drains {
        if !undrains.iter().any(|(undrain, _)| undrain > at) {
            problems.at(&key.span, "`drain` without an `undrain` after it: the host would stay out of service");
        }
    }
    for (at, key) in &undrains {
        if !drains.iter().any(|(drain, _)| drain < at) {
            problems.at(&key.span, "`undrain` without a `drain` before it");
        }
    }
}

impl StepSpec {
    /// A step of this kind with nothing else set.
    pub fn of(kind: StepKind) -> Self {
        Self {
            name: kind.default_name(),
            kind,
            when: None,
            timeout: None,
            retries: 0,
            retry_delay: Duration::from_secs(5),
            privileged: None,
            on: Side::Host,
            register: None,
            guard: None,
        }
    }

    /// The time limit of one attempt: `timeout:`, else the kind's default.
    pub fn limit(&self) -> Duration {
        self.timeout.unwrap_or_else(|| self.kind.default_timeout())
    }

    /// How much longer than its limit it may take, to find out how its own guard ended.
    pub fn guard_time(&self) -> Duration {
        self.guard.as_ref().filter(|guard| !guard.whole_walk).map_or(Duration::ZERO, Guard::longest_time)
    }
}

impl StepKind {
    /// True for a step that is considered at the end of every walk, even a failed one (`undrain`, when its `drain`
    /// ran).
    pub fn is_always(&self) -> bool {
        matches!(self, Self::Undrain(_))
    }

    /// The `environment:` of a program that the playbook names; `None`: it runs none.
    pub fn environment(&self) -> Option<&BTreeMap<String, Template>> {
        match self {
            Self::Command(command) => Some(&command.environment),
            Self::Script(script) => Some(&script.environment),
            _ => None,
        }
    }

    /// True for a step that takes a host's traffic away.
    pub fn is_drain(&self) -> bool {
        matches!(self, Self::Drain(_))
    }

    /// True for a step that may reboot the host.
    pub fn is_reboot(&self) -> bool {
        matches!(self, Self::Reboot(_))
    }

    /// The packages that the step names.
    pub fn packages(&self) -> Option<&TemplateList> {
        if let Self::Upgrade(upgrade) = self { upgrade.packages.as_ref() } else { None }
    }

    /// True for a step that checks a host's health: if it fails, the host is not healthy.
    pub fn judges(&self) -> bool {
        matches!(self, Self::Precheck(_) | Self::Verify(_) | Self::WaitFor(_) | Self::Command(_) | Self::Script(_))
    }

    /// True for a step that restores a broken host.
    pub fn restores(&self) -> bool {
        matches!(self, Self::SnapshotRestore(_) | Self::Rollback(_))
    }

    /// What a `rollback` was asked for.
    pub fn rollback(&self) -> Option<&Rollback> {
        if let Self::Rollback(rollback) = self { Some(rollback) } else { None }
    }

    /// True for a step that restores a snapshot.
    pub fn restores_snapshot(&self) -> bool {
        matches!(self, Self::SnapshotRestore(_))
    }

    /// True for a step whose changes of packages a later `rollback` undoes. A rollback counts as well: it has undone
    /// something.
    pub fn is_undone(&self) -> bool {
        matches!(self, Self::Upgrade(_) | Self::Rollback(_))
    }

    /// True for an `undrain` that also runs for a broken host.
    pub fn undrains_broken_hosts(&self) -> bool {
        matches!(self, Self::Undrain(undrain) if undrain.when_failed)
    }

    /// The command line of a hook around the change, as it is written.
    pub fn hook(&self) -> Option<&str> {
        match self {
            Self::Undrain(undrain) => Some(&undrain.hook.run.0),
            Self::Drain(hook) | Self::Snapshot(hook) | Self::SnapshotRestore(hook) => Some(&hook.run.0),
            _ => None,
        }
    }

    /// True for the step that ends a guard over the whole walk; it runs at the end of every broken walk.
    pub fn ends_guard(&self) -> bool {
        self.guard_ended().is_some()
    }

    /// The guard over the whole walk that ends with this step.
    pub fn guard_ended(&self) -> Option<&Guard> {
        if let Self::Confirm(guard) = self { Some(guard) } else { None }
    }
}
