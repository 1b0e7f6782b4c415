//! Confirm or roll back, on hosts that really lock us out: whatever happens, the host becomes reachable again, and the
//! record says what it did.

use crate::{
    events::{Events, is},
    fleet::Lab,
    patchwave::{Patchwave, run_id},
};
use rustix::process::Signal;

const DEFAULTS: &str = "environment: test, risk: low, batch: 100%, max_failures: 100%, silence_timeout: 5s, connect_timeout: 3s, handshake_timeout: 3s";

pub fn inventory(vars: &str) -> String {
    format!("all: {{ vars: {{ patchwave: {{ {DEFAULTS} }} }}, hosts: {{ {vars} }} }}")
}

/// The host has no trace of a guard, in any folder or unit.
pub fn leaves_nothing(lab: &Lab, host: &str) {
    let traces = "ls -d /var/lib/patchwave/guards /etc/systemd/system/patchwave* \
                  /etc/systemd/system/*.wants/patchwave* 2>/dev/null || true";
    assert_eq!(lab.on(host, traces), "", "{host}");
    // systemd takes its time to forget a unit whose file is gone.
    lab.until(host, "test -z \"$(systemctl list-units --all --no-legend --plain \"patchwave-guard*\")\"");
    lab.until(host, "! pgrep -f '[p]atchwave/guards'");
}

/// The host rolled back, once, and its result and its log say so.
pub fn rolled_back(lab: &Lab, jump: &Patchwave, events: &Events, run: &str, host: &str, index: usize) {
    let result = events.result(host, index);
    assert_eq!((events.outcome(host), &result["class"]), ("failed", &"rolled-back".into()), "{host}: {result}");
    assert!(result["help"].is_string(), "{host}: what is the operator to type? {result}");
    assert_eq!(lab.on(host, "cat /root/undone"), "undone", "{host}: it rolls back once");
    let log = jump.log_of(run, host);
    assert_eq!(log.lines().filter(|line| *line == "it is undone").count(), 1, "{host}: {log}");
    assert!(log.contains("the rollback ended with exit code 0"), "{host}: {log}");
    assert_eq!(lab.on(host, "ls /etc/systemd/system/ | grep patchwave-guard || true"), "", "{host}");
    lab.sh(&["ssh", host, "true"]);
}

const LOCK_OUT: &str = "
name: Locks us out
steps:
  - command: '{{ change }}'
    when: inventory_hostname != 'h4'
    guard: { within: 10s, rollback: 'echo undone >>/root/undone; {{ mend }}; echo it is undone' }
  - command: '{{ change }}'
    when: inventory_hostname == 'h4'
    guard: { within: 10m, rollback: 'echo undone >>/root/undone; {{ mend }}; echo it is undone' }
  - command: touch /root/after
";

#[test]
fn a_host_that_locks_us_out_comes_back_by_itself() {
    let Some(lab) = Lab::up(4, "") else { return };
    let inventory = inventory(
        "h1: { change: mv /etc/ssh/lab_keys /etc/ssh/keys, mend: mv /etc/ssh/keys /etc/ssh/lab_keys }, \
         h2: { change: systemctl stop ssh, mend: systemctl start ssh }, \
         h3: { ansible_user: ops, ansible_become: true, change: 'echo DenyUsers root ops >/etc/ssh/sshd_config.d/no.conf && systemctl restart ssh', \
               mend: 'rm /etc/ssh/sshd_config.d/no.conf; systemctl restart ssh' }, \
         h4: { change: touch /root/changed, mend: rm /root/changed }",
    );
    let jump = Patchwave::new(&lab, &inventory, LOCK_OUT);
    let ended = jump.run(&[]).must(6);
    let (events, run) = (ended.events(), ended.run_id());
    for host in ["h1", "h2", "h3"] {
        rolled_back(&lab, &jump, &events, &run, host, 0);
        assert_eq!(events.steps(host), 1, "{host} goes no further");
    }
    assert_eq!(events.outcome("h4"), "ok");
    assert_eq!(
        lab.on("h4", "ls /root/changed /root/after; ls /root/undone 2>/dev/null || true"),
        "/root/after\n/root/changed"
    );
    leaves_nothing(&lab, "h4");
}

const REBOOTS: &str = "
name: Guarded reboots
steps:
  - reboot: { when: always, stable: 1s, timeout: 120s }
    when: inventory_hostname != 'h1'
    guard: { within: 20s, rollback: 'echo undone >>/root/undone; {{ mend }}; echo it is undone' }
  - reboot: { when: always, stable: 1s, timeout: 120s }
    when: inventory_hostname == 'h1'
    guard: { within: 10m, rollback: 'echo undone >>/root/undone; {{ mend }}; echo it is undone' }
";

