//! Upgrades, reboots, copies, services, cleaning up.

use std::time::Duration;

use super::{
    super::{
        Cleanup, CopyFrom, CopySpec, LOCK_TIMEOUT, Reboot, RebootWhen, RestartServices, Rollback, Scope, ServiceSpec,
        ServiceState, StepKind, Template, TemplateList, Upgrade, WayBackWish,
        values::{self, Context},
    },
    actions::file,
};
use crate::yaml::{MapReader, Node, Problems, Value, read};

const SCOPES: [(&str, Scope); 6] = [
    ("all", Scope::All),
    ("security", Scope::Security),
    ("kernel", Scope::Kernel),
    ("packages", Scope::Packages),
    ("cve", Scope::Cve),
    ("advisory", Scope::Advisory),
];

fn scope(node: &Node, problems: &mut Problems) -> Option<Scope> {
    read::one_of(node, &SCOPES, problems)
}

/// What a scope cannot be without.
fn needed_list(scope: Scope) -> Option<&'static str> {
    match scope {
        Scope::All | Scope::Security | Scope::Kernel => None,
        Scope::Packages => Some("`scope: packages` needs `packages`, the names to upgrade"),
        Scope::Cve => Some("`scope: cve` needs `cves`, the ids of CVEs"),
        Scope::Advisory => Some("`scope: advisory` needs `advisories`, the ids of advisories"),
    }
}

/// `upgrade: security` or `upgrade: {scope: .., …}`; without a scope, security updates only.
pub(super) fn upgrade(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let defaults = Upgrade::default();
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        let scope = scope(node, problems)?;
        if let Some(missing) = needed_list(scope) {
            problems.at(&node.span, missing);
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
    let at = scope_node.unwrap_or(node);
    let packages = list_of(&mut map, "packages", (scope, Scope::Packages), at);
    let cves = list_of(&mut map, "cves", (scope, Scope::Cve), at);
    if let Some(TemplateList::Items(ids)) = &cves
        && let Some(bad) = ids.iter().find(|id| !id.0.contains('{') && !is_cve(&id.0))
    {
        map.problems.at(&at.span, format!("{:?} is not the id of a CVE", bad.0)).help("as in CVE-2026-12345");
    }
    let advisories = list_of(&mut map, "advisories", (scope, Scope::Advisory), at);
    let upgrade = Upgrade {
        scope: scope.unwrap_or(defaults.scope),
        packages,
        cves,
        advisories,
        exclude: map.read("exclude", values::template_list),
        allow_removals: map.read("allow_removals", read::bool).unwrap_or(false),
        include_phased: map.read("include_phased", read::bool).unwrap_or(false),
        lock_timeout: map.read("lock_timeout", read::duration).unwrap_or(defaults.lock_timeout),
        repair: map.read("repair", read::bool).unwrap_or(false),
        refresh: map.read("refresh", read::bool).unwrap_or(true),
        required_origins: map.read("required_origins", required_origins).unwrap_or_default(),
        allow_drift: map.read("allow_drift", read::bool).unwrap_or(false),
        predownload: map.read("predownload", read::bool).unwrap_or(false),
        restart_services: map.read("restart_services", restart_services).unwrap_or_default(),
        rollback: map.read("rollback", way_back).unwrap_or(defaults.rollback),
    };
    if upgrade.predownload && upgrade.restart_services == RestartServices::Needed {
        map.problems.at(&node.span, "`predownload` installs nothing, so there is nothing to restart");
    }
    map.finish();
    scope.map(|_| StepKind::Upgrade(upgrade))
}

/// The list that one scope needs and no other one has.
fn list_of(
    map: &mut MapReader<'_, '_>,
    key: &'static str,
    (scope, needs): (Option<Scope>, Scope),
    at: &Node,
) -> Option<TemplateList> {
    let entry = map.take_entry(key);
    match (scope, entry) {
        (Some(scope), None) if scope == needs => {
            map.problems.at(&at.span, needed_list(needs).unwrap_or_default());
        }
        (Some(other), Some((found, _))) if other != needs => {
            let word = SCOPES.iter().find(|(_, scope)| *scope == needs).map_or("", |(word, _)| word);
            map.problems.at(&found.span, format!("`{key}` needs `scope: {word}`"));
        }
        _ => {}
    }
    entry.and_then(|(_, node)| values::template_list(node, map.problems))
}

/// `CVE-2026-12345`.
pub fn is_cve(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = text.split('-');
    let (name, year, number) = (parts.next(), parts.next(), parts.next());
    name.is_some_and(|name| name.eq_ignore_ascii_case("cve"))
        && year.is_some_and(|year| year.len() == 4 && digits(year))
        && number.is_some_and(|number| number.len() >= 4 && digits(number))
        && parts.next().is_none()
}

/// `all` (an empty list), or the sources that must answer.
fn required_origins(node: &Node, problems: &mut Problems) -> Option<Vec<String>> {
    let origins = read::list_or_single(node, "`all`, or a list of package sources", problems, read::name)?;
    if origins.is_empty() {
        problems.at(&node.span, "no source would have to answer").help("`all`, or `[security]`");
        return None;
    }
    Some(if origins == ["all"] { Vec::new() } else { origins })
}

fn restart_services(node: &Node, problems: &mut Problems) -> Option<RestartServices> {
    let words = [("never", RestartServices::Never), ("needed", RestartServices::Needed)];
    read::one_of(node, &words, problems)
}
/// `no`, `prepare` or `required`.
fn way_back(node: &Node, problems: &mut Problems) -> Option<WayBackWish> {
    if let Value::Bool(false) = node.value {
        return Some(WayBackWish::No);
    }
    let words = [("no", WayBackWish::No), ("prepare", WayBackWish::Prepare), ("required", WayBackWish::Required)];
    read::one_of(node, &words, problems)
}

/// `rollback: {hold: 7d, reason: .., lock_timeout: 10m}`.
pub(super) fn rollback(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let defaults = Rollback::default();
    let mut map = MapReader::new(node, "`rollback`", problems)?;
    let rollback = Rollback {
        hold: map.read("hold", read::duration).unwrap_or(defaults.hold),
        reason: map.read("reason", values::filled),
        lock_timeout: map.read("lock_timeout", read::duration).unwrap_or(defaults.lock_timeout),
        force: false,
    };
    map.finish();
    Some(StepKind::Rollback(rollback))
}

/// `reboot: required`, `reboot: always` or `reboot: {when: .., …}`.
pub(super) fn reboot(node: &Node, _: &Context, problems: &mut Problems) -> Option<StepKind> {
    let words = [("required", RebootWhen::Required), ("always", RebootWhen::Always)];
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
            let mut map = MapReader::new(node, "`reboot`", problems)?;
            let when = map.read("when", |node, problems| read::one_of(node, &words, problems));
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
