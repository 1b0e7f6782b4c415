//! The command lines in hints: the program with its state folder, and the line that starts a run again.

use std::path::Path;

use super::{World, connect::recorded_options};
use crate::{event::RunState, plan::Plan, playbook::Template, ui};

/// The line that starts a run again, made from its record: `run PLAYBOOK -i INVENTORY`, with its connection options,
/// and with the names of extra variables only, because their values may be secret.
pub(super) fn line_of(state: &RunState, world: &World) -> String {
    let started = &state.started;
    let quote = |word: String| crate::command::quote(&word).unwrap_or(word);
    let mut words = match &started.plan.undoes {
        Some(undone) => {
            let words = ["rollback".to_owned(), undone.clone()].into_iter();
            words.chain(wishes(&started.plan).into_iter().map(quote)).collect()
        }
        None => vec!["run".to_owned(), quote(world.shown(Path::new(&started.playbook_path)))],
    };
    for inventory in started.inventory_paths.iter().filter(|_| started.plan.undoes.is_none()) {
        words.extend(["-i".to_owned(), quote(world.shown(Path::new(inventory)))]);
    }
    if started.lenient {
        words.push("--lenient".to_owned());
    }
    for name in &started.extra_vars {
        let word = if name.starts_with('@') { quote(name.clone()) } else { format!("{name}=…") };
        words.extend(["-e".to_owned(), word]);
    }
    words.extend(recorded_options::shown(&state.connect, world));
    if started.check {
        words.push("--check".to_owned());
    }
    words.join(" ")
}

/// The options of a rollback that are in its plan.
fn wishes(plan: &Plan) -> Vec<String> {
    let mut words = Vec::new();
    if plan.hosts().any(|(host, ..)| host.undo.as_deref().is_some_and(|undo| undo.lacks().next().is_some())) {
        words.push("--try-all".to_owned());
    }
    let Some(spec) = plan.steps.iter().find_map(|step| step.kind.rollback()) else { return words };
    if let Some(hold) = spec.hold {
        words.extend(["--hold".to_owned(), format!("{}s", hold.as_secs())]);
    }
    if let Some(reason) = spec.reason.as_ref().and_then(text_of) {
        words.extend(["--reason".to_owned(), reason]);
    }
    if spec.force {
        words.push("--force".to_owned());
    }
    words
}

/// The text of a template that is one string.
fn text_of(template: &Template) -> Option<String> {
    serde_json::from_str(template.0.strip_prefix("{{ ")?.strip_suffix(" }}")?).ok()
}

/// The command lines for hints; `run` is `run PLAYBOOK -i INVENTORY`.
pub(super) fn next(run: String, state_dir: &Path, world: &World) -> ui::CommandLines {
    let program = program(state_dir, world);
    ui::CommandLines { run: format!("{program} {run}"), program, newest: true }
}

/// The command lines for hints about a recorded run; `newest`: `@failed` means it. A rehearsal is carried out in the
/// ledger of real runs, not in its own.
pub(super) fn next_of(state: &RunState, newest: bool, state_dir: &Path, world: &World) -> ui::CommandLines {
    let next = next(line_of(state, world), state_dir, world);
    match state.started.rehearsal {
        true => ui::CommandLines { run: format!("patchwave {}", line_of(state, world)), newest, ..next },
        false => ui::CommandLines { newest, ..next },
    }
}

/// The program's name in commands, with options so that they find this state folder.
pub(super) fn program(state_dir: &Path, world: &World) -> String {
    let default = super::state_dir::state_dir(None, world).ok();
    if default.as_deref() == Some(state_dir) {
        return "patchwave".to_owned();
    }
    let dir = world.shown(state_dir);
    format!("patchwave --state-dir {}", crate::command::quote(&dir).unwrap_or(dir))
}
