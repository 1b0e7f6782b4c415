//! What a playbook keeps as it is (`hold`), and package sources that do not answer and do not have to, with each
//! package manager that can do it. Hosts with dnf5 are those of Debian sid, which are built only on request.

use patchwave::pkg::{PackageManager, apt::Apt, dnf::Dnf, pacman::Pacman, zypper::Zypper};

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

/// A list from before is used of a source that does not have to answer; where there is none, nothing is known of it.
#[test]
fn a_dead_source_of_zypper_and_pacman_is_passed_over_if_it_once_answered() {
    let Some(lab) = Lab::up_of(6, "", "suse=h1,h2,h3 arch=h4,h5,h6") else { return };
    let all = ["h1", "h2", "h3", "h4", "h5", "h6"];
    at_once(&all, |host| drop(lab.on(host, "touch /etc/lab-fail-fixed")));
    let vendor = "cp -a /srv/repo/core /srv/vendor; cd /srv/vendor; mv core.db vendor.db; \
                  printf '[vendor]\\nServer = file:///srv/vendor\\n' >>/etc/pacman.conf";
    at_once(&["h4", "h5"], |host| drop(lab.on(host, vendor)));
    ask(&lab, "h1", &Zypper.refresh());
    ask(&lab, "h2", &Zypper.refresh());
    ask(&lab, "h4", &Pacman.refresh());
    ask(&lab, "h5", &Pacman.refresh());
    lab.on("h1", "sed -i s,/srv/repo/third,/srv/gone, /etc/zypp/repos.d/third.repo");
    lab.on("h2", "sed -i s,/srv/repo/update,/srv/gone, /etc/zypp/repos.d/update.repo");
    lab.on("h3", "printf '[new]\\nname=new\\nbaseurl=file:///srv/gone\\n' >/etc/zypp/repos.d/new.repo");
    at_once(&["h4", "h5"], |host| drop(lab.on(host, "rm -r /srv/vendor")));
    lab.on("h6", "printf '[new]\\nServer = file:///srv/gone\\n' >>/etc/pacman.conf");
    let play = "
steps:
  - upgrade: { scope: security, exclude: ['kernel*'], required_origins: [security] }
    when: inventory_hostname in ['h1', 'h2']
  - upgrade: { scope: packages, packages: [lab-plain], required_origins: [base, update] }
    when: inventory_hostname == 'h3'
  - upgrade: { scope: all, required_origins: [core] }
    when: inventory_hostname in ['h4', 'h6']
  - upgrade: { scope: all, required_origins: [security] }
    when: inventory_hostname == 'h5'
";
    let events = Patchwave::new(&lab, MANY, play).run(&[]).must(6).events();
    let rpm = "rpm -q --qf '%{VERSION}-%{RELEASE}' lab-sec";
    for (host, step, source, installed, version) in [
        ("h1", 0, "source third", rpm, "1.0-2.lp156"),
        ("h4", 2, "source vendor", "pacman -Q lab-plain", "lab-plain 2.0-1"),
    ] {
        let done = events.result(host, step);
        assert_eq!(done["left_behind"]["sources"], serde_json::json!([source]), "{host}: {done}");
        assert_eq!(lab.on(host, installed), version, "{host}: {done}");
    }
    // One brings security fixes, one may do so, and two never answered.
    for (host, step, says) in
        [("h2", 0, "of source update"), ("h3", 1, "new"), ("h5", 3, "of source vendor"), ("h6", 2, "new")]
    {
        let refused = events.result(host, step);
        assert_eq!((&refused["class"], &refused["changed"]), (&"refresh".into(), &false.into()), "{host}: {refused}");
        assert!(refused.to_string().contains(says), "{host}: {refused}");
    }
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
