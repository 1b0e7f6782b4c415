//! `guard:` on hosts that refuse us afterwards, and over reboots. The uptime of a host is in a file on it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use patchwave::demo::Fault;

use crate::support::{
    case::{Case, Site},
    cli::Said,
};

const HOST: &str = "web002.test";

/// The second host waits until it refuses us; the others do not wait.
const LOCKS: &str = "name: Locks us out
rollout: { canary: 0, batch: 100%, max_failures: 100% }
steps:
  - name: Change
    command: >-
      touch $PATCHWAVE_ROOT/changed;
      [ {{ inventory_hostname }} != web002.test ] || until [ -e $PATCHWAVE_ROOT/locked ]; do sleep 0.1; done
    guard:
      within: 10m
      rollback: rm $PATCHWAVE_ROOT/changed; echo undone | tee -a $PATCHWAVE_ROOT/undone
";

fn appears(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        assert!(Instant::now() < deadline, "{} does not appear", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sets how long a host has been up.
fn up_for(folder: &Path, seconds: u32) {
    fs::write(folder.join("proc/.uptime"), format!("{seconds}.00 0.00\n")).unwrap();
    fs::rename(folder.join("proc/.uptime"), folder.join("proc/uptime")).unwrap();
}

fn guards(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("var/lib/patchwave/guards")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Locks us out of the second host while its command runs, and then lets the command end.
fn lock_out(site: &Site) {
    let host = site.named(HOST);
    appears(&host.folder().join("changed"));
    host.break_with(Fault::Refuses).unwrap();
    fs::write(host.folder().join("locked"), "").unwrap();
    let job = fs::read_dir(host.folder().join("var/lib/patchwave/jobs")).unwrap().next().unwrap().unwrap().path();
    appears(&job.join("rc"));
}

/// Lets time pass on the second host until it has rolled back, and unlocks it again.
fn undone(site: &Site) {
    let host = site.named(HOST);
    let (decided, code) = (guards(host.folder())[0].join("verdict"), guards(host.folder())[0].join("rc"));
    // Whatever its watchdog saw last, more than its time has passed at its next look. The rollback has a limit, too.
    for seconds in (1..600).map(|n| 1000 * n) {
        up_for(host.folder(), seconds);
        if decided.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    appears(&code);
    host.heal().unwrap();
}

fn is_told(site: &Site, said: Said) {
    let run = site.last_run();
    said.ended(6).says(&["3 hosts: 2 ok, 1 failed", "rolled back by the host: no new connection confirmed within 1 s"]);
    let log = site.run(&format!("log {run} {HOST}")).ended(0).says(&["the rollback ended with exit code 0"]);
    assert_eq!(log.out.lines().filter(|line| *line == "undone").count(), 1, "{}", log.page());
    for host in site.fleet.hosts() {
        let locked = host.name() == HOST;
        assert_eq!(host.folder().join("changed").exists(), !locked, "{}", host.name());
        assert_eq!(guards(host.folder()).len(), usize::from(locked), "{}", host.name());
        let units = fs::read_dir(host.folder().join("etc/systemd/system/sysinit.target.wants"));
        assert_eq!(units.into_iter().flatten().count(), 0, "{}", host.name());
    }
    assert_eq!(site.on(HOST, "undone"), "undone\n", "it rolls back once");
}

#[test]
fn a_host_that_refuses_us_undoes_the_change() {
    let site = Case::hosts(3).play(LOCKS).site();
    up_for(site.named(HOST).folder(), 100);
    let running = site.start("run play.yml -i inv.yml");
    lock_out(&site);
    undone(&site);
    is_told(&site, running.end());
}

#[test]
fn a_guard_outlives_a_reboot_that_somebody_asks_for_and_the_end_of_the_controller() {
    let site = Case::hosts(3).systemd().play(LOCKS).site();
    let host = site.named(HOST);
    up_for(host.folder(), 500);
    let running = site.start("run play.yml -i inv.yml");
    lock_out(&site);
    // The others are confirmed: a controller that dies in the middle of that is another test.
    for other in site.fleet.hosts().filter(|other| other.name() != HOST) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !other.folder().join("changed").exists() || !guards(other.folder()).is_empty() {
            assert!(Instant::now() < deadline, "{} is not confirmed", other.name());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    running.signal(rustix::process::Signal::KILL);
    running.end().ended(128 + 9);
    host.reboot();
    let boots = guards(host.folder())[0].join("boots");
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::read_to_string(&boots).unwrap().lines().count() < 2 {
        assert!(Instant::now() < deadline, "its watchdog is not there after the boot");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!host.folder().join("undone").exists());
    undone(&site);
    is_told(&site, site.really("resume --yes"));
}

const REBOOTS: &str = "name: Three reboots under one guard
guard: { within: 10m, rollback: touch $PATCHWAVE_ROOT/undone }
steps:
  - reboot: { when: always, timeout: 60s, stable: 1s }
  - reboot: { when: always, timeout: 60s, stable: 1s }
  - reboot: { when: always, timeout: 60s, stable: 1s }
";

#[test]
fn the_reboots_of_a_guarded_walk_are_no_sign_of_trouble() {
    let site = Case::hosts(1).systemd().play(REBOOTS).site();
    let host = site.host();
    site.really("run play.yml -i inv.yml").ended(0).says(&["1 ok"]);
    assert_eq!((host.boots(), host.folder().join("undone").exists(), guards(host.folder()).len()), (4, false, 0));
}

const REBOOT: &str = "name: Guarded reboot
steps:
  - reboot: { when: always, timeout: 60s, stable: 1s }
    guard: { within: 10m, rollback: touch $PATCHWAVE_ROOT/undone }
";

#[test]
fn a_guarded_reboot_is_confirmed_where_systemd_is_and_refused_elsewhere() {
    let site = Case::hosts(1).systemd().play(REBOOT).site();
    let host = site.host();
    site.run("run play.yml -i inv.yml --check")
        .ended(0)
        .says(&["guarded: unless confirmed within 1 s, the host would run:"]);
    assert_eq!((guards(host.folder()).len(), host.boots()), (0, 1));
    site.really("run play.yml -i inv.yml").ended(0).says(&["1 ok"]);
    assert_eq!((host.boots(), host.folder().join("undone").exists(), guards(host.folder()).len()), (2, false, 0));

    let site = Case::hosts(1).play(REBOOT).site();
    let host = site.host();
    site.really("run play.yml -i inv.yml").ended(6).says(&["so nothing was changed: without systemd"]);
    assert_eq!((host.boots(), guards(host.folder()).len()), (1, 0));
}
