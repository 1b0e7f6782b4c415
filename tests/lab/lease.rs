//! One host and two jump boxes, or one jump box that forgets: while a job works on the host no other run changes it,
//! and a run that lost its lease says so. Also obstacles: folders of others, full disks, clocks.

use std::{fs, time::Duration};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    clock,
    events::begins,
    fleet::Lab,
    patchwave::{Ended, Patchwave, run_id},
};

const INVENTORY: &str = "all: { vars: { patchwave: { environment: test, risk: low, batch: 1, max_failures: 100% } } }";
/// Works until it is released.
const LONG: &str =
    "command: 'echo begin >>/root/trace; until [ -e /root/go ]; do sleep 0.2; done; echo end >>/root/trace'";
const OTHER: &str = "steps: [{ command: 'echo other >>/root/trace' }]";

/// Two jump boxes for one host.
fn two<'a>(lab: &'a Lab, host: &str, steps: &str) -> (Patchwave<'a>, Patchwave<'a>) {
    let playbook = format!("steps:\n{steps}");
    (
        Patchwave::named(lab, &format!("one-{host}"), INVENTORY, &playbook),
        Patchwave::named(lab, &format!("two-{host}"), INVENTORY, OTHER),
    )
}

fn trace(lab: &Lab, host: &str) -> String {
    lab.on(host, "cat /root/trace 2>/dev/null | tr '\\n' ' '")
}

/// Two hours later, as far as the lease can tell: the lease of an older patchwave, dated by its file.
fn age(lab: &Lab, host: &str) {
    lab.on(host, "cd /var/lib/patchwave && rm -f lease.seen && touch -d '-3 hours' lease");
}

