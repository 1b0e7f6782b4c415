//! Checks before and after the change, and conditions to wait for.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{
        Condition, HttpCheck, Precheck, StepKind, Verify, WaitFor,
        values::{self, Context},
    },
    actions::web_address,
    changes::absolute,
};
use crate::yaml::{MapReader, Node, Problems, Value, read};

/// `precheck: {disk_free, packages, load_below, services, command}`.
pub(super) fn precheck(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, "`precheck`", problems)?;
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
    read::one_of(node, &[("healthy", ())], problems)
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
    let mut map = MapReader::new(node, "`verify`", problems)?;
    let verify = Verify {
        services: map.read("services", values::template_list),
        kernel_newest: map.read("kernel", |n, p| read::one_of(n, &[("newest", ())], p)).is_some(),
        journal_no_new_errors: map.read("journal", |n, p| read::one_of(n, &[("no_new_errors", ())], p)).is_some(),
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
    let mut map = MapReader::new(node, "a request", problems)?;
    let url = map.need("url", web_address);
    let status = map.read("status", |node, problems| read::whole(node, 100, 599, problems)).unwrap_or(200);
    let contains = map.read("contains", values::filled);
    let timeout = map.read("timeout", read::deadline).unwrap_or(timeout);
    map.finish();
    Some(HttpCheck { url: url?, status, contains, timeout })
}

/// `wait_for: {port | http | path | command, …}`.
pub(super) fn wait_for(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, "`wait_for`", problems)?;
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
