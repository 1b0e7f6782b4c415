//! Checks before and after the change, and conditions to wait for.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{
        Condition, HttpCheck, Precheck, StepKind, Verify, WaitFor,
        values::{self, Context},
    },
    actions::{ADDRESS, web_address},
    changes::{ABSOLUTE, absolute},
};
use crate::yaml::{
    MapReader, Node, Problems, Value, read,
    shape::{BYTES, DEADLINE, Key, Number, Shape, Table, words},
};

static PRECHECK_KEYS: Table = Table::new(
    "`precheck`",
    &[&[
        Key::new(
            "disk_free",
            Shape::Entries { name: "^/", of: &BYTES, null: false },
            "How much must be free, by mount point: `{ /: 1GiB, /boot: 150MiB }`.",
        ),
        PACKAGES,
        Key::new(
            "load_below",
            Shape::Like(r"^\+?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?$", Number::Positive),
            "The load average must be below this.",
        ),
        SERVICES,
        COMMAND,
    ]],
);
static VERIFY_KEYS: Table = Table::new(
    "`verify`",
    &[&[
        SERVICES,
        Key::new("kernel", Shape::Words(&KERNEL_WORDS), "The host must run the newest kernel that is installed."),
        Key::new("journal", Shape::Words(&JOURNAL_WORDS), "The journal must have no new errors."),
        PACKAGES,
        Key::new(
            "http",
            Shape::Either(&[REQUEST, Shape::list(&REQUEST)]),
            "Addresses that must answer, asked from the host.",
        ),
        Key::new("ports", Shape::Either(&[PORT, Shape::list(&PORT)]), "TCP ports that must be open on the host."),
        COMMAND,
    ]],
);
static REQUEST_KEYS: Table = Table::new(
    "a request",
    &[&[
        Key::needed("url", ADDRESS, "The address."),
        Key::new("status", Shape::Whole(100, 599), "The status that it must answer with. Default 200."),
        Key::new("contains", Shape::Word, "A text that must be in the answer."),
        Key::new("timeout", DEADLINE, "Time limit of one request. Default 10s."),
    ]],
);
static WAIT_FOR_KEYS: Table = Table::new(
    "`wait_for`",
    &[&[
        Key::new("port", PORT, "A TCP port that must be open."),
        Key::new("http", REQUEST, "An address that must answer."),
        Key::new("path", ABSOLUTE, "A path on the host that must exist."),
        Key::new("command", Shape::Word, "A line for /bin/sh that must end with 0."),
        Key::new("host", Shape::Word, "Where the `port` is. Default: the host itself."),
        Key::new("interval", DEADLINE, "How long to wait between two looks. Default 2s."),
    ]],
)
.one_of(&["port", "http", "path", "command"]);

const PACKAGES: Key = Key::new(
    "packages",
    Shape::Words(&HEALTHY_WORDS),
    "No package is half installed, and nothing holds the lock of the package manager.",
);
const SERVICES: Key = Key::new("services", values::TEMPLATE_LIST, "Units that must be active.");
const COMMAND: Key = Key::new("command", Shape::Word, "A line for /bin/sh that must end with 0.");
const PORT: Shape = Shape::Whole(1, u16::MAX as i64);
const REQUEST: Shape = Shape::Either(&[ADDRESS, Shape::Map(&REQUEST_KEYS)]);
const HEALTHY: [(&str, ()); 1] = [("healthy", ())];
const HEALTHY_WORDS: [&str; 1] = words(&HEALTHY);
const KERNEL: [(&str, ()); 1] = [("newest", ())];
const KERNEL_WORDS: [&str; 1] = words(&KERNEL);
const JOURNAL: [(&str, ()); 1] = [("no_new_errors", ())];
const JOURNAL_WORDS: [&str; 1] = words(&JOURNAL);
pub(super) const PRECHECK: Shape = Shape::Map(&PRECHECK_KEYS);
pub(super) const VERIFY: Shape = Shape::Map(&VERIFY_KEYS);
pub(super) const WAIT_FOR: Shape = Shape::Map(&WAIT_FOR_KEYS);

/// `precheck: {disk_free, packages, load_below, services, command}`.
pub(super) fn precheck(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, &PRECHECK_KEYS, problems)?;
    let precheck = Precheck {
        disk_free: map.read("disk_free", disk_free).unwrap_or_default(),
        packages_healthy: map.read("packages", healthy).is_some(),
        load_below: map.read("load_below", load),
        services: map.read("services", values::template_list),
        command: map.read("command", values::filled),
    };
    map.finish();
    if precheck == Precheck::default() {
        nothing(node, "`precheck`", problems);
    }
    Some(StepKind::Precheck(precheck))
}

