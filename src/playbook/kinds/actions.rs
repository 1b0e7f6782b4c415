//! Hooks, commands, scripts, notifications, pauses.

use super::super::{
    Address, CommandLine, CommandSpec, Hook, Notify, Pause, Script, StepKind, Template, Undrain, files,
    template::check,
    values::{self, Context},
};
use crate::yaml::{
    MapReader, Node, Problems, Value, read,
    shape::{DEADLINE, Key, Number, Shape, Table},
};

const HOOK_RUN: Key = Key::needed("run", Shape::Word, "The program and its arguments, on the jump box by default.");
static SNAPSHOT_KEYS: Table = Table::new("`snapshot`", &[&[HOOK_RUN]]);
static RESTORE_KEYS: Table = Table::new("`snapshot_restore`", &[&[HOOK_RUN]]);
static DRAIN_KEYS: Table = Table::new("`drain`", &[&[HOOK_RUN]]);
static UNDRAIN_KEYS: Table = Table::new(
    "`undrain`",
    &[&[HOOK_RUN, Key::new("when_failed", Shape::Bool, "Also for a host that failed and was not restored.")]],
);
static COMMAND_KEYS: Table = Table::new(
    "`command`",
    &[&[
        Key::new("run", Shape::Word, "A line for /bin/sh."),
        Key::new("argv", ARGV, "A program and its arguments, without a shell."),
        CHANGES,
        Key::new("environment", values::ENVIRONMENT, "Environment variables."),
        Key::new(
            "ok_codes",
            Shape::Either(&[EXIT_CODE, Shape::filled(&EXIT_CODE)]),
            "The exit codes that mean success. Default 0.",
        ),
    ]],
)
.one_of(&["run", "argv"]);
static SCRIPT_KEYS: Table = Table::new(
    "`script`",
    &[&[
        Key::needed("file", Shape::Word, "The script, beside the playbook or in a folder above it."),
        Key::new("args", Shape::Either(&[Shape::Text, Shape::list(&Shape::Text)]), "Its arguments."),
        CHANGES,
        Key::new("environment", values::ENVIRONMENT, "Environment variables."),
    ]],
);
static PAUSE_KEYS: Table = Table::new("`pause`", &[&[Key::needed("duration", DEADLINE, "How long.")]]);
static NOTIFY_KEYS: Table = Table::new(
    "`notify`",
    &[&[
        Key::new("command", Shape::Word, "A program that sends the message."),
        Key::new("webhook", ADDRESS, "An address to which the message is posted."),
        Key::new("body", Shape::Any, "What is posted to the webhook, as JSON."),
        Key::new("required", Shape::Bool, "Whether the step fails if the message cannot be sent. Default no."),
        Key::new("message", Shape::Word, "The message."),
    ]],
)
.one_of(&["command", "webhook"]);

const CHANGES: Key = Key::new("changes", Shape::Bool, "`false`: it only looks, so it also runs with --check.");
const EXIT_CODE: Shape = Shape::Whole(0, 255);
/// What [`argv`] reads.
pub(in super::super) const ARGV: Shape = Shape::filled(&Shape::Text);
/// What [`web_address`] reads.
pub(super) const ADDRESS: Shape = Shape::Like(r"^(https?://|\{\{)", Number::No);
pub(super) const SNAPSHOT: Shape = Shape::Either(&[Shape::Word, Shape::Map(&SNAPSHOT_KEYS)]);
pub(super) const RESTORE: Shape = Shape::Either(&[Shape::Word, Shape::Map(&RESTORE_KEYS)]);
pub(super) const DRAIN: Shape = Shape::Either(&[Shape::Word, Shape::Map(&DRAIN_KEYS)]);
pub(super) const UNDRAIN: Shape = Shape::Either(&[Shape::Word, Shape::Map(&UNDRAIN_KEYS)]);
pub(super) const COMMAND: Shape = Shape::Either(&[Shape::Word, ARGV, Shape::Map(&COMMAND_KEYS)]);
pub(super) const SCRIPT: Shape = Shape::Either(&[Shape::Word, Shape::Map(&SCRIPT_KEYS)]);
pub(super) const PAUSE: Shape = Shape::Either(&[DEADLINE, Shape::Map(&PAUSE_KEYS)]);
pub(super) const NOTIFY: Shape = Shape::Map(&NOTIFY_KEYS);

