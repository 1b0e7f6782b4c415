//! Watchdogs that are killed, rollbacks that do not end, clocks, reboots and power cuts under a guard: on Debian 12 and
//! 13, with their own systemd.

use std::{fs, time::Duration};

use crate::{
    clock,
    fleet::{Lab, at_once},
    guard::{inventory, leaves_nothing, rolled_back},
    patchwave::Patchwave,
};

const ENDED: &str = "
name: A watchdog that somebody ends
steps:
  - command: 'until [ -e /root/go ]; do sleep 0.1; done; touch /root/changed; exit {{ code }}'
    guard: { within: 10s, rollback: 'echo undone >>/root/undone; rm /root/changed; echo it is undone' }
";

/// What is done to the watchdog: by its process id `$p` and its unit `$u`, in its folder.
const ENDINGS: [(&str, &str); 6] = [
    ("h1", "kill -TERM $p"),
    ("h2", "systemctl stop $u"),
    ("h3", "systemctl kill $u; sleep 3; systemctl stop $u"),
    // More often than a unit may be started by default.
    (
        "h4",
        "for n in 1 2 3 4 5 6 7 8; do kill -KILL $p; until [ $p != $(cut -d' ' -f1 pid) ]; do sleep 0.1; done; p=$(cut -d' ' -f1 pid); done",
    ),
    ("h5", "systemctl kill -s KILL $u"),
    // It can never start again.
    ("h6", "echo exit 1 >watch; kill -KILL $p"),
];

#[test]
fn a_watchdog_that_somebody_ends_comes_back_or_is_told_as_lost() {
    let Some(lab) = Lab::up_of(6, "", "trixie=h2,h4,h6") else { return };
    let inventory = inventory(
        "h1: { code: 3 }, h2: { code: 3 }, h3: { code: 3 }, h4: { code: 3 }, h5: { code: 0 }, h6: { code: 3 }",
    );
    let jump = Patchwave::new(&lab, &inventory, ENDED);
    let running = jump.start_run(&[]);
    at_once(&ENDINGS, |(host, ending)| {
        lab.until(host, "ls /var/lib/patchwave/jobs/*.command/pid");
        let script = format!(
            "cd /var/lib/patchwave/guards/*; p=$(cut -d' ' -f1 pid); u=patchwave-guard-$(basename $PWD).service; {ending}; true"
        );
        lab.on(host, &script);
        if *host == "h1" {
            assert_ne!(lab.on(host, "systemctl show -P FragmentPath patchwave-guard-*"), "", "its unit");
            assert_eq!(lab.on(host, "systemctl show -P StartLimitIntervalUSec patchwave-guard-*"), "0");
        }
        lab.on(host, "touch /root/go");
    });
    let ended = running.wait().must(7);
    let (events, run) = (ended.events(), ended.run_id());
    for host in ["h1", "h2", "h3", "h4"] {
        rolled_back(&lab, &jump, &events, &run, host, 0);
        assert_eq!(lab.on(host, "systemctl --failed --no-legend --plain | grep -c patchwave || true"), "0", "{host}");
    }
    assert_eq!(events.outcome("h5"), "ok", "{}", ended.err);
    leaves_nothing(&lab, "h5");

    let lost = events.result("h6", 0);
    assert_eq!((events.outcome("h6"), &lost["class"]), ("unknown", &"guard-lost".into()), "{lost}");
    assert!(lost["summary"].as_str().is_some_and(|why| why.contains("it will not act any more")), "{lost}");
    // What was reported is still true after the next boot, and the next run finds a free host.
    let boot = lab.boot_id("h6");
    lab.ask_to_reboot("h6", "systemctl reboot");
    lab.in_time(|| lab.boot_id_of_now("h6").is_some_and(|now| now != boot), || "h6 does not boot".to_owned());
    lab.until_up("h6");
    let other = Patchwave::named(&lab, "other", &inventory, &ENDED.replace("{{ code }}", "0"));
    other.run(&["--limit", "h6", "--steal-lease"]).must(0);
    assert_eq!(
        lab.on("h6", "ls /root/undone 2>/dev/null || true; ls /etc/systemd/system | grep patchwave || true"),
        ""
    );
}

const FAULTS: &str = "
name: Guarded, and then
steps:
  - command: '{{ change }}'
    guard:
      within: 20s
      timeout: 15s
      rollback: '{{ rollback }}'