#[track_caller]
fn says(result: &Value, class: &str, words: &[&str]) {
    let said = format!("{} {}", result["summary"], result["help"]);
    assert_eq!(result["class"], class, "{result:#}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

fn note(ended: &Ended, key: &str) -> Value {
    let events = ended.events();
    let found = events.0.iter().find(|event| event["event"] == "step_noted" && event["key"] == key);
    found.unwrap_or_else(|| panic!("no {key}: {:#?}", events.0))["value"].clone()
}

#[test]
fn nobody_changes_a_host_on_which_a_job_works() {
    let Some(lab) = Lab::up(4, "") else { return };
    by_age_under_a_controller_that_was_killed(&lab, "h1");
    by_age_under_a_controller_that_sleeps(&lab, "h2");
    by_force(&lab, "h3");
    by_the_command_that_is_printed_next(&lab, "h4");
    between_the_last_change_and_the_end(&lab, "h4");
}

fn by_age_under_a_controller_that_was_killed(lab: &Lab, host: &str) {
    let (one, mut other) = two(lab, host, &format!("  - {LONG}"));
    let only = ["--limit", host];
    let running = one.start_run(&only);
    lab.until(host, "grep -q begin /root/trace");
    let first = run_id(&running.said());
    running.signal(Signal::KILL);
    running.wait();
    age(lab, host);
    let file = lab.folder().join("clock-of-two");
    // Whatever time this jump box believes it is.
    for seconds in [0, 86_400, -86_400] {
        fs::write(&file, format!("{seconds}\n")).expect("written");
        other.preload = Some(clock::library(lab, "clock-of-two.so", &file));
        let refused = other.run(&only).must(6);
        says(refused.events().result(host, 0), "lease", &[&first, "is running", "systemctl status 'patchwave-"]);
    }
    lab.on(host, "touch /root/go");
    lab.until(host, "ls /var/lib/patchwave/jobs/*/rc");
    // The host's own clock jumps; the lease was renewed a moment ago.
    lab.own_clock(host);
    let mut resumed = one.start_resume();
    resumed.until(|event| event["event"] == "step_finished");
    assert_eq!(resumed.wait().must(0).events().outcome(host), "ok");
    assert_eq!(trace(lab, host), "begin end");
    let lease = format!("{first}\nann@jump9\n1\n");
    lab.put(host, "/var/lib/patchwave/lease", lease.as_bytes());
    let boot = "$(cat /proc/sys/kernel/random/boot_id) $(cut -d. -f1 /proc/uptime)";
    lab.on(host, &format!("echo {first} {boot} >/var/lib/patchwave/lease.seen"));
    for seconds in [3 * 3600, -400 * 86_400] {
        lab.jump(host, seconds);
        let refused = other.run(&only).must(6);
        says(refused.events().result(host, 0), "lease", &[&first, "last report 0 min ago"]);
    }
}

fn by_age_under_a_controller_that_sleeps(lab: &Lab, host: &str) {
    let (one, other) = two(lab, host, &format!("  - {LONG}\n  - command: echo after >>/root/trace"));
    let only = ["--limit", host];
    let running = one.start_run(&only);
    lab.until(host, "grep -q begin /root/trace");
    let first = run_id(&running.said());
    // For its first five seconds the start only waits; then the host is looked at, and the lease is fresh once more.
    std::thread::sleep(Duration::from_secs(8));
    running.signal(Signal::STOP);
    age(lab, host);
    let refused = other.run(&only).must(6);
    says(refused.events().result(host, 0), "lease", &[&first, "is running"]);
    lab.on(host, "touch /root/go");
    lab.until(host, "ls /var/lib/patchwave/jobs/*/rc");
    // The look on the host sees the end within a second, while the lease is still its run's.
    std::thread::sleep(Duration::from_secs(2));
    let taken = other.run(&only).must(0);
    assert_eq!(note(&taken, "lease.expired")["run"], *first);
    running.signal(Signal::CONT);
    let woken = running.wait();
    assert_ne!(woken.code, 0, "{}", woken.err);
    let events = woken.events();
    // Its job was over before the other run came; the next job does not begin.
    says(events.result(host, 1), "lease-lost", &[&taken.run_id(), "this change was not started"]);
    assert_eq!((events.outcome(host), trace(lab, host).as_str()), ("failed", "begin end other"));
}

fn by_force(lab: &Lab, host: &str) {
    let (one, other) = two(lab, host, &format!("  - {LONG}"));
    let running = one.start_run(&["--limit", host]);
    lab.until(host, "grep -q begin /root/trace");
    let first = run_id(&running.said());
    let stolen = other.run(&["--limit", host, "--steal-lease"]).must(0);
    let noted = note(&stolen, "lease.stolen");
    assert!(noted["jobs"][0].as_str().is_some_and(|job| job.starts_with(&first)), "{noted}");
    let run = stolen.run_id();
    for said in [stolen.err, other.call(&["show", &run]).must(0).out, other.call(&["report", &run]).must(0).out] {
        assert!(said.contains("was still working on the host"), "{said}");
    }
    lab.on(host, "touch /root/go");
    let ended = running.wait();
    assert_ne!(ended.code, 0, "{}", ended.err);
    says(ended.events().result(host, 0), "lease-lost", &[&run, "took the host's lease"]);
    assert_eq!((ended.events().outcome(host), trace(lab, host).as_str()), ("unknown", "begin other end"));
}

/// A job that outlives its time limit is left alone. The ledger has the host as done, but the host is still busy.
fn by_the_command_that_is_printed_next(lab: &Lab, host: &str) {
    let playbook = format!("steps:\n  - {LONG}\n    timeout: 6s\n");
    let jump = Patchwave::named(lab, "same-ledger", INVENTORY, &playbook);
    let stuck = jump.run(&["--limit", host]);
    says(stuck.events().result(host, 0), "stuck", &["it keeps running"]);
    assert!(stuck.err.contains("--limit @unknown") || stuck.out.contains("--limit @unknown"), "{}", stuck.err);
    let again = jump.run(&["--limit", "@unknown"]).must(6);
    says(again.events().result(host, 0), "lease", &[&stuck.run_id(), "is running", "wait until the job ends"]);
    assert_eq!(trace(lab, host), "begin");
    let mut waits = jump.start_run(&["--limit", host]);
    waits.until(|event| event["event"] == "host_started");
    lab.on(host, "touch /root/go");
    let ended = waits.wait().must(0);
    assert_eq!(note(&ended, "lease.left_behind")["run"], *stuck.run_id());
    assert_eq!(trace(lab, host), "begin end begin end");
}

/// Its last change was made; before its walk ended it slept, and another run came.
fn between_the_last_change_and_the_end(lab: &Lab, host: &str) {
    lab.on(host, "rm -f /root/trace /root/go");
    let steps = "  - command: echo mine >>/root/trace\n  - wait_for: { path: /root/go, interval: 200ms }";
    let (one, other) = two(lab, "between", steps);
    let mut running = one.start_run(&["--limit", host]);
    running.until(|event| begins(event, host, 1));
    running.signal(Signal::STOP);
    age(lab, host);
    let taken = other.run(&["--limit", host]).must(0);
    lab.on(host, "touch /root/go");
    running.signal(Signal::CONT);
    let woken = running.wait();
    let run = run_id(&woken.err);
    assert_ne!(woken.code, 0, "{}", woken.err);
    assert_eq!(woken.events().outcome(host), "unknown");
    let shown = one.call(&["show", &run]).out;
    assert!(
        shown.contains(&format!("run {} of ", taken.run_id())) && shown.contains("took the host's lease"),
        "{shown}"
    );
}

#[test]
fn folders_that_others_made_and_disks_without_room() {
    let Some(lab) = Lab::up(1, "") else { return };
    let host = "h1";
    let jump = Patchwave::new(
        &lab,
        "all:
  vars: { patchwave: { environment: test, risk: low, batch: 1, max_failures: 100% } }
  hosts: { h1: { ansible_user: ops } }
",
        "steps:\n  - { command: 'echo done >>$HOME/trace', become: false }\n",
    );
    let base = format!("/var/tmp/patchwave-{}", lab.on(host, "id -u ops"));
    for (who, plant, why) in [
        ("asks", format!("mkdir {base}"), "belongs to another user"),
        ("asks", format!("mkdir -m 777 {base}"), "belongs to another user"),
        ("asks", format!("ln -s /home/ops {base}"), "is a symbolic link"),
        ("asks", format!("ln -s /nowhere {base}"), "is a symbolic link"),
        ("asks", format!("echo x >{base}"), "File exists"),
        ("ops", format!("mkdir {base}; chmod 777 {base}"), "others may write to"),
    ] {
        lab.on(host, &format!("su {who} -c '{plant}'"));
        let refused = jump.run(&[]).must(6);
        says(refused.events().result(host, 0), "lease", &[&base, why]);
        lab.on(host, &format!("rm -rf {base}; test ! -e /home/ops/trace -a ! -e /home/ops/jobs; rm -rf {base}"));
    }
    // Another user's job that claims to be ours: root is not blocked by what belongs to an ordinary user.
    lab.on(host, &format!("su asks -c 'mkdir -p {base}/jobs/R.a.s1.1.x; echo 1 1 - >{base}/jobs/R.a.s1.1.x/pid'"));
    let root = Patchwave::named(&lab, "root", INVENTORY, "steps: [{ command: 'echo done >>/root/trace' }]");
    root.run(&[]).must(0);
    lab.on(host, &format!("rm -rf {base}"));

    // No room for the lease; then none for the job; /tmp does not matter.
    let fill = |folder: &str, size: &str| {
        lab.on(
            host,
            &format!("mkdir -p {folder}; mount -t tmpfs -o size={size},mode=700 small {folder}; head -c 9M /dev/zero >{folder}/full 2>/dev/null || :"),
        );
    };
    fill("/tmp", "64k");
    root.run(&[]).must(0);
    fill("/var/lib/patchwave", "64k");
    let refused = root.run(&[]).must(6);
    says(refused.events().result(host, 0), "lease", &["cannot be written (is the disk full?)"]);
    lab.on(host, "rm /var/lib/patchwave/full");
    root.run(&[]).must(0);
    lab.on(host, "umount /var/lib/patchwave");
    fill("/var/tmp", "64k");
    lab.on(host, "chmod 1777 /var/tmp");
    let refused = jump.run(&[]).must(6);
    says(refused.events().result(host, 0), "lease", &["cannot be written (is the disk full?)"]);
    assert_eq!(lab.on(host, "cat /root/trace; ls /home/ops"), "done\ndone\ndone");
}
