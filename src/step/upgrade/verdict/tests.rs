use super::*;
use crate::{
    event::Verdict,
    pkg::{Installed, Package, apt::Apt, dnf::Dnf},
};

/// `name version`; `!` in front of a half-configured package.
fn state(lines: &[&str]) -> PackageState {
    let mut state = PackageState::default();
    for line in lines {
        let (name, version) = line.trim_start_matches('!').split_once(' ').unwrap();
        let broken = line.starts_with('!').then(|| "half-configured".to_owned());
        state.add(name, Installed { version: version.into(), broken, ..Installed::default() });
    }
    state
}

/// Before: a 1, b 1, c 1. Planned: a 2, b 2 and new 1.
fn judge(after: &[&str], removals: &[&str], end: End, output: &str) -> StepResult {
    judge_repaired(after, removals, end, false, output)
}

fn judge_repaired(after: &[&str], removals: &[&str], end: End, repaired: bool, output: &str) -> StepResult {
    let change = |name: &str, from: Option<&str>, to: &str| PackageChange {
        name: name.into(),
        from: from.map(str::to_owned),
        to: Some(to.into()),
    };
    let planned = Planned {
        changes: vec![change("a", Some("1"), "2"), change("b", Some("1"), "2"), change("new", None, "1")],
        removals: removals.iter().map(|name| Package::named(name)).collect(),
        before: state(&["a 1", "b 1", "c 1"]).versions(),
        ..Planned::default()
    };
    Evidence { manager: &Apt, planned: &planned, after: &state(after), end: &end, repaired, output }.verdict()
}

const DONE: [&str; 4] = ["a 2", "b 2", "c 1", "new 1"];
const FAILED: &str = "Setting up b (2) ...\nb: broken\ndpkg: error processing package b (--configure):\n \
                      installed b package post-installation script subprocess returned error exit status 1\n\
                      E: Sub-process /usr/bin/dpkg returned an error code (1)\n";

fn exit(code: u32) -> End {
    End::Exit(Exit::Code(code))
}

#[test]
fn the_packages_decide_and_not_the_exit_code() {
    for (after, removals, end, output, verdict, class, summary) in [
        (&DONE[..], &[][..], exit(0), "", Verdict::Ok, "", "3 packages upgraded (a 1 → 2, b 1 → 2, new 1 new)"),
        // Another program broke another package: apt exits with 100, but everything was installed.
        (&DONE[..], &[], exit(100), "", Verdict::Ok, "", "3 packages upgraded (a 1 → 2, b 1 → 2, new 1 new)"),
        (&DONE[..], &[], End::Lost, "", Verdict::Ok, "", "3 packages upgraded (a 1 → 2, b 1 → 2, new 1 new)"),
        // A newer version than planned does not count as a failure.
        (
            &["a 3", "b 2", "c 1", "new 1"],
            &[],
            exit(0),
            "",
            Verdict::Ok,
            "",
            "3 packages upgraded (a 1 → 3, b 1 → 2, new 1 new)",
        ),
        (
            &["a 2", "b 2", "new 1"],
            &["c"],
            exit(0),
            "",
            Verdict::Ok,
            "",
            "4 packages upgraded (a 1 → 2, b 1 → 2, c 1 removed, …)",
        ),
        (
            &["a 2", "b 2", "new 1"],
            &[],
            exit(0),
            "",
            Verdict::Failed,
            "removals",
            "c was removed, but that was not planned",
        ),
        (
            &["a 1", "b 1", "c 1"],
            &[],
            exit(0),
            "",
            Verdict::Failed,
            "missing",
            "apt did not install a 2, b 2, new 1 (exit code 0)",
        ),
        (
            &["a 2", "!b 2", "c 1", "new 1"],
            &[],
            exit(100),
            FAILED,
            Verdict::Failed,
            "package-failed",
            "b: installed b package post-installation script subprocess returned error exit status 1",
        ),
        (
            &["a 2", "!b 2", "c 1", "new 1"],
            &[],
            exit(0),
            "",
            Verdict::Failed,
            "broken-packages",
            "b is half-configured (exit code 0)",
        ),
        (
            &["a 2", "b 1", "c 1"],
            &[],
            End::Lost,
            "",
            Verdict::Failed,
            "interrupted",
            "the transaction was killed on the host",
        ),
        (
            &["a 1", "b 1", "c 1"],
            &[],
            End::Rebooted,
            "",
            Verdict::Failed,
            "interrupted",
            "the host rebooted during the transaction",
        ),
        (
            &["a 1", "b 1", "c 1"],
            &[],
            exit(100),
            "E: You don't have enough free space in /var/cache/apt/archives/.",
            Verdict::Failed,
            "disk",
            "E: You don't have enough free space in /var/cache/apt/archives/.",
        ),
    ] {
        let result = judge(after, removals, end, output);
        assert_eq!((result.verdict, result.class.as_str(), result.summary.as_str()), (verdict, class, summary));
        assert_eq!(result.help.is_some(), verdict == Verdict::Failed, "{summary}");
    }
}

#[test]
fn a_failure_says_what_it_changed_and_what_to_type() {
    let result = judge(&["a 2", "!b 2", "c 1", "new 1"], &[], exit(100), FAILED);
    assert!(result.changed);
    let names: Vec<&str> = result.packages.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "new"]);
    assert!(result.help.unwrap().contains("dpkg --configure -a"));
    assert_eq!(result.detail[..2], ["2 of 3 planned versions are installed", "not installed: b 2"]);
    assert!(result.detail.iter().any(|line| line == "b: broken"), "{:?}", result.detail);
    let untouched = judge(&["a 1", "b 1", "c 1"], &[], exit(100), "");
    assert!(!untouched.changed && untouched.packages.is_empty());
    assert!(untouched.help.unwrap().contains("nothing is half installed"));
}

