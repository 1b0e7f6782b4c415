use super::*;
use crate::event::{ForeseenService, Verdict, sample::*};

fn package(name: &str, from: Option<&str>, to: Option<&str>) -> ForeseenPackage {
    let owned = |version: Option<&str>| version.map(str::to_owned);
    let (from, to) = (owned(from), owned(to));
    ForeseenPackage { name: name.to_owned(), from, to, security: None, part: None, advisories: Vec::new() }
}

fn foreseen(forecast: Forecast) -> StepResult {
    StepResult { found_work: true, forecast: Some(Box::new(forecast)), ..result(Verdict::Ok, "would") }
}

fn names(hosts: &[&HostName]) -> String {
    hosts.iter().map(|host| host.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_failing_step_of_a_host_is_a_problem_of_its_own() {
    let mut sample = Sample::of(plan(&[("all", &["web1 web2 db"])]));
    let disk = |free: &str| failure("disk", &format!("/var has {free} MiB free, 500 MiB needed"));
    let unit = || failure("service", "no unit nginx on this host");
    sample.walk("web1", vec![disk("20"), unit()]).walk("web2", vec![disk("9")]);
    sample.walk("db", vec![StepResult { verdict: Verdict::Unreachable, ..failure("refused", "refused") }]);
    let problems = RunView::of(&sample.state).problems();
    let said: Vec<String> = problems
        .iter()
        .map(|one| {
            let hosts: Vec<&HostName> = one.hosts.iter().map(|host| &host.name).collect();
            format!("{} {:?} {}: {}", one.outcome, one.step.map(|step| step.index), names(&hosts), one.reason)
        })
        .collect();
    assert_eq!(
        said,
        [
            "failed Some(0) web1 web2: /var has … MiB free, … MiB needed",
            "failed Some(1) web1: no unit nginx on this host",
            "unreachable Some(0) db: refused"
        ]
    );
}

#[test]
fn hosts_with_the_same_packages_share_a_plan_and_a_later_step_has_the_last_word() {
    let mut sample = Sample::of(plan(&[("all", &["a b c d"])]));
    let first = || package("openssl", Some("1"), Some("2"));
    let kernel = ForeseenPackage {
        security: Some(true),
        part: Some("kernel".to_owned()),
        ..package("linux-image-9", None, Some("9"))
    };
    let of = |packages: Vec<ForeseenPackage>| foreseen(Forecast { packages, ..Forecast::default() });
    sample.walk("a", vec![of(vec![first()])]);
    sample.walk("b", vec![of(vec![first(), kernel.clone()]), of(vec![package("openssl", Some("1"), Some("3"))])]);
    sample.walk("c", vec![of(vec![first()]), of(vec![package("old", Some("1"), None)])]);
    sample.walk("d", vec![of(vec![first()])]);
    let view = RunView::of(&sample.state);
    let plans = view.package_plans();
    let said: Vec<_> = plans.iter().map(|plan| (names(&plan.hosts), plan.packages.len(), plan.counts())).collect();
    let counts = |installed, fixes, new, removed| PackageCounts { installed, fixes, new, removed };
    assert_eq!(
        said,
        [
            ("a d".to_owned(), 1, counts(1, 0, 0, 0)),
            ("b".to_owned(), 2, counts(2, 1, 1, 0)),
            ("c".to_owned(), 2, counts(1, 0, 0, 1))
        ]
    );
    assert_eq!(plans[1].packages[1].to.as_deref(), Some("3"));
    assert_eq!(view.forecast_counts(), "4 hosts: 4 without a problem");
    assert_eq!(view.forecast_words(&sample.state.hosts[1]), ["2 packages"]);
}

#[test]
fn a_reboot_that_a_step_does_starts_services_again_and_one_that_is_only_due_does_not() {
    let mut sample = Sample::of(plan(&[("all", &["a b"])]));
    let service = |name: &str, fate| ForeseenService { name: name.to_owned(), because: vec!["libc6".to_owned()], fate };
    let upgrade = || {
        foreseen(Forecast {
            services: vec![service("cron", Fate::Restarted), service("dbus", Fate::NeedsReboot)],
            reboot_due: vec!["libc6 would be replaced".to_owned()],
            ..Forecast::default()
        })
    };
    let reboot = foreseen(Forecast { reboots: vec!["libc6 would be replaced".to_owned()], ..Forecast::default() });
    sample.walk("a", vec![upgrade(), reboot]).walk("b", vec![upgrade()]);
    let view = RunView::of(&sample.state);
    let plans: Vec<_> = view.reboot_plans().into_iter().map(|(plan, hosts)| (plan.happens, names(&hosts))).collect();
    assert_eq!(plans, [(true, "a".to_owned()), (false, "b".to_owned())]);
    let services: Vec<_> =
        view.service_plans().into_iter().map(|(plan, (_, hosts))| (plan.name, plan.fate, names(&hosts))).collect();
    assert_eq!(
        services,
        [
            ("cron".to_owned(), Fate::Restarted, "a b".to_owned()),
            ("dbus".to_owned(), Fate::NeedsReboot, "b".to_owned())
        ]
    );
}
