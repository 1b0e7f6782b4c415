//! What hosts have left for a person, whether they are ok or not; hosts with the same things left are one group.
//! Knows the facts of the steps, and which of them a later step on the same host has made untrue. Start at
//! [`RunView::left_behind`].

use indexmap::IndexMap;

use super::{RunView, clean};
use crate::{
    event::{HostState, LeftBehind, PackageLeft},
    host::HostName,
};

/// What a host has left after all its steps so far: an update that a later step installed is not left any more.
pub fn left_on(host: &HostState) -> LeftBehind {
    let mut all = LeftBehind::default();
    for (_, result) in &host.steps {
        let now = &result.left_behind;
        let is_newer = |old: &PackageLeft| {
            !result.packages.iter().any(|change| change.name == old.name)
                && !now.packages.iter().any(|left| left.name == old.name)
        };
        all.packages.retain(is_newer);
        all.packages.extend(now.packages.iter().cloned());
        all.more_packages = all.more_packages.max(now.more_packages);
        all.files.extend(now.files.iter().cloned());
        all.more_files += now.more_files;
        all.sources.extend(now.sources.iter().cloned());
        // A service that was started again uses the new files.
        if result.rebooted {
            (all.services, all.more_services) = (Vec::new(), 0);
            all.reboot = None;
        }
        all.services.retain(|service| !result.restarted.iter().any(|name| name_of(service) == name));
        all.services.extend(now.services.iter().cloned());
        all.more_services = all.more_services.max(now.more_services);
        if now.reboot.is_some() {
            all.reboot.clone_from(&now.reboot);
        }
        // A later snapshot that was taken is one to go back to.
        all.no_snapshot = now.no_snapshot || (all.no_snapshot && !result.vars.contains_key("snapshot"));
    }
    all.packages.sort_by(|a, b| b.security.cmp(&a.security).then_with(|| a.name.cmp(&b.name)));
    all.files.sort();
    all.files.dedup();
    all.sources.sort();
    all.sources.dedup();
    all.services.sort();
    all.services.dedup();
    all
}

/// The name in `dbus (needs a reboot)`.
fn name_of(service: &str) -> &str {
    service.split_once(" (").map_or(service, |(name, _)| name)
}

/// It in words, a line for each kind of thing; at most `most` packages, files or services in a line.
pub fn left_lines(left: &LeftBehind, most: usize) -> Vec<String> {
    let (fixes, others): (Vec<&PackageLeft>, Vec<&PackageLeft>) = left.packages.iter().partition(|one| one.security);
    // Security updates are recorded first, so that what is not listed belongs to the other line, if there is one.
    let (more_fixes, more_others) = if others.is_empty() { (left.more_packages, 0) } else { (0, left.more_packages) };
    let packages = |list: Vec<&PackageLeft>| list.into_iter().map(package).collect::<Vec<_>>();
    let files = left.files.iter().map(|file| clean(file, 200)).collect();
    let sources = left.sources.iter().map(|source| clean(source, 200)).collect();
    let services = left.services.iter().map(|service| clean(service, 200)).collect();
    let mut lines: Vec<String> = [
        ("security updates not installed", packages(fixes), more_fixes),
        ("updates not installed", packages(others), more_others),
        ("configuration files to merge", files, left.more_files),
        ("package sources that did not answer", sources, 0),
        ("services that use replaced files until they are restarted", services, left.more_services),
    ]
    .into_iter()
    .filter(|(_, list, _)| !list.is_empty())
    .map(|(what, list, more)| {
        let more = more + list.len().saturating_sub(most);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{what}: {}{more}", list[..list.len().min(most)].join(", "))
    })
    .collect();
    lines.extend(left.reboot.iter().map(|reason| format!("a reboot is due: {}", clean(reason, 300))));
    if left.no_snapshot {
        lines.push("no snapshot was taken: the hook printed `none`".to_owned());
    }
    lines
}

/// `openssl 3.0.15 → 3.0.16 (held)`.
fn package(left: &PackageLeft) -> String {
    let version = |version: &Option<String>| version.as_ref().map(|version| clean(version, 80));
    let versions = match (version(&left.installed), version(&left.available)) {
        (Some(from), Some(to)) => format!(" {from} → {to}"),
        (Some(one), None) | (None, Some(one)) => format!(" {one}"),
        (None, None) => String::new(),
    };
    format!("{}{versions} ({})", clean(&left.name, 80), left.why.as_str())
}

impl<'a> RunView<'a> {
    /// What there is, each with its hosts in the plan's order. A host that goes on may still change it.
    pub fn left_behind(&self) -> IndexMap<LeftBehind, Vec<&'a HostName>> {
        let mut groups: IndexMap<LeftBehind, Vec<&HostName>> = IndexMap::new();
        for host in self.state.hosts.iter().filter(|host| !self.goes_on(host)) {
            groups.entry(left_on(host)).or_default().push(&host.name);
        }
        groups.shift_remove(&LeftBehind::default());
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{StepResult, Verdict, WhyLeft, sample::*};