pub(super) fn snapshot(node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    hook(node, &SNAPSHOT_KEYS, context, problems).map(StepKind::Snapshot)
}

pub(super) fn snapshot_restore(node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    hook(node, &RESTORE_KEYS, context, problems).map(StepKind::SnapshotRestore)
}

pub(super) fn drain(node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    hook(node, &DRAIN_KEYS, context, problems).map(StepKind::Drain)
}

pub(super) fn undrain(node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut when_failed = false;
    let hook = hook_and(node, &UNDRAIN_KEYS, context, problems, |map| {
        when_failed = map.read("when_failed", read::bool).unwrap_or(false);
    })?;
    Some(StepKind::Undrain(Undrain { hook, when_failed }))
}

/// `drain: hooks/drain x` or `drain: {run: hooks/drain x}`.
fn hook(node: &Node, table: &'static Table, context: &Context, problems: &mut Problems) -> Option<Hook> {
    hook_and(node, table, context, problems, |_| ())
}

/// As [`hook`]; `more` reads the other keys of a mapping.
fn hook_and(
    node: &Node,
    table: &'static Table,
    context: &Context,
    problems: &mut Problems,
    more: impl FnOnce(&mut MapReader<'_, '_>),
) -> Option<Hook> {
    let line = match node.value {
        Value::Map(_) | Value::Null => {
            let mut map = MapReader::new(node, table, problems)?;
            let run = map.take("run");
            let line = match run {
                Some(run) => (run, values::command_line(run, map.problems)),
                None => {
                    map.problems.at(&node.span, format!("{} needs the key `run`", table.what));
                    (node, None)
                }
            };
            more(&mut map);
            map.finish();
            line
        }
        _ => (node, values::command_line(node, problems)),
    };
    let run = line.1?;
    needs_program(line.0, &run, context, problems);
    Some(Hook { run })
}

/// A hook with a path must exist and be executable. A bare name is looked up in PATH when it runs. A hook that runs on
/// the host has an absolute path, which is checked there.
fn needs_program(node: &Node, line: &Template, context: &Context, problems: &mut Problems) {
    let Some(program) = check::program(line) else { return };
    if program.starts_with('/') || !program.contains('/') {
        return;
    }
    if let Some(path) = context.needs_file("hook", &program, node, problems)
        && !files::is_executable(&path)
    {
        problems
            .at(&node.span, format!("the hook `{program}` is not executable"))
            .help(format!("chmod +x {}", path.display()));
    }
}

/// `command: LINE`, `command: [a, b]`, `command: {run: LINE | argv: [..], …}`.
pub(super) fn command(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let plain = |run| CommandSpec { run, changes: true, environment: Default::default(), ok_codes: vec![0] };
    let spec = match node.value {
        Value::Map(_) | Value::Null => {
            let mut map = MapReader::new(node, &COMMAND_KEYS, problems)?;
            let shell = map.take("run");
            let argv = map.take("argv");
            let changes = map.read("changes", read::bool).unwrap_or(true);
            let environment = map.read("environment", values::environment).unwrap_or_default();
            let ok_codes = map.read("ok_codes", ok_codes).unwrap_or_else(|| vec![0]);
            let run = match (shell, argv) {
                (Some(line), None) => values::filled(line, map.problems).map(CommandLine::Shell),
                (None, Some(words)) => self::argv(words, map.problems),
                (Some(_), Some(words)) => {
                    map.problems.at(&words.span, "a command has `run` (for a shell) or `argv` (without one), not both");
                    None
                }
                (None, None) => {
                    map.problems.at(&node.span, "`command` needs the key `run` or `argv`");
                    None
                }
            };
            map.finish();
            CommandSpec { run: run?, changes, environment, ok_codes }
        }
        Value::Seq(_) => plain(argv(node, problems)?),
        _ => plain(CommandLine::Shell(values::filled(node, problems)?)),
    };
    Some(StepKind::Command(spec))
}

pub(in super::super) fn argv(node: &Node, problems: &mut Problems) -> Option<CommandLine> {
    let words = read::list(node, "a list of arguments", problems, values::template)?;
    if words.first().is_none_or(|program| program.0.trim().is_empty()) {
        problems.at(&node.span, "`argv` names no program");
        return None;
    }
    Some(CommandLine::Argv(words))
}

