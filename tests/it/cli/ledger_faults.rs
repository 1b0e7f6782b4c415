//! A ledger that cannot be written: nothing begins, or nothing new begins, and it is said.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use patchwave::{
    demo::{Fleet, FleetSpec},
    event::Kind,
};

use crate::support::cli::Desk;

/// A small file system in memory; unmounted when dropped.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("{options},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        assert!(std::env::var_os("PATCHWAVE_LAB").is_none(), "the lab needs mount");
        eprintln!("NOT RUN: a file system of its own needs root");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn desk(fleet: &Fleet) -> Desk {
    let desk = Desk::of(fleet);
    desk.write("inv.yml", &fleet.inventory().replace("canary: 1, batch: [50%, 100%]", "batch: 1"));
    desk.write("play.yml", "name: Slow\nsteps:\n  - command: echo once >>$PATCHWAVE_ROOT/once; sleep 2\n");
    desk
}

#[test]
fn a_disk_that_is_full_from_the_beginning() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(&fleet);
    let Some(_disk) = Small::mount(&desk.folder().join("state"), "size=16k") else { return };
    let said = desk.run("run play.yml -i inv.yml").ended(3);
    insta::assert_snapshot!(said.page(), @r#"
    exit code 3
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             1 host in 1 wave
      in all                                        1 host
    error: state/ledger.db: the disk is full
    help: make room on that disk
    "#);
    assert_eq!(fleet.hosts().next().unwrap().logins(), 0);
}

#[test]
fn a_disk_that_may_not_be_written() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(&fleet);
    let Some(_disk) = Small::mount(&desk.folder().join("state"), "ro") else { return };
    let said = desk.run("run play.yml -i inv.yml").ended(3);
    insta::assert_snapshot!(said.page(), @r#"
    exit code 3
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             1 host in 1 wave
      in all                                        1 host
    error: state/ledger.db: cannot be written: Read-only file system (os error 30)
    help: check owner and mount of that folder, or name another one with `--state-dir DIR`; no host was touched without a record
    "#);
    assert_eq!(fleet.hosts().next().unwrap().logins(), 0);
}

#[test]
fn a_folder_of_somebody_else_and_a_file_in_its_place() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(&fleet);
    desk.write(
        "state/ledger.db",
        "this is no ledger, it is a long letter to a friend, of more than a hundred bytes, and so on and so on\n",
    );
    insta::assert_snapshot!(desk.run("run play.yml -i inv.yml").ended(3).page(), @r#"
    exit code 3
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             1 host in 1 wave
      in all                                        1 host
    error: state/ledger.db: the ledger is damaged on disk: it does not begin as a database does (damaged, or another file)
    help: `patchwave ledger verify` says which runs are hurt; `patchwave ledger salvage` makes a new ledger of the good events of each run and keeps the old file as a copy
    "#);
    desk.write("file", "");
    insta::assert_snapshot!(desk.run("run play.yml -i inv.yml --state-dir file").ended(3).page(), @r#"
    exit code 3
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             1 host in 1 wave
      in all                                        1 host
    error: file: cannot be written: it is not a folder
    help: check owner and mount of that folder, or name another one with `--state-dir DIR`; no host was touched without a record
    "#);
    assert_eq!(fleet.hosts().next().unwrap().logins(), 0);
}

#[test]
fn a_disk_that_fills_up_during_a_run() {
    let fleet = Fleet::start(FleetSpec::quick(3)).unwrap();
    let desk = desk(&fleet);
    let Some(_disk) = Small::mount(&desk.folder().join("state"), "size=1m") else { return };
    let running = desk.start("run play.yml -i inv.yml");
    desk.until("a host that works", |events| events.iter().any(|e| matches!(e.kind, Kind::StepStarted { .. })));
    let filler = desk.folder().join("state/filler");
    let full = fs::write(&filler, vec![b'x'; 2 << 20]);
    assert!(full.is_err(), "the disk is not full");
    let said = running.end();
    insta::assert_snapshot!(said.page(), @r#"
    exit code 7
    -- stdout
    Slow, run 20260101-000000-abcd, 1s

    outcome      hosts            reason                     packages  reboot  took
    unknown      web001.test      Command: echo once                0  no 1s
                                  >>$PATCHWAVE_ROOT/once;
                                  slee…: "Command: echo
                                  once
                                  >>$PATCHWAVE_ROOT/once;
                                  slee…" had begun when the
                                  controller left
    not started  web002.test
    not started  web003.test

    unknown at "Command: echo once >>$PATCHWAVE_ROOT/once; slee…" on web001.test
      changed: nothing that is known yet; 1 host still open

    3 hosts: 1 in flight, 2 not started
    changed: nothing that is known yet; 1 host still open

    next:
      # everything it printed
      patchwave log 20260101-000000-abcd web001.test
      # settles the 1 host left in flight, then goes on
      patchwave resume 20260101-000000-abcd
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             3 hosts in 3 waves
      in all                                        3 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  wave         production/medium, wave 1 of 3: 1 host
    error: the ledger cannot be written, so the run was left: state/ledger.db: the disk is full
    jobs that run on hosts go on
    help: make room on that disk; then: patchwave resume 20260101-000000-abcd
    "#);
    let begun = |fleet: &Fleet| fleet.hosts().filter(|host| host.folder().join("once").exists()).count();
    assert!(begun(&fleet) < 3, "it went on without a ledger");
    fs::remove_file(filler).unwrap();
    desk.really("resume").ended(0).says(&["3 hosts: 3 ok"]);
    for host in fleet.hosts() {
        assert_eq!(fs::read_to_string(host.folder().join("once")).unwrap(), "once\n", "{}", host.name());
    }
}