fn disk_free(node: &Node, problems: &mut Problems) -> Option<BTreeMap<String, u64>> {
    let Value::Map(entries) = &node.value else {
        problems.expected("a mapping of mount points to sizes", node);
        return None;
    };
    let mut least = BTreeMap::new();
    for (key, value) in entries {
        if !key.text.starts_with('/') {
            problems.at(&key.span, format!("`{}` is not a mount point: expected an absolute path", key.text));
        }
        if let Some(bytes) = read::bytes(value, problems) {
            least.insert(key.text.clone(), bytes);
        }
    }
    Some(least)
}

fn healthy(node: &Node, problems: &mut Problems) -> Option<()> {
    read::one_of(node, &HEALTHY, problems)
}

fn load(node: &Node, problems: &mut Problems) -> Option<f64> {
    let text = read::text(node, "a load average like 8", problems)?;
    let load = text.parse::<f64>().ok().filter(|load| load.is_finite() && *load > 0.0);
    if load.is_none() {
        problems.at(&node.span, "expected a number above 0");
    }
    load
}

/// `verify: {services, kernel, journal, packages, http, ports, command}`.
pub(super) fn verify(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, &VERIFY_KEYS, problems)?;
    let verify = Verify {
        services: map.read("services", values::template_list),
        kernel_newest: map.read("kernel", |n, p| read::one_of(n, &KERNEL, p)).is_some(),
        journal_no_new_errors: map.read("journal", |n, p| read::one_of(n, &JOURNAL, p)).is_some(),
        packages_healthy: map.read("packages", healthy).is_some(),
        http: map.read("http", requests).unwrap_or_default(),
        ports: map.read("ports", |n, p| read::list_or_single(n, "a list of ports", p, port)).unwrap_or_default(),
        command: map.read("command", values::filled),
    };
    map.finish();
    if verify == Verify::default() {
        nothing(node, "`verify`", problems);
    }
    Some(StepKind::Verify(verify))
}

/// Reports a check without any part, unless a wrong part was reported already.
fn nothing(node: &Node, what: &str, problems: &mut Problems) {
    let empty = match &node.value {
        Value::Map(entries) => entries.is_empty(),
        _ => true,
    };
    if empty {
        problems.at(&node.span, format!("{what} checks nothing"));
    }
}

fn port(node: &Node, problems: &mut Problems) -> Option<u16> {
    read::whole(node, 1, u16::MAX, problems)
}

fn requests(node: &Node, problems: &mut Problems) -> Option<Vec<HttpCheck>> {
    match node.value {
        Value::Map(_) => request(node, problems).map(|one| vec![one]),
        _ => read::list_or_single(node, "a list of requests", problems, request),
    }
}

/// `URL` or `{url, status, contains, timeout}`.
fn request(node: &Node, problems: &mut Problems) -> Option<HttpCheck> {
    let timeout = Duration::from_secs(10);
    if !matches!(node.value, Value::Map(_) | Value::Null | Value::Seq(_)) {
        return Some(HttpCheck { url: web_address(node, problems)?, status: 200, contains: None, timeout });
    }
    let mut map = MapReader::new(node, &REQUEST_KEYS, problems)?;
    let url = map.need("url", web_address);
    let status = map.read("status", |node, problems| read::whole(node, 100, 599, problems)).unwrap_or(200);
    let contains = map.read("contains", values::filled);
    let timeout = map.read("timeout", read::deadline).unwrap_or(timeout);
    map.finish();
    Some(HttpCheck { url: url?, status, contains, timeout })
}

/// `wait_for: {port | http | path | command, …}`.
pub(super) fn wait_for(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, &WAIT_FOR_KEYS, problems)?;
    let (port_at, http, path, command) = (map.take("port"), map.take("http"), map.take("path"), map.take("command"));
    let host_at = map.take_entry("host");
    let host = host_at.and_then(|(_, node)| values::filled(node, map.problems));
    let interval = map.read("interval", read::deadline).unwrap_or(Duration::from_secs(2));
    let given: Vec<&Node> = [port_at, http, path, command].into_iter().flatten().collect();
    if let (Some((key, _)), None) = (host_at, port_at) {
        map.problems.at(&key.span, "`host` belongs to `port`");
    }
    let condition = match given.as_slice() {
        [one] => match (port_at, http, path) {
            (Some(_), _, _) => port(one, map.problems).map(|port| Condition::Port { host, port }),
            (_, Some(_), _) => request(one, map.problems).map(Condition::Http),
            (_, _, Some(_)) => absolute(one, map.problems).map(Condition::Path),
            _ => values::filled(one, map.problems).map(Condition::Command),
        },
        [] => {
            map.problems.at(&node.span, "`wait_for` needs one of the keys `port`, `http`, `path`, `command`");
            None
        }
        [_, second, ..] => {
            map.problems.at(&second.span, "`wait_for` waits for one thing").help("write two steps");
            None
        }
    };
    map.finish();
    Some(StepKind::WaitFor(WaitFor { condition: condition?, interval }))
}
