//! What a playbook keeps as it is (`hold`), and package sources that do not answer and do not have to, with each
//! package manager that can do it. Hosts with dnf5 are those of Debian sid, which are built only on request.

use patchwave::pkg::{PackageManager, apt::Apt, dnf::Dnf, zypper::Zypper};

use crate::{
    fleet::{Lab, at_once},
    on_host::ask,
    patchwave::Patchwave,
};

const MANY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100% } } }
";

/// A source that has never answered, although its own file allows that it is skipped.
const DEAD: &str = "printf '[dead]\\nname=dead\\nbaseurl=http://127.0.0.1:9/x\\ngpgcheck=0\\nskip_if_unavailable=1\\n' \
                    >/etc/yum.repos.d/dead.repo";

/// The host's own program for an upgrade of everything, without a word of ours.
type Kind = (&'static str, &'static dyn PackageManager, &'static str);

fn is_held(lab: &Lab, (host, manager, _): &Kind, name: &str) -> bool {
    ask(lab, host, &manager.state()).is_held(name)
}

fn version(lab: &Lab, (host, manager, _): &Kind, name: &str) -> String {
    ask(lab, host, &manager.state()).of(name)[0].version.clone()
}

fn stays_on_hold(lab: &Lab, kinds: &[Kind]) {
    at_once(kinds, |(host, _, _)| drop(lab.on(host, "touch /etc/lab-fail-fixed")));
    let play = "steps:\n  - upgrade: { scope: all, exclude: ['kernel*', 'linux-*'], hold: [lab-plain, nonesuch] }\n";
    let jump = Patchwave::new(lab, MANY, play);
    let before: Vec<String> = kinds.iter().map(|kind| version(lab, kind, "lab-plain")).collect();
    let only = kinds.iter().map(|(host, _, _)| *host).collect::<Vec<_>>().join(",");
    let events = jump.run(&["--limit", &only]).must(0).events();
    for (kind, before) in kinds.iter().zip(&before) {
        let (host, _, upgrade) = kind;
        let result = events.result(host, 0);
        let summary = result["summary"].as_str().unwrap_or_default();
        assert!(summary.contains("; put on hold: lab-plain"), "{result}");
        assert_eq!(result["changed"], true, "{result}");
        assert!(result["detail"].to_string().contains("not installed, so not held: nonesuch"), "{result}");
        assert!(is_held(lab, kind, "lab-plain") && is_held(lab, kind, "lab-held"), "{host}: {result}");
        assert_ne!(version(lab, kind, "lab-masked"), version(lab, kind, "lab-held"), "{host}: the rest was upgraded");
        lab.on(host, upgrade);
        assert_eq!(&version(lab, kind, "lab-plain"), before, "{host}: nobody upgrades it");
    }
    let again = jump.run(&["--limit", &only]).must(0).events();
    for (host, _, _) in kinds {
        let result = again.result(host, 0);
        assert_eq!((&result["verdict"], &result["changed"]), (&"skipped".into(), &false.into()), "{result}");
    }
}

/// On the first host the source does not have to answer; on the second one it counts as one of security fixes.
fn passed_over(lab: &Lab, [first, second]: [&'static str; 2]) {
    at_once(&[first, second], |host| drop(lab.on(host, DEAD)));
    let play = format!(
        "
steps:
  - upgrade: {{ scope: packages, packages: [lab-plain], required_origins: [base, sec, third], rollback: required }}
    when: inventory_hostname == '{first}'
  - upgrade: {{ scope: packages, packages: [lab-plain], required_origins: [security] }}
    when: inventory_hostname == '{second}'
"
    );
    let jump = Patchwave::named(lab, "dead", MANY, &play);
    let ended = jump.run(&["--limit", &format!("{first},{second}")]).must(6);
    let events = ended.events();
    let done = events.result(first, 0);
    assert_eq!(done["left_behind"]["sources"].to_string(), r#"["source dead"]"#, "{done}");
    assert_eq!(lab.on(first, "rpm -q --qf '%{VERSION}' lab-plain"), "2.0", "{done}");
    let refused = events.result(second, 1);
    assert_eq!(refused["class"], "refresh", "{refused}");
    assert!(refused["summary"].as_str().is_some_and(|text| text.contains("of source dead")), "{refused}");
    assert_eq!(lab.on(second, "rpm -q --qf '%{VERSION}' lab-plain"), "1.0", "{refused}");
    let back = jump.call(&["rollback", &ended.run_id(), "--yes", "--json"]).must(4).events();
    assert_eq!(back.outcome(first), "rolled_back", "{}", back.result(first, 0));
    assert_eq!(lab.on(first, "rpm -q --qf '%{VERSION}' lab-plain"), "1.0");
    assert!(is_held(lab, &(first, &Dnf, DNF), "lab-plain"), "it comes back only when its time is over");
}

const DNF: &str = "dnf -y upgrade --exclude='kernel*'";

#[test]
fn what_a_playbook_holds_nobody_upgrades() {
    let Some(lab) = Lab::up_of(3, "", "rocky=h1 suse=h2") else { return };
    let zypper = "zypper -n update --no-recommends || [ $? -ge 100 ]";
    let apt = "apt-get -q -y -o Dpkg::Options::=--force-confold upgrade";
    stays_on_hold(&lab, &[("h1", &Dnf, DNF), ("h2", &Zypper, zypper), ("h3", &Apt, apt)]);
}

#[test]
fn a_dead_source_of_dnf_is_passed_over_only_where_it_does_not_have_to_answer() {
    let Some(lab) = Lab::up_of(2, "", "rocky=h1,h2") else { return };
    passed_over(&lab, ["h1", "h2"]);
}

#[test]
fn dnf5_holds_stages_and_passes_over_as_version_4_does() {
    if std::env::var_os("PATCHWAVE_LAB_SID").is_none() {
        eprintln!("NOT RUN: dnf5_holds_stages_and_passes_over_as_version_4_does: PATCHWAVE_LAB_SID is not set");
        return;
    }
    let Some(lab) = Lab::up_of(3, "", "fedora=h1,h2,h3") else { return };
    passed_over(&lab, ["h2", "h3"]);
    stays_on_hold(&lab, &[("h1", &Dnf, DNF)]);
}
