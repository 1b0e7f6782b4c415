//! Reboots, copies, services, cleaning up, the way back.

use std::time::Duration;

use super::{
    super::{
        Cleanup, CopyFrom, CopySpec, LOCK_TIMEOUT, Reboot, RebootWhen, Rollback, ServiceSpec, ServiceState, StepKind,
        Template,
        values::{self, Context},
    },
    actions::file,
};
use crate::yaml::{
    MapReader, Node, Problems, Value, read,
    shape::{DEADLINE, DURATION, Key, Number, Shape, Table, words},
};

static ROLLBACK_KEYS: Table = Table::new(
    "`rollback`",
    &[&[
        Key::new(
            "hold",
            DURATION,
            "How long what was rolled back is held. Default 7d where the package manager can hold packages; 0: not at all.",
        ),
        Key::new("reason", Shape::Word, "Why, noted with the hold."),
        LOCK,
    ]],
);
static REBOOT_KEYS: Table = Table::new(
    "`reboot`",
    &[&[
        Key::new("when", Shape::Words(&REBOOT_WORDS), "Only when it is required, or always. Default: required."),
        Key::new("warn", DURATION, "How long before it people on the host are warned. Default 0s."),
        Key::new("trial", Shape::Bool, "Boot the new kernel once; make it the default when it is up. Default no."),
        Key::new("message", Shape::Word, "The text of the warning."),
        LOCK,
        Key::new("stable", DURATION, "How long the host must stay up. Default 10s."),
        Key::new("timeout", DEADLINE, "How long the host may take to come back. Default 15m."),
    ]],
);
static COPY_KEYS: Table = Table::new(
    "`copy`",
    &[&[
        Key::new("src", Shape::Word, "The file, beside the playbook or in a folder above it."),
        Key::new("content", Shape::Text, "The text of the file; templates are rendered."),
        Key::needed("dest", ABSOLUTE, "The absolute path on the host."),
        Key::new("mode", Shape::Like("^\\s*(0o)*[0-7]{3,}\\s*$", Number::Whole(0)), "Permission bits like \"0644\"."),
        Key::new("owner", Shape::Word, "The owner of the file."),
        Key::new("group", Shape::Word, "The group of the file."),
    ]],
)
.one_of(&["src", "content"]);
static SERVICE_KEYS: Table = Table::new(
    "`service`",
    &[&[
        Key::new("name", values::TEMPLATE_LIST, "The unit, or several."),
        Key::new("names", values::TEMPLATE_LIST, "The units."),
        Key::needed("state", Shape::Words(&STATE_WORDS), "What becomes of them."),
    ]],
)
.one_of(&["name", "names"]);
static CLEANUP_KEYS: Table = Table::new(
    "`cleanup`",
    &[&[
        Key::new("old_kernels", Shape::Whole(1, 100), "How many kernels to keep besides the running one."),
        Key::new("package_cache", Shape::Bool, "Remove downloaded packages. Default no."),
        LOCK,
    ]],
);

const LOCK: Key =
    Key::new("lock_timeout", DURATION, "How long to wait for the lock of the package manager. Default 10m.");
const REBOOTS: [(&str, RebootWhen); 2] = [("required", RebootWhen::Required), ("always", RebootWhen::Always)];
const REBOOT_WORDS: [&str; 2] = words(&REBOOTS);
const STATES: [(&str, ServiceState); 4] = [
    ("started", ServiceState::Started),
    ("stopped", ServiceState::Stopped),
    ("restarted", ServiceState::Restarted),
    ("reloaded", ServiceState::Reloaded),
];
const STATE_WORDS: [&str; 4] = words(&STATES);
/// What [`absolute`] reads.
pub(super) const ABSOLUTE: Shape = Shape::Like(r"^[/{]", Number::No);
pub(super) const ROLLBACK: Shape = Shape::Map(&ROLLBACK_KEYS);
pub(super) const REBOOT: Shape = Shape::Either(&[Shape::Words(&REBOOT_WORDS), Shape::Map(&REBOOT_KEYS)]);
pub(super) const COPY: Shape = Shape::Map(&COPY_KEYS);
pub(super) const SERVICE: Shape = Shape::Map(&SERVICE_KEYS);
pub(super) const CLEANUP: Shape = Shape::Map(&CLEANUP_KEYS);

/// `rollback: {hold: 7d, reason: .., lock_timeout: 10m}`.
pub(super) fn rollback(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let defaults = Rollback::default();
    let mut map = MapReader::new(node, &ROLLBACK_KEYS, problems)?;
    let rollback = Rollback {
        hold: map.read("hold", read::duration),
        reason: map.read("reason", values::filled),
        lock_timeout: map.read("lock_timeout", read::duration).unwrap_or(defaults.lock_timeout),
        force: false,
    };
    map.finish();
    Some(StepKind::Rollback(rollback))
}

