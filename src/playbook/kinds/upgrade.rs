//! `upgrade:`: which updates, and how they are installed.

use super::super::{
    RestartServices, Scope, StepKind, TemplateList, Upgrade, WayBackWish,
    values::{self, Context},
};
use crate::yaml::{
    MapReader, Node, Problems, Value, read,
    shape::{DURATION, Key, Shape, Table, words},
};

static KEYS: Table = Table::new(
    "`upgrade`",
    &[&[
        Key::new("scope", Shape::Words(&SCOPE_WORDS), "Which updates. Default: security."),
        Key::new("packages", values::TEMPLATE_LIST, "The packages to upgrade, for `scope: packages`."),
        Key::new("cves", values::TEMPLATE_LIST, "The ids of CVEs, for `scope: cve`."),
        Key::new("advisories", values::TEMPLATE_LIST, "The ids of advisories, for `scope: advisory`."),
        Key::new("exclude", values::TEMPLATE_LIST, "Packages that stay as they are; `*` is allowed in their names."),
        Key::new(
            "hold",
            values::TEMPLATE_LIST,
            "Packages that stay as they are and are put on hold on the host; `*` is allowed in their names.",
        ),
        Key::new("allow_removals", Shape::Bool, "Whether packages may be removed. Default no."),
        Key::new("include_phased", Shape::Bool, "Take updates that are still being phased in. Default no."),
        Key::new("nobest", Shape::Bool, "Take an older version where the newest one cannot be installed. Default no."),
        Key::new("lock_timeout", DURATION, "How long to wait for the lock of the package manager. Default 10m."),
        Key::new("repair", Shape::Bool, "Repair half-configured packages first. Default no: such a host fails."),
        Key::new("refresh", Shape::Bool, "Fetch the lists of packages first. Default yes."),
        Key::new(
            "required_origins",
            Shape::Either(&[Shape::Word, Shape::filled(&Shape::Word)]),
            "The package sources that must answer. Default: all.",
        ),
        Key::new("allow_drift", Shape::Bool, "Accept other versions than those that were chosen. Default no."),
        Key::new("predownload", Shape::Bool, "Only fetch the packages, and install nothing. Default no."),
        Key::new(
            "restart_services",
            Shape::Words(&RESTART_WORDS),
            "What to do with services that still use replaced files. Default: never restart them.",
        ),
        Key::new(
            "rollback",
            Shape::Words(&WAY_BACK_WORDS),
            "Fetch the old versions first, so that a rollback has them. Default no.",
        ),
    ]],
);

pub(super) const UPGRADE: Shape = Shape::Either(&[Shape::Words(&SCOPE_WORDS), Shape::Map(&KEYS)]);

const SCOPES: [(&str, Scope); 6] = [
    ("all", Scope::All),
    ("security", Scope::Security),
    ("kernel", Scope::Kernel),
    ("packages", Scope::Packages),
    ("cve", Scope::Cve),
    ("advisory", Scope::Advisory),
];
const SCOPE_WORDS: [&str; 6] = words(&SCOPES);
const RESTARTS: [(&str, RestartServices); 2] = [("never", RestartServices::Never), ("needed", RestartServices::Needed)];
const RESTART_WORDS: [&str; 2] = words(&RESTARTS);
const WAYS_BACK: [(&str, WayBackWish); 3] =
    [("no", WayBackWish::No), ("prepare", WayBackWish::Prepare), ("required", WayBackWish::Required)];
const WAY_BACK_WORDS: [&str; 3] = words(&WAYS_BACK);

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
    let mut map = MapReader::new(node, &KEYS, problems)?;
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
        hold: map.read("hold", values::template_list),
        allow_removals: map.read("allow_removals", read::bool).unwrap_or(false),
        include_phased: map.read("include_phased", read::bool).unwrap_or(false),
        nobest: map.read("nobest", read::bool).unwrap_or(false),
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
    if upgrade.predownload && upgrade.hold.is_some() {
        map.problems
            .at(&node.span, "`predownload` changes no package, so it holds none")
            .help("`exclude` keeps packages out of the download");
    }
    map.finish_with(instead);
    scope.map(|_| StepKind::Upgrade(upgrade))
}

/// What to write instead of keys that people know from package managers.
fn instead(key: &str) -> Option<String> {
    let text = match key {
        "offline" => {
            "packages are installed while the host is up, in a job that needs no connection: an upgrade during a boot \
             cannot be watched, and its end cannot be proved; leave the key out, and put `reboot: required` behind the \
             step"
        }
        "best" => {
            "an update that cannot be installed is left out and named; `nobest: true` takes an older version of it"
        }
        "skip_broken" => "an update that cannot be installed is always left out and named; leave the key out",
        "security" => "`scope: security`",
        "bugfix" => "`scope: all`, or `scope: advisory` with `advisories`",
        _ => return None,
    };
    Some(text.to_owned())
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
    read::one_of(node, &RESTARTS, problems)
}

/// `no`, `prepare` or `required`.
fn way_back(node: &Node, problems: &mut Problems) -> Option<WayBackWish> {
    if let Value::Bool(false) = node.value {
        return Some(WayBackWish::No);
    }
    read::one_of(node, &WAYS_BACK, problems)
}