";
const LOCKED: &str = "change: mv /etc/ssh/lab_keys /etc/ssh/keys, rollback: echo undone >>/root/undone; mv /etc/ssh/keys /etc/ssh/lab_keys; echo it is undone";

#[test]
fn clocks_reboots_power_cuts_and_rollbacks_that_misbehave() {
    let Some(lab) = Lab::up_of(6, "", "trixie=h2,h4,h6") else { return };
    lab.own_clock("h5");
    lab.own_clock("h6");
    lab.on("h2", "mkdir -p /var/lib/patchwave && mount -t tmpfs -o size=1m,mode=700 none /var/lib/patchwave");
    lab.sh(&["next-boot", "h4", "slow:30"]);
    let inventory = inventory(&format!(
        "h1: {{ change: exit 3, rollback: 'echo undone >>/root/undone; trap \"\" TERM; sleep 4711; sleep 4712' }}, \
         h2: {{ change: exit 3, rollback: 'echo undone >>/root/undone; echo it is undone; cat /dev/zero >/var/lib/patchwave/full; true' }}, \
         h3: {{ {LOCKED} }}, \
         h4: {{ change: touch /root/changed; systemctl stop ssh, rollback: echo undone >>/root/undone }}, \
         h5: {{ {LOCKED} }}, h6: {{ {LOCKED} }}"
    ));
    let mut jump = Patchwave::new(&lab, &inventory, FAULTS);
    let clock = lab.folder().join("clock");
    jump.preload = Some(clock::library(&lab, "clock.so", &clock));
    let running = jump.start_run(&[]);
    at_once(&["h1", "h3", "h4", "h5", "h6"], |host| {
        if *host != "h1" {
            lab.until(host, "ls /var/lib/patchwave/jobs/*.command/rc");
        }
        match *host {
            "h1" => {
                lab.until(host, "ls /var/lib/patchwave/guards/*/begun");
                let other = Patchwave::named(&lab, "other", &inventory, FAULTS);
                let refused = other.run(&["--limit", "h1", "--steal-lease"]).must(6);
                let result = refused.events().result("h1", 0).clone();
                let why = result["summary"].as_str().unwrap_or_default();
                assert!(why.contains("is rolling back") && why.contains("the host ends it after 15 s"), "{result}");
                assert!(result["help"].as_str().is_some_and(|help| help.contains("kill -TERM -")), "{result}");
            }
            "h3" => lab.sh(&["power", "h3", "cycle"]),
            "h4" => lab.ask_to_reboot("h4", "systemctl reboot"),
            "h5" => lab.jump("h5", 86_400),
            _ => lab.jump("h6", -7_200),
        }
    });
    for host in ["h5", "h6"] {
        assert_eq!(lab.on(host, "ls /root/undone 2>/dev/null || true"), "", "{host}: too early");
    }
    // The controller's own clock, a day forward and then back.
    fs::write(&clock, "86400\n").expect("written");
    std::thread::sleep(Duration::from_secs(3));
    fs::write(&clock, "-7200\n").expect("written");
    let ended = running.wait().must(7);
    let (events, run) = (ended.events(), ended.run_id());

    let hangs = events.result("h1", 0);
    assert_eq!((events.outcome("h1"), &hangs["class"]), ("unknown", &"rollback-hangs".into()), "{hangs}");
    assert!(hangs["summary"].as_str().is_some_and(|why| why.contains("did not end within 15 s")), "{hangs}");
    assert_eq!(lab.on("h1", "cat /root/undone; pgrep -f 'sleep 471[12]' || true"), "undone");
    let free = "name: Free\nsteps: [ { command: 'true' } ]";
    Patchwave::named(&lab, "free", &inventory, free).run(&["--limit", "h1"]).must(0);

    let full = events.result("h2", 0)["detail"].to_string();
    assert!(full.contains("No space left on device"), "its disk was full: {full}");
    for host in ["h2", "h3", "h5", "h6"] {
        rolled_back(&lab, &jump, &events, &run, host, 0);
    }
    assert_eq!(events.outcome("h4"), "ok", "{}", ended.err);
    assert_eq!(lab.on("h4", "ls /root/changed /root/undone 2>/dev/null || true"), "/root/changed");
    leaves_nothing(&lab, "h4");
}
