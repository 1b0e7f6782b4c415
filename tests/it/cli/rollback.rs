//! The way back: as a step of `on_failure`, and as a run that undoes another run.

use std::{collections::BTreeSet, time::Duration};

use patchwave::{
    demo::Fault,
    event::{Event, Kind, Outcome},
};

use crate::support::case::{Case, Site};

const PLAY: &str = "name: Patch
steps:
  - upgrade: { scope: security, exclude: ['linux-*'], rollback: prepare }
";
const RUN: &str = "run play.yml -i inv.yml --yes";

/// Names, versions and marks on a host; a hold does not count.
fn packages(site: &Site, host: &str) -> BTreeSet<String> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        format!("{} {} {} {}", fields[0], fields[1], fields[4], fields[6])
    };
    site.on(host, "sim/installed").lines().map(line).collect()
}

fn all(site: &Site) -> Vec<BTreeSet<String>> {
    site.fleet.hosts().map(|host| packages(site, host.name())).collect()
}

/// Rewrites a file on a host.
fn edit(site: &Site, host: &str, file: &str, with: impl Fn(&str) -> Option<String>) {
    let lines: Vec<String> = site.on(host, file).lines().filter_map(with).collect();
    std::fs::write(site.named(host).folder().join(file), lines.join("\n") + "\n").unwrap();
}

/// No source has the versions any more that are installed now.
fn forget_old(site: &Site, host: &str) {
    let installed: BTreeSet<String> = site.on(host, "sim/installed").lines().map(key).collect();
    edit(site, host, "sim/available", |line| (!installed.contains(&key(line))).then(|| line.to_owned()));
}

fn key(line: &str) -> String {
    line.split('\t').take(2).collect::<Vec<_>>().join("=")
}

#[test]
fn a_run_is_undone_with_its_waves_and_the_next_upgrade_leaves_it_alone() {
    let site = Case::hosts(3).play(PLAY).columns(100).site();
    let before = all(&site);
    site.run(RUN).ended(0);
    let after = all(&site);
    assert_ne!(before, after);
    let run = site.last_run();
    site.run(&format!("rollback {run} --check"))
        .ended(0)
        .says(&["would be rolled back", "3 hosts: 3 without a problem"]);
    assert_eq!(all(&site), after, "a check changes nothing");

    let said = site.run(&format!("rollback {run} --yes --reason 'breaks {{{{ TLS }}}}'")).ended(4);
    let said = said.says(&["Rollback of ", "3 hosts: 3 rolled back", "held for 7 days"]);
    assert_eq!(all(&site), before, "{}", said.page());
    let back = site.last_run();
    let outcomes = site.facts(&back, |kind| match kind {
        Kind::HostFinished { outcome, .. } => Some(outcome),
        _ => None,
    });
    assert_eq!(outcomes, [Outcome::RolledBack; 3]);
    let started = site.fact(&back, |kind| if let Kind::RunStarted(started) = kind { Some(started) } else { None });
    let waves: Vec<usize> = started.plan.stages[0].waves.iter().map(|wave| wave.hosts.len()).collect();
    assert_eq!((waves, started.plan.undoes.as_deref()), (vec![1, 1, 1], Some(run.as_str())));
    site.run("report").ended(0).says(&["every selected host was rolled back"]);
    site.run("show").ended(0).says(&["rolled back"]);

    let said = site.run(RUN).ended(0);
    let said = said.says(&["left behind on 3 hosts", "(held)"]);
    assert_eq!(all(&site), before, "{}", said.page());
    let again = site.last_run();
    let detail = site.fact(&again, |kind| match kind {
        Kind::StepFinished { result, .. } => Some(result.detail.join("\n")),
        _ => None,
    });
    assert!(detail.contains(&format!("by the rollback in run {back}: breaks {{{{ TLS }}}}")), "{detail}");
    site.run(&format!("rollback {again} --yes")).ended(3).says(&["changed no package"]);
    site.run(&format!("rollback {back} --yes")).ended(3).says(&["is a rollback itself"]);
}