fn ok_codes(node: &Node, problems: &mut Problems) -> Option<Vec<u32>> {
    let codes = read::list_or_single(node, "a list of exit codes", problems, |node, problems| {
        read::whole(node, 0, 255, problems)
    })?;
    if codes.is_empty() {
        problems.at(&node.span, "`ok_codes` is empty: no exit code would count as success");
        return None;
    }
    Some(codes)
}

/// `script: FILE` or `script: {file: FILE, args: [..], …}`.
pub(super) fn script(node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    let script = match node.value {
        Value::Map(_) | Value::Null => {
            let mut map = MapReader::new(node, &SCRIPT_KEYS, problems)?;
            let file = map.need("file", |node, problems| file(node, "script", context, problems));
            let args = map.read("args", |node, problems| {
                read::list_or_single(node, "a list of arguments", problems, values::template)
            });
            let changes = map.read("changes", read::bool).unwrap_or(true);
            let environment = map.read("environment", values::environment).unwrap_or_default();
            map.finish();
            Script { file: file?, args: args.unwrap_or_default(), changes, environment }
        }
        _ => {
            let file = file(node, "script", context, problems)?;
            Script { file, args: Vec::new(), changes: true, environment: Default::default() }
        }
    };
    Some(StepKind::Script(script))
}

/// The name of a file beside the playbook, which must exist unless a template decides it.
pub(super) fn file(node: &Node, what: &str, context: &Context, problems: &mut Problems) -> Option<Template> {
    let file = values::filled(node, problems)?;
    if !file.0.contains('{') {
        context.needs_file(what, &file.0, node, problems)?;
    }
    Some(file)
}

/// `pause: 30s` or `pause: {duration: 30s}`.
pub(super) fn pause(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let duration = match node.value {
        Value::Map(_) => {
            let mut map = MapReader::new(node, &PAUSE_KEYS, problems)?;
            let duration = map.need("duration", read::deadline);
            map.finish();
            duration?
        }
        _ => read::deadline(node, problems)?,
    };
    Some(StepKind::Pause(Pause { duration }))
}

/// `notify: {command: LINE, message: ..}` or `notify: {webhook: URL, message: .., body: ..}`, with `required: yes` if
/// the step fails without it.
pub(super) fn notify(node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, &NOTIFY_KEYS, problems)?;
    let command = map.take("command");
    let webhook = map.take("webhook");
    let body_at = map.take("body");
    let required = map.read("required", read::bool).unwrap_or(false);
    let body = body_at.and_then(|node| values::json(node, map.problems));
    let message = match (map.take("message"), &body) {
        (Some(message), _) => values::filled(message, map.problems),
        (None, Some(_)) => Some(Template(String::new())),
        (None, None) => {
            map.problems.at(&node.span, "`notify` needs the key `message`");
            None
        }
    };
    let notify = match (command, webhook) {
        (Some(line), None) => {
            if let Some(body) = body_at {
                map.problems.at(&body.span, "`body` belongs to a webhook; a command gets the `message`");
            }
            let run = values::command_line(line, map.problems);
            if let Some(run) = &run {
                needs_program(line, run, context, map.problems);
            }
            run.zip(message).map(|(run, message)| Notify::Command { run, message, required })
        }
        (None, Some(url)) => {
            let url = web_address(url, map.problems);
            url.zip(message).map(|(url, message)| Notify::Webhook { url, body, message, required })
        }
        (Some(_), Some(second)) => {
            map.problems.at(&second.span, "`notify` has `command` or `webhook`, not both").help("write two steps");
            None
        }
        (None, None) => {
            map.problems.at(&node.span, "`notify` needs the key `command` or `webhook`");
            None
        }
    };
    map.finish();
    notify.map(StepKind::Notify)
}

/// An http or https address, unless it is a template. It may hold a password, so none of it is shown.
pub(super) fn web_address(node: &Node, problems: &mut Problems) -> Option<Template> {
    let url = values::filled(node, problems)?;
    let begins = ["http://", "https://", "{{"].iter().any(|start| url.0.starts_with(start));
    if !begins {
        problems.at(&node.span, "expected an address that begins with http:// or https://");
        return None;
    }
    if !url.0.contains('{') && Address::read(&url.0).is_err() {
        problems
            .at(&node.span, "this address cannot be read")
            .help("a `/`, `?`, `#` or `@` in a login or password is written as %2F, %3F, %23 or %40");
        return None;
    }
    Some(url)
}