/// `reboot: required`, `reboot: always` or `reboot: {when: .., …}`.
pub(super) fn reboot(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut reboot = Reboot {
        when: RebootWhen::Required,
        warn: Duration::ZERO,
        message: None,
        timeout: Duration::from_secs(900),
        stable: Duration::from_secs(10),
        trial: false,
        lock_timeout: LOCK_TIMEOUT,
    };
    match node.value {
        Value::Map(_) | Value::Null => {
            let mut map = MapReader::new(node, &REBOOT_KEYS, problems)?;
            let when = map.read("when", |node, problems| read::one_of(node, &REBOOTS, problems));
            reboot.when = when.unwrap_or(reboot.when);
            reboot.warn = map.read("warn", read::duration).unwrap_or(reboot.warn);
            reboot.trial = map.read("trial", read::bool).unwrap_or(false);
            reboot.message = map.read("message", values::filled);
            reboot.lock_timeout = map.read("lock_timeout", read::duration).unwrap_or(reboot.lock_timeout);
            let (stable_at, timeout_at) = (map.take("stable"), map.take("timeout"));
            let timeout = timeout_at.map_or(Some(reboot.timeout), |node| read::deadline(node, map.problems));
            let stable = stable_at.map_or(Some(reboot.stable), |node| read::duration(node, map.problems));
            // A value that cannot be read is already reported; comparing its replacement proves nothing.
            if let Some((stable, timeout)) = stable.zip(timeout) {
                (reboot.stable, reboot.timeout) = (stable, timeout);
            }
            if stable.zip(timeout).is_some_and(|(stable, timeout)| stable >= timeout) {
                map.problems.at(&node.span, "`stable` is not shorter than `timeout`: the reboot could never succeed");
            }
            map.finish();
        }
        _ => reboot.when = read::one_of(node, &REBOOTS, problems)?,
    }
    Some(StepKind::Reboot(reboot))
}

/// `copy: {src | content, dest, mode, owner, group}`.
pub(super) fn copy(node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, &COPY_KEYS, problems)?;
    let (src, content) = (map.take("src"), map.take("content"));
    let from = match (src, content) {
        (Some(src), None) => file(src, "file", context, map.problems).map(CopyFrom::File),
        (None, Some(content)) => values::template(content, map.problems).map(CopyFrom::Content),
        (Some(_), Some(second)) => {
            map.problems.at(&second.span, "`copy` has `src` or `content`, not both");
            None
        }
        (None, None) => {
            map.problems.at(&node.span, "`copy` needs the key `src` or `content`");
            None
        }
    };
    let dest = map.need("dest", absolute);
    let mode = map.read("mode", mode);
    let owner = map.read("owner", values::filled);
    let group = map.read("group", values::filled);
    map.finish();
    Some(StepKind::Copy(CopySpec { from: from?, dest: dest?, mode, owner, group }))
}

/// A path on the host: absolute, unless it begins with a template.
pub(super) fn absolute(node: &Node, problems: &mut Problems) -> Option<Template> {
    let path = values::filled(node, problems)?;
    if path.0.starts_with(['/', '{']) {
        return Some(path);
    }
    problems.at(&node.span, "expected an absolute path on the host");
    None
}

/// Octal permission bits. The text as it was written counts, so that `0644` and `"0644"` are the same.
fn mode(node: &Node, problems: &mut Problems) -> Option<u32> {
    let text = read::text(node, "permission bits like \"0644\"", problems)?;
    let digits = text.trim().trim_start_matches("0o");
    let bits = u32::from_str_radix(digits, 8).ok().filter(|bits| *bits <= 0o7777 && digits.len() >= 3);
    if bits.is_none() {
        problems.at(&node.span, "expected three or four octal digits like \"0644\"");
    }
    bits
}

/// `service: {name | names, state}`.
pub(super) fn service(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, &SERVICE_KEYS, problems)?;
    let names = match (map.take("name"), map.take("names")) {
        (Some(node), None) | (None, Some(node)) => values::template_list(node, map.problems),
        (Some(_), Some(second)) => {
            map.problems.at(&second.span, "`service` has `name` or `names`, not both");
            None
        }
        (None, None) => {
            map.problems.at(&node.span, "`service` needs the key `name` or `names`");
            None
        }
    };
    let state = map.need("state", |node, problems| read::one_of(node, &STATES, problems));
    map.finish();
    Some(StepKind::Service(ServiceSpec { names: names?, state: state? }))
}

/// `cleanup: {old_kernels: N, package_cache: yes, lock_timeout: 10m}`.
pub(super) fn cleanup(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, &CLEANUP_KEYS, problems)?;
    let kernels = map.take("old_kernels");
    let old_kernels = kernels.and_then(|node| read::whole(node, 1, 100, map.problems));
    let cache = map.take("package_cache");
    let package_cache = cache.and_then(|node| read::bool(node, map.problems)).unwrap_or(false);
    if kernels.is_none() && cache.is_none() {
        map.problems.at(&node.span, "`cleanup` cleans nothing").help("known keys: old_kernels, package_cache");
    }
    let lock_timeout = map.read("lock_timeout", read::duration).unwrap_or(LOCK_TIMEOUT);
    map.finish();
    Some(StepKind::Cleanup(Cleanup { old_kernels, package_cache, lock_timeout }))
}
