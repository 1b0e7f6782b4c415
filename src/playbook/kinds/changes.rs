//! Upgrades, reboots, copies, services, cleaning up.

use std::time::Duration;

use super::{
    super::{
        Cleanup, CopyFrom, CopySpec, LOCK_TIMEOUT, Reboot, RebootWhen, RestartServices, Scope, ServiceSpec,
        ServiceState, StepKind, Template, Upgrade,
        values::{self, Context},
    },
    actions::file,
};
use crate::yaml::{MapReader, Node, Problems, Value, read};

const SCOPES: [(&str, Scope); 4] =
    [("all", Scope::All), ("security", Scope::Security), ("kernel", Scope::Kernel), ("packages", Scope::Packages)];

fn scope(node: &Node, problems: &mut Problems) -> Option<Scope> {
    read::one_of(node, &SCOPES, problems)
}

/// `upgrade: security` or `upgrade: {scope: .., …}`; without a scope, security updates only.
pub(super) fn upgrade(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let defaults = Upgrade::default();
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        let scope = scope(node, problems)?;
        if scope == Scope::Packages {
            problems.at(&node.span, NO_PACKAGES);
            return None;
        }
        return Some(StepKind::Upgrade(Upgrade { scope, ..defaults }));
    }
    let mut map = MapReader::new(node, "`upgrade`", problems)?;
    let scope_node = map.take("scope");
    let scope = match scope_node {
        Some(node) => scope(node, map.problems),
        None => Some(defaults.scope),
    };
    let packages_entry = map.take_entry("packages");
    let packages = packages_entry.and_then(|(_, node)| values::template_list(node, map.problems));
    match (scope, packages_entry) {
        (Some(Scope::Packages), None) => {
            map.problems.at(scope_node.map_or(&node.span, |node| &node.span), NO_PACKAGES);
        }
        (Some(other), Some((key, _))) if other != Scope::Packages => {
            map.problems.at(&key.span, "`packages` needs `scope: packages`");
        }
        _ => {}
    }
    let upgrade = Upgrade {
        scope: scope.unwrap_or(defaults.scope),
        packages,
        exclude: map.read("exclude", values::template_list),
        allow_removals: map.read("allow_removals", read::bool).unwrap_or(false),
        include_phased: map.read("include_phased", read::bool).unwrap_or(false),
        lock_timeout: map.read("lock_timeout", read::duration).unwrap_or(defaults.lock_timeout),
        repair: map.read("repair", read::bool).unwrap_or(false),
        refresh: map.read("refresh", read::bool).unwrap_or(true),
        restart_services: map.read("restart_services", restart_services).unwrap_or_default(),
    };
    map.finish();
    scope.map(|_| StepKind::Upgrade(upgrade))
}

fn restart_services(node: &Node, problems: &mut Problems) -> Option<RestartServices> {
    let words = [("never", RestartServices::Never), ("needed", RestartServices::Needed)];
    read::one_of(node, &words, problems)
}

const NO_PACKAGES: &str = "`scope: packages` needs `packages`, the names to upgrade";

/// `reboot: required`, `reboot: always` or `reboot: {when: .., …}`.
pub(super) fn reboot(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let words = [("required", RebootWhen::Required), ("always", RebootWhen::Always)];
    let mut reboot = Reboot {
        when: RebootWhen::Required,
        warn: Duration::ZERO,
        message: None,
        timeout: Duration::from_secs(900),
        stable: Duration::from_secs(10),
        lock_timeout: LOCK_TIMEOUT,
    };
    match node.value {
        Value::Map(_) | Value::Null => {
            let mut map = MapReader::new(node, "`reboot`", problems)?;
            let when = map.read("when", |node, problems| read::one_of(node, &words, problems));
            reboot.when = when.unwrap_or(reboot.when);
            reboot.warn = map.read("warn", read::duration).unwrap_or(reboot.warn);
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
        _ => reboot.when = read::one_of(node, &words, problems)?,
    }
    Some(StepKind::Reboot(reboot))
}

/// `copy: {src | content, dest, mode, owner, group}`.
pub(super) fn copy(node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, "`copy`", problems)?;
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
    let states = [
        ("started", ServiceState::Started),
        ("stopped", ServiceState::Stopped),
        ("restarted", ServiceState::Restarted),
        ("reloaded", ServiceState::Reloaded),
    ];
    let mut map = MapReader::new(node, "`service`", problems)?;
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
    let state = map.need("state", |node, problems| read::one_of(node, &states, problems));
    map.finish();
    Some(StepKind::Service(ServiceSpec { names: names?, state: state? }))
}

/// `cleanup: {old_kernels: N, package_cache: yes, lock_timeout: 10m}`.
pub(super) fn cleanup(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let mut map = MapReader::new(node, "`cleanup`", problems)?;
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