    fn left(name: &str, security: bool, why: WhyLeft) -> PackageLeft {
        let available = (why != WhyLeft::Pinned).then(|| "1.1".to_owned());
        PackageLeft { name: name.to_owned(), installed: Some("1.0".to_owned()), available, security, why }
    }

    fn leaving(packages: Vec<PackageLeft>, files: &[&str]) -> StepResult {
        let left = LeftBehind::of(packages).and_files(files.iter().map(|file| (*file).to_owned()));
        upgraded(&["libc6"]).left_behind(left)
    }

    fn no_snapshot() -> StepResult {
        let left = LeftBehind { no_snapshot: true, ..LeftBehind::default() };
        result(Verdict::Skipped, "none").var("snapshot", "none").left_behind(left)
    }

    #[test]
    fn hosts_with_the_same_left_share_it_and_others_are_not_named() {
        let mut sample = Sample::of(plan(&[("edge", &["a b c d e"])]));
        let held = || leaving(vec![left("openssl", true, WhyLeft::Held)], &[]);
        sample.walk("a", vec![held()]).good("b").walk("c", vec![held()]).walk("d", vec![leaving(vec![], &["/etc/x"])]);
        sample.start("e").begin("e", main_step(0)).end("e", main_step(0), held());
        let seen = |running: bool| -> Vec<(Vec<String>, String)> {
            let groups = RunView::of(&sample.state).running(running).left_behind();
            let names = |hosts: Vec<&HostName>| hosts.iter().map(|host| host.as_str()).collect::<Vec<_>>().join(" ");
            groups.into_iter().map(|(left, hosts)| (left_lines(&left, 9), names(hosts))).collect()
        };
        let held = vec!["security updates not installed: openssl 1.0 → 1.1 (held)".to_owned()];
        let files = vec!["configuration files to merge: /etc/x".to_owned()];
        assert_eq!(seen(false), [(held.clone(), "a c e".to_owned()), (files.clone(), "d".to_owned())]);
        assert_eq!(seen(true), [(held, "a c".to_owned()), (files, "d".to_owned())], "e may still change it");
    }

    #[test]
    fn what_a_later_step_did_is_not_left() {
        let mut sample = Sample::of(plan(&[("edge", &["a b"])]));
        let first =
            leaving(vec![left("openssl", true, WhyLeft::Held), left("bash", false, WhyLeft::Held)], &["/etc/x"]);
        sample.walk("a", vec![no_snapshot(), first.clone(), upgraded(&["openssl"])]);
        let taken = result(Verdict::Ok, "snapshot s1").var("snapshot", "s1");
        sample.walk("b", vec![no_snapshot(), taken, leaving(vec![left("bash", false, WhyLeft::KeptBack)], &[])]);
        let lines = |host: usize| left_lines(&left_on(&sample.state.hosts[host]), 9);
        assert_eq!(
            lines(0),
            [
                "updates not installed: bash 1.0 → 1.1 (held)",
                "configuration files to merge: /etc/x",
                "no snapshot was taken: the hook printed `none`"
            ]
        );
        assert_eq!(lines(1), ["updates not installed: bash 1.0 → 1.1 (kept back)"]);
    }

    #[test]
    fn services_are_left_until_they_are_restarted_or_the_host_reboots() {
        let services = ["dbus (needs a reboot)", "nginx"].map(str::to_owned);
        let stale = || upgraded(&["libc6"]).left_behind(LeftBehind::default().and_services(services.clone()));
        let mut sample = Sample::of(plan(&[("edge", &["a b c"])]));
        let restarted = StepResult { restarted: vec!["nginx".to_owned()], ..result(Verdict::Ok, "") };
        let rebooted = StepResult { rebooted: true, ..result(Verdict::Ok, "") };
        sample.walk("a", vec![stale()]).walk("b", vec![stale(), restarted]).walk("c", vec![stale(), rebooted]);
        let lines = |host: usize| left_lines(&left_on(&sample.state.hosts[host]), 9);
        let line = "services that use replaced files until they are restarted: dbus (needs a reboot)";
        assert_eq!(lines(0), [format!("{line}, nginx")]);
        assert_eq!(lines(1), [line]);
        assert_eq!(lines(2), [""; 0]);
    }

    #[test]
    fn long_lists_are_cut_and_nothing_in_them_steers_a_terminal() {
        let mut packages: Vec<PackageLeft> =
            (0..55).map(|i| left(&format!("p{i:02}"), i < 3, WhyLeft::Pinned)).collect();
        packages[3].installed = Some("1\u{1b}[2J".to_owned());
        let all = LeftBehind::of(packages).and_files(["/etc/\u{202e}x".to_owned()]);
        assert_eq!(
            left_lines(&all, 2),
            [
                "security updates not installed: p00 1.0 (pinned to an older version), p01 1.0 (pinned to an older \
                 version) and 1 more",
                "updates not installed: p03 1[2J (pinned to an older version), p04 1.0 (pinned to an older version) \
                 and 50 more",
                "configuration files to merge: /etc/x",
            ]
        );
    }
}
