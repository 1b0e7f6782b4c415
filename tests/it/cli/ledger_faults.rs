//! A ledger that cannot be written: nothing begins, or nothing new begins, and this is reported.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::case::{Case, Site, begun};

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

fn site(hosts: usize) -> Site {
    Case::hosts(hosts).one_by_one().steps("  - command: echo once >>$PATCHWAVE_ROOT/once; sleep 2\n").site()
}

/// A run that is refused with these lines, before any host is touched.
#[track_caller]
fn refused(site: &Site, line: &str, says: &[&str]) {
    site.run(line).ended(3).says(says).prints("");
    assert_eq!(site.logins(), 0);
}

#[test]
fn a_disk_that_is_full_from_the_beginning() {
    let site = site(1);
    let Some(_disk) = Small::mount(&site.folder().join("state"), "size=16k") else { return };
    let says = ["1 host in 1 wave\n", "\nerror: state/ledger.db: the disk is full\nhelp: make room on that disk\n"];
    refused(&site, "run play.yml -i inv.yml", &says);
}

const ELSEWHERE: &str = "\nhelp: check the owner and the mount of that folder, or name another one with `--state-dir DIR`; no host \
                         was touched without a record\n";

#[test]
fn a_disk_that_may_not_be_written() {
    let site = site(1);
    let Some(_disk) = Small::mount(&site.folder().join("state"), "ro") else { return };
    let error = "\nerror: state/ledger.db: cannot be written: Read-only file system (os error 30)";
    refused(&site, "run play.yml -i inv.yml", &[error, ELSEWHERE]);
}

#[test]
fn a_folder_of_somebody_else_and_a_file_in_its_place() {
    let site = site(1);
    site.write(
        "state/ledger.db",
        "this is no ledger, it is a long letter to a friend, of more than a hundred bytes, and so on and so on\n",
    );
    let damaged = "\nerror: state/ledger.db: the ledger is damaged on disk: it does not begin like a database (damaged, or \
                   another kind of file)\nhelp: `patchwave ledger verify` says which runs are damaged; `patchwave ledger salvage` makes a \
                   new ledger from the good events of each run and keeps the old file as a copy\n";
    refused(&site, "run play.yml -i inv.yml", &[damaged]);
    site.write("file", "");
    let error = "\nerror: file: cannot be written: it is not a folder";
    refused(&site, "run play.yml -i inv.yml --state-dir file", &[error, ELSEWHERE]);
}

#[test]
fn a_disk_that_fills_up_during_a_run() {
    let site = site(3);
    let Some(_disk) = Small::mount(&site.folder().join("state"), "size=1m") else { return };
    let running = site.start("run play.yml -i inv.yml");
    site.until("a host that works", |events| begun(events) > 0);
    let filler = site.folder().join("state/filler");
    let full = fs::write(&filler, vec![b'x'; 2 << 20]);
    assert!(full.is_err(), "the disk is not full");
    insta::assert_snapshot!(running.end().page(), @r#"
    exit code 7
    -- stdout
    Slow, run 20260101-000000-abcd, 1s

    unknown at "Command: echo once >>$PATCHWAVE_ROOT/once; slee…": web001.test
      "Command: echo once >>$PATCHWAVE_ROOT/once; slee…" had begun when the
      controller left
      changed: nothing known; 1 host unknown

    not started  2 hosts: web[002-003].test

    3 hosts: 1 unknown, 2 not started
    changed: nothing known; 1 host unknown

    next:
      # everything it printed
      patchwave log 20260101-000000-abcd web001.test
      # settles the 1 unknown host, then goes on
      patchwave resume 20260101-000000-abcd
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             3 hosts in 3 waves
      in total                                      3 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  wave         production/medium, wave 1 of 3: 1 host
    error: the ledger cannot be written, so the run was left: state/ledger.db: the disk is full
    jobs that run on hosts go on
    help: make room on that disk; then: `patchwave resume 20260101-000000-abcd`
    "#);
    assert!(site.lines("once") < 3, "it went on without a ledger");
    fs::remove_file(filler).unwrap();
    site.really("resume --yes").ended(0).says(&["3 hosts: 3 ok"]);
    for host in site.fleet.hosts() {
        assert_eq!(fs::read_to_string(host.folder().join("once")).unwrap(), "once\n", "{}", host.name());
    }
}
