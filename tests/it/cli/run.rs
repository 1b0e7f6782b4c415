//! `run`: what an operator reads while a fleet is patched, and at the end.

use patchwave::{
    demo::Fault,
    event::{Event, RunState},
};

use crate::support::case::Case;

#[test]
fn a_fleet_that_is_fine() {
    insta::assert_snapshot!(Case::hosts(3).run("run play.yml -i inv.yml").page(), @r#"
    exit code 0
    -- stdout
    Patch, run 20260101-000000-abcd, 1s

    ok           3 hosts: web[001-003].test: 33 packages on 3 hosts, 3 reboots, at
                 most 1s

    3 hosts: 3 ok
    changed: 33 packages on 3 hosts, 3 reboots

    next:
      patchwave report 20260101-000000-abcd  # for the ticket
    -- stderr
    Patch, plan 0123456789ab
      production/medium                             3 hosts in 3 waves
      in total                                      3 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  wave         production/medium, wave 1 of 3 (canary): 1 host
    00:00:00  ok           web001.test  11 packages, rebooted (1s)
    00:00:00  wave         production/medium, wave 1 of 3 (canary) is done: 1 ok
    00:00:00  wave         production/medium, wave 2 of 3: 1 host
    00:00:00  ok           web002.test  11 packages, rebooted (1s)
    00:00:00  wave         production/medium, wave 2 of 3 is done: 1 ok
    00:00:00  wave         production/medium, wave 3 of 3: 1 host
    00:00:00  ok           web003.test  11 packages, rebooted (1s)
    00:00:00  wave         production/medium, wave 3 of 3 is done: 1 ok
    00:00:00  over         3 ok
    "#);
}

#[test]
fn a_run_that_halts() {
    let case = Case::hosts(5).broken("web002.test", Fault::PostinstFails { package: "openssl".into() });
    insta::assert_snapshot!(case.run("run play.yml -i inv.yml").page(), @r#"
    exit code 6
    -- stdout
    Patch, run 20260101-000000-abcd, 1s

    failed at "Updates": web002.test
      openssl: installed openssl package post-installation script subprocess
      returned error exit status 1
      | 10 of 11 planned versions are installed
      | not installed: openssl 3.0.17-1~deb12u3
      | the package database: openssl is half-configured
      | Setting up sudo (1.9.13p3-1+deb12u3) ...
      | Setting up nginx (1.22.1-9+deb12u3) ...
      | Setting up nginx-common (1.22.1-9+deb12u3) ...
      changed: 11 packages
      try: on the host: dpkg --configure -a && apt-get -f install; once the database
           is in order, run again with --limit @failed

    left behind on 1 host: web002.test
      a reboot is due: kernel 6.1.0-41-amd64 is installed, 6.1.0-40-amd64 is
        running

    ok           2 hosts: web[001,003].test: 22 packages, 2 reboots, at most 1s
    not started  2 hosts: web[004-005].test

    5 hosts: 2 ok, 1 failed, 2 not started
    changed: 33 packages on 3 hosts, 2 reboots

    next:
      # everything it printed
      patchwave log 20260101-000000-abcd web002.test
      # when fixed: retry 1 host
      patchwave run play.yml -i inv.yml --limit @failed
      # then the other 2 hosts
      patchwave run play.yml -i inv.yml --limit @20260101-000000-abcd:not_started
    -- stderr
    Patch, plan 0123456789ab
      production/medium                             5 hosts in 3 waves
      in total                                      5 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  wave         production/medium, wave 1 of 3 (canary): 1 host
    00:00:00  ok           web001.test  11 packages, rebooted (1s)
    00:00:00  wave         production/medium, wave 1 of 3 (canary) is done: 1 ok
    00:00:00  wave         production/medium, wave 2 of 3: 2 hosts
    00:00:00  failed       web002.test  Updates: openssl: installed openssl package post-installation script subprocess returned error exit status 1
                           | 10 of 11 planned versions are installed
                           | not installed: openssl 3.0.17-1~deb12u3
                           | the package database: openssl is half-configured
                           | Setting up sudo (1.9.13p3-1+deb12u3) ...
                           | Setting up nginx (1.22.1-9+deb12u3) ...
                           | Setting up nginx-common (1.22.1-9+deb12u3) ...
                           | Setting up linux-image-6.1.0-41-amd64 (6.1.158-1) ...
                           | update-initramfs: Generating /boot/initrd.img-6.1.0-41-amd64
                           try: on the host: dpkg --configure -a && apt-get -f install; once the database is in order, run again with --limit @failed
    00:00:00  failed       web002.test  broke at "Updates", 11 packages (1s)
    00:00:00  --           halted: 1 host of stage production/medium broke, max_failures is 0; hosts in flight finish, no other host starts
    00:00:00  ok           web003.test  11 packages, rebooted (1s)
    00:00:00  wave         production/medium, wave 2 of 3 is done: 1 ok, 1 failed
    00:00:00  over         2 ok, 1 failed, 2 not started
    "#);
}

#[test]
fn json_is_events_and_nothing_else() {
    let site = Case::hosts(2).broken("web001.test", Fault::DiskFull).site();
    let said = site.run("run play.yml -i inv.yml --json").ended(6);
    let events: Vec<Event> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    let state = RunState::fold(&events).unwrap();
    assert!(state.finished);
    assert_eq!(state.exit_code(), 6);
    assert_eq!(events, site.events(&state.started.run.0));
    said.says(&["2 hosts: 1 failed, 1 not started"]);
}