#[test]
fn what_nobody_planned_is_reported() {
    let result = judge(&["a 2", "b 2", "c 9", "new 1"], &[], exit(0), "");
    assert_eq!(result.verdict, Verdict::Ok);
    assert_eq!(result.detail, ["changed, but not planned: c"]);
}

#[test]
fn what_is_blocked_is_in_the_summary() {
    let planned = Planned { blocked: vec!["held: x".into()], ..Planned::default() };
    let evidence = Evidence {
        manager: &Apt,
        planned: &planned,
        after: &PackageState::default(),
        end: &exit(0),
        repaired: false,
        output: "",
    };
    assert_eq!(evidence.verdict().summary, "all planned versions were already installed; held: x");
}

#[test]
fn what_is_left_is_recorded_with_the_files_that_are_new() {
    let left = crate::event::PackageLeft {
        name: "x".into(),
        installed: Some("1".into()),
        available: Some("2".into()),
        security: true,
        why: crate::event::WhyLeft::Held,
    };
    let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let review = |names: &[&str]| files(names).into_iter().collect();
    let planned = Planned { left: vec![left.clone()], review: review(&["/etc/old"]), ..Planned::default() };
    let after = PackageState { review: review(&["/etc/old", "/etc/new"]), ..PackageState::default() };
    let result =
        Evidence { manager: &Apt, planned: &planned, after: &after, end: &exit(0), repaired: false, output: "" }
            .verdict();
    assert_eq!((result.left_behind.packages, result.left_behind.files), (vec![left], files(&["/etc/new"])));
    // `resume` judges by the note.
    let noted: Planned = serde_json::from_value(serde_json::to_value(&planned).unwrap()).unwrap();
    assert_eq!(noted, planned);
}

#[test]
fn what_a_repair_completed_was_not_complete() {
    let hint = "dpkg --configure -a && apt-get -f install";
    for (end, repaired, said) in [
        (End::Lost, false, "the transaction was killed, but was complete".to_owned()),
        (End::Lost, true, format!("the transaction was killed; the repair completed it ({hint})")),
        (End::Rebooted, false, "the host rebooted during the transaction, which was complete".to_owned()),
        (End::Rebooted, true, format!("the host rebooted during the transaction; the repair completed it ({hint})")),
    ] {
        let result = judge_repaired(&DONE, &[], end, repaired, "");
        assert_eq!((result.verdict, &result.detail[0]), (Verdict::Ok, &said));
    }
    let result = judge_repaired(&["a 2", "!b 2", "c 1", "new 1"], &[], End::Lost, true, "");
    assert_eq!(result.verdict, Verdict::Failed);
    assert!(result.detail.contains(&format!("a repair was attempted once: {hint}")), "{:?}", result.detail);
}

#[test]
fn what_goes_back_is_in_only_in_the_very_version() {
    let change = PackageChange { name: "a".into(), from: Some("2".into()), to: Some("1".into()) };
    let planned = Planned { changes: vec![change], before: state(&["a 2"]).versions(), ..Planned::default() };
    for (after, verdict) in [("a 1", Verdict::Ok), ("a 2", Verdict::Failed), ("!a 1", Verdict::Failed)] {
        let (after, end) = (state(&[after]), exit(0));
        let evidence =
            Evidence { manager: &Apt, planned: &planned, after: &after, end: &end, repaired: false, output: "" };
        assert_eq!(evidence.verdict().verdict, verdict, "{after:?}");
    }
}

#[test]
fn a_plan_that_was_noted_with_one_version_per_name_is_read() {
    let old = serde_json::json!({
        "changes": [], "removals": ["x"], "before": { "a": "1" }, "auto": [], "review": [], "left_out": [], "blocked": []
    });
    let planned: Planned = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(planned.before, state(&["a 1"]).versions());
    assert!(planned.removes("x", Some("1")) && !planned.removes("a", Some("1")));
    assert_eq!(serde_json::to_value(&planned).unwrap()["before"], old["before"]);
}

#[test]
fn a_script_that_failed_in_a_transaction_that_went_on_is_a_failure() {
    let output = "  Running scriptlet: b-2-1.noarch\nb: broken on purpose\n\
                  warning: %post(b-2-1.noarch) scriptlet failed, exit status 1\n\nComplete!\n";
    let planned = Planned {
        changes: vec![PackageChange { name: "b".into(), from: Some("1-1".into()), to: Some("2-1".into()) }],
        before: state(&["b 1-1"]).versions(),
        ..Planned::default()
    };
    let after = state(&["b 2-1"]);
    for end in [exit(0), exit(1)] {
        let evidence = Evidence { manager: &Dnf, planned: &planned, after: &after, end: &end, repaired: false, output };
        let result = evidence.verdict();
        assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "package-failed"), "{result:?}");
        assert_eq!(result.summary, "b: its %post script failed (exit status 1)");
        assert!(result.help.as_ref().is_some_and(|help| help.ends_with("dnf reinstall b")), "{result:?}");
        assert!(result.changed && result.packages.len() == 1, "{result:?}");
    }
}