#[test]
fn old_versions_that_no_source_has_any_more_come_from_the_host() {
    let site = Case::hosts(2).play(PLAY).site();
    let before = all(&site);
    site.run(RUN).ended(0);
    let run = site.last_run();
    for host in ["web001.test", "web002.test"] {
        let old: BTreeSet<String> =
            before[0].iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join("=")).collect();
        edit(&site, host, "sim/available", |line| (!old.contains(&key(line))).then(|| line.to_owned()));
    }
    // On one of them the archives are gone, too.
    let staged = site.named("web002.test").folder().join("var/lib/patchwave/staged");
    std::fs::remove_dir_all(&staged).unwrap();
    site.run(&format!("rollback {run} --yes")).ended(6).says(&["was not found", "1 rolled back, 1 failed"]);
    assert_eq!(packages(&site, "web001.test"), before[0]);
    assert_ne!(packages(&site, "web002.test"), before[1]);
}

#[test]
fn hosts_without_a_way_back_are_named_and_hold_nobody_up() {
    let site = Case::hosts(3).play(PLAY).policy("batch: 1").site();
    let before = all(&site);
    // The first host's old versions can be had nowhere, so the upgrade could fetch none.
    forget_old(&site, "web001.test");
    site.run(RUN).ended(0);
    let run = site.last_run();
    let upgraded = packages(&site, "web001.test");
    site.run(&format!("rollback {run} --check"))
        .ended(6)
        .says(&["left out, because there is no way back: 1 host", "web001.test: "]);
    let said = site.run(&format!("rollback {run} --yes --hold 0s --reason 'breaks it'")).ended(6);
    said.says(&["--try-all", "2 hosts: 2 rolled back", "left out, not rolled back: web001.test (no way back)"]);
    assert_eq!((packages(&site, "web001.test"), packages(&site, "web003.test")), (upgraded.clone(), before[2].clone()));

    let alone = format!("rollback {run} --yes --limit web001.test");
    site.run(&alone).ended(3).says(&["there is no way back for 1 host", "--try-all`; otherwise restore"]);
    let said = site.run(&format!("{alone} --try-all --hold 0s --reason 'breaks it'")).ended(6);
    // Lengths of time are shown as 1s in these tests.
    said.says(&["was not found", "--try-all --hold 1s --reason 'breaks it' --limit @failed"]);
    assert_eq!(packages(&site, "web001.test"), upgraded);
}

#[test]
fn without_a_way_back_that_is_required_nothing_is_changed() {
    let site = Case::hosts(2).play(PLAY.replace("prepare", "required")).policy("batch: 2, max_failures: 1").site();
    let before = all(&site);
    forget_old(&site, "web001.test");
    let said = site.run(RUN).ended(6).says(&["no way back for", "nothing was changed"]);
    assert_eq!(packages(&site, "web001.test"), before[0], "{}", said.page());
    assert_ne!(packages(&site, "web002.test"), before[1]);
}

#[test]
fn packages_that_were_changed_again_are_refused_unless_that_is_forced() {
    let site = Case::hosts(1).play(PLAY).site();
    let before = all(&site);
    site.run(RUN).ended(0);
    let run = site.last_run();
    edit(&site, "web001.test", "sim/installed", |line| {
        Some(if line.starts_with("sudo\t") { line.replacen("deb12u3", "deb12u9", 1) } else { line.to_owned() })
    });
    let changed = all(&site);
    let refused = site.run(&format!("rollback {run} --yes")).ended(6);
    refused.says(&["changed again since the upgrade: sudo is 1.9.13p3-1+deb12u9", "--force"]);
    assert_eq!(all(&site), changed);
    site.run(&format!("rollback {run} --yes --force --hold 0s")).ended(4);
    assert_eq!(all(&site), before);
    assert_eq!(site.on("web001.test", "var/lib/patchwave/holds"), "");
}