#[test]
fn a_guard_outlives_a_reboot_and_an_unfinished_boot() {
    let Some(lab) = Lab::up(3, "") else { return };
    lab.sh(&["next-boot", "h2", "nosshd"]);
    // It never reaches the units of an ordinary boot.
    lab.sh(&["next-boot", "h3", "hang"]);
    let inventory = inventory(
        "h1: { mend: 'true' }, \
         h2: { mend: rm /etc/ssh/sshd_config.d/zz-lab.conf; systemctl reset-failed ssh; systemctl start ssh }, \
         h3: { mend: rm /etc/systemd/system/sysinit.target.wants/lab-hang.service; systemctl daemon-reload; systemctl kill lab-hang }",
    );
    let jump = Patchwave::new(&lab, &inventory, REBOOTS);
    let ended = jump.run(&[]).must(6);
    let (events, run) = (ended.events(), ended.run_id());
    assert_eq!(events.outcome("h1"), "ok", "{}", ended.err);
    leaves_nothing(&lab, "h1");
    assert_eq!(lab.on("h1", "ls /root/undone 2>/dev/null || true"), "");
    for host in ["h2", "h3"] {
        rolled_back(&lab, &jump, &events, &run, host, 0);
    }
    for host in ["h1", "h2", "h3"] {
        assert_eq!(lab.asked_to_reboot(host), 1, "{host} reboots once");
        assert_eq!(events.result(host, usize::from(host == "h1"))["rebooted"], true, "{host}");
    }
}

const KILLED: &str = "
name: Cut off while armed
steps:
  - command: '{{ change }}'
    guard: { within: WITHIN, rollback: 'echo undone >>/root/undone; {{ mend }}; echo it is undone' }
";

#[test]
fn a_killed_controller_finds_out_what_the_host_did() {
    let Some(lab) = Lab::up(1, "") else { return };
    let inventory = inventory("h1: { change: systemctl stop ssh, mend: systemctl start ssh }");
    let jump = Patchwave::new(&lab, &inventory, &KILLED.replace("WITHIN", "10s"));
    let running = jump.start_run(&[]);
    running.until_on("h1", "ls /var/lib/patchwave/jobs/*.command/rc");
    running.signal(Signal::KILL);
    let run = run_id(&running.said());
    assert_eq!(running.wait().code, -1);
    lab.until("h1", "ls /var/lib/patchwave/guards/*/rc");
    let resumed = jump.resume().must(6);
    rolled_back(&lab, &jump, &resumed.events(), &run, "h1", 0);
    assert!(resumed.err.contains("rolled back by the host"), "{}", resumed.err);
}

#[test]
fn a_killed_controller_confirms_in_time_and_another_run_is_refused_until_then() {
    let Some(lab) = Lab::up(1, "") else { return };
    let inventory = inventory(
        "h1: { change: 'until [ -e /root/go ]; do sleep 0.1; done; touch /root/changed', mend: rm /root/changed }",
    );
    let jump = Patchwave::new(&lab, &inventory, &KILLED.replace("WITHIN", "1h"));
    let running = jump.start_run(&[]);
    running.until_on("h1", "ls /var/lib/patchwave/jobs/*.command/pid");
    running.signal(Signal::KILL);
    let run = run_id(&running.said());
    assert_eq!(running.wait().code, -1);
    lab.on("h1", "touch /root/go");
    lab.until("h1", "ls /root/changed");
    let other = Patchwave::named(&lab, "other", &inventory, &KILLED.replace("WITHIN", "1h"));
    // Not even a run that takes the lease.
    let refused = other.run(&["--steal-lease"]).must(6);
    let result = refused.events().result("h1", 0).clone();
    assert_eq!(result["class"], "lease", "{result}");
    assert!(result["summary"].as_str().is_some_and(|why| why.contains(&run) && why.contains("guard")), "{result}");
    let mut resumed = jump.start_resume();
    resumed.until(|event| is(event, "host_finished", "h1"));
    assert_eq!(resumed.wait().must(0).events().outcome("h1"), "ok");
    leaves_nothing(&lab, "h1");
    other.run(&[]).must(0);
}

const WALK: &str = "
name: Guarded walk
guard: { within: 10m, rollback: 'echo undone >>/root/undone; systemctl start ssh lab-svc; echo it is undone' }
steps:
  - { upgrade: security, timeout: 2m }
  - reboot: { when: required, stable: 1s, timeout: 60s }
  - command: '{{ change }}'
  - verify: { services: [lab-svc] }
";

#[test]
fn a_walk_is_confirmed_at_its_end_or_undone() {
    let Some(lab) = Lab::up(2, "lab-reboot=h1") else { return };
    let before = lab.packages("h1");
    let inventory = inventory("h1: { change: 'true' }, h2: { change: systemctl stop lab-svc }");
    let jump = Patchwave::new(&lab, &inventory, WALK);
    let ended = jump.run(&[]).must(6);
    let events = ended.events();
    assert_eq!(events.outcome("h1"), "ok", "{}", ended.err);
    assert_eq!(events.result("h1", 4)["summary"], "confirmed over a new connection");
    lab.is_patched("h1", &before, &[("lab-reboot", "1.0+deb12u1")]);
    leaves_nothing(&lab, "h1");
    // It fails in `verify`, and is undone before another run touches the host.
    assert_eq!(
        (events.outcome("h2"), &events.result("h2", 3)["class"]),
        ("failed", &"service".into()),
        "{}",
        ended.err
    );
    assert_eq!(lab.on("h2", "cat /root/undone; systemctl is-active lab-svc"), "undone\nactive");
    assert!(jump.log_of(&ended.run_id(), "h2").contains("it is undone"));
    assert!(ended.err.contains("lab-svc is inactive; rolled back by the host"), "{}", ended.err);
}
