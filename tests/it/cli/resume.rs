//! `resume` after the controller was killed in the middle of a wave.

use std::time::Duration;

use patchwave::{
    demo::Fault,
    event::{Event, Kind},
};

use crate::support::case::Case;

/// Whether the package transaction has been sent to each of these hosts.
fn upgrading(names: &[&str]) -> impl Fn(&[Event]) -> bool {
    move |events| {
        let noted = |name: &&str| {
            events.iter().any(|event| {
                matches!(&event.kind, Kind::StepNoted { host, step, .. } if host.as_str() == *name && step.index == 1)
            })
        };
        names.iter().all(noted)
    }
}

#[test]
fn a_killed_controller_leaves_nothing_half_done() {
    let slow = ["web002.test", "web003.test"];
    let fault = Fault::SlowInstall(Duration::from_secs(3));
    let site = slow.into_iter().fold(Case::hosts(5), |case, name| case.broken(name, fault.clone())).site();
    let run = site.killed("run play.yml -i inv.yml", "two upgrades", upgrading(&slow));
    site.run("runs").ended(0).says(&["interrupted"]);
    site.run("show").ended(0).says(&["patchwave resume 20260101-000000-abcd"]);
    let said = site.really("resume --yes").ended(0).says(&["5 hosts: 5 ok"]);
    for host in site.fleet.hosts() {
        assert_eq!(host.boots(), 2, "{}: {}", host.name(), said.page());
    }
    // One transaction for each host, although two controllers may have begun its step.
    for name in slow {
        let log = site.run(&format!("log {run} {name}")).ended(0);
        assert_eq!(log.out.matches("Setting up openssl").count(), 1, "{}", log.page());
    }
    site.really("resume --yes").ended(0).says(&["all its hosts are done, there is nothing to resume"]);
}

#[test]
fn a_playbook_that_changed_is_not_the_same_run() {
    let site = Case::hosts(2).steps("  - command: sleep 30\n").site();
    site.killed("run play.yml -i inv.yml", "a host that started", |events| events.len() > 2);
    site.write("play.yml", "name: Slow\nsteps:\n  - command: sleep 31\n");
    insta::assert_snapshot!(site.run("resume --yes").page(), @r#"
    exit code 3
    -- stderr
    error: the playbook's steps have changed, so this is not the plan any more that the run was started with
    help: put the files back; or say --accept-changed-plan: the recorded steps are carried out, with the variables and the texts of now; or start a new run with --limit @unfinished
    "#);
    insta::assert_snapshot!(site.run("resume --yes -e a=b").page(), @r#"
    exit code 2
    -- stderr
    error: the run was started with other extra variables: none
    help: give the same -e again; their values are not kept, since they may be secret
    "#);
}