#[test]
fn a_step_of_on_failure_undoes_the_upgrade_of_the_host_that_broke() {
    let play = format!("{PLAY}  - command: {{ run: \"false\", changes: false }}\non_failure:\n  - rollback: {{}}\n");
    let site = Case::hosts(2).play(play).one_by_one().site();
    let before = all(&site);
    let said = site.run(RUN).ended(6).says(&["1 failed", "1 not started", "exit code 1; then rolled back"]);
    assert_eq!(all(&site), before, "{}", said.page());
    for page in [said.page(), site.run("show").ended(0).page(), site.run("report").ended(0).page()] {
        assert!(page.contains("then rolled back") && !page.contains(" packages on "), "{page}");
    }
    let run = site.last_run();
    let outcome = site.fact(&run, |kind| match kind {
        Kind::HostFinished { outcome, .. } => Some(outcome),
        _ => None,
    });
    assert_eq!(outcome, Outcome::Failed, "a host that was rolled back is never ok");
    site.run(&format!("rollback {run} --yes")).ended(3).says(&["changed no package of any host"]);
}

#[test]
fn a_controller_that_is_killed_in_a_rollback_is_resumed() {
    let site = Case::hosts(1).play(PLAY).broken("web001.test", Fault::SlowInstall(Duration::from_secs(3))).site();
    let before = all(&site);
    site.run(RUN).ended(0);
    let run = site.last_run();
    let rolling = |events: &[Event]| {
        let is_back = matches!(&events[0].kind, Kind::RunStarted(started) if started.plan.undoes.is_some());
        let noted =
            |event: &Event| matches!(&event.kind, Kind::StepNoted { key, .. } if key.starts_with("job.rollback"));
        is_back && events.iter().any(noted)
    };
    let back = site.killed(&format!("rollback {run} --yes"), "a rollback", rolling);
    // The playbook is not needed.
    std::fs::remove_file(site.folder().join("play.yml")).unwrap();
    let said = site.really(&format!("resume {back}")).ended(4).says(&["1 host: 1 rolled back"]);
    assert_eq!(all(&site), before, "{}", said.page());
    let log = site.run(&format!("log {back} web001.test")).ended(0);
    assert_eq!(log.out.matches("Setting up openssl").count(), 1, "{}", log.page());
}

#[test]
fn what_cannot_be_undone_is_refused_with_its_reason() {
    let site = Case::hosts(2).play(PLAY).site();
    site.run("run play.yml -i inv.yml --yes --check").ended(0);
    let check = site.last_run();
    site.run(&format!("rollback {check} --yes")).ended(3).says(&["is only a check"]);
    site.run(RUN).ended(0);
    let run = site.last_run();
    site.run(&format!("rollback {run} --yes --limit nobody")).ended(2);
    site.run(&format!("rollback {run} --yes --limit web002.test")).ended(4).says(&["1 host: 1 rolled back"]);
    let play = "steps:\n  - rollback: {}\n";
    site.write("wrong.yml", play);
    site.run("run wrong.yml -i inv.yml --yes").ended(2).says(&["`rollback` belongs in `on_failure:`"]);
}

#[test]
fn a_host_that_cannot_be_rolled_back_has_its_snapshot_named() {
    let play = format!(
        "name: Patch\nsteps:\n  - snapshot: hooks/snap {{{{ inventory_hostname }}}}\n{}on_failure:\n  - snapshot_restore: \
         hooks/restore {{{{ inventory_hostname }}}} {{{{ snapshot.id }}}}\n",
        PLAY.split_once("steps:\n").unwrap().1
    );
    let site = Case::hosts(1).play(play).site();
    site.program("hooks/snap", "#!/bin/sh\necho snap-7\n");
    site.program("hooks/restore", "#!/bin/sh\n");
    site.run(RUN).ended(0);
    let run = site.last_run();
    edit(&site, "web001.test", "sim/installed", |line| {
        Some(if line.starts_with("sudo\t") { line.replacen("deb12u3", "deb12u9", 1) } else { line.to_owned() })
    });
    let said = site.run(&format!("rollback {run} --yes")).ended(6);
    said.says(&["snapshot snap-7", "hooks/restore web001.test snap-7"]);
}
