//! Hosts that are broken. Each fails with its own reason, changes nothing, and does not make the others wait.

use std::fs;

use serde_json::Value;

use crate::{events::Events, fleet::Lab, patchwave::Patchwave};

const MANY: &str = "
all:
  vars:
    patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100%, connect_timeout: 3s, handshake_timeout: 3s, auth_timeout: 4s, silence_timeout: 5s }
";

/// Holds dpkg's lock as dpkg does: `fcntl`, not `flock`. Its argument is the number of seconds.
const HOLD: &str = "use Fcntl; $0 = 'unattended-upgr'; open my $f, '>>', '/var/lib/dpkg/lock-frontend' or die;
my $lock = pack 's s x4 q q i x4', F_WRLCK, 0, 0, 0, 0;
fcntl($f, F_SETLK, $lock) or die; open my $held, '>', '/run/held'; sleep shift";

/// Another program holds dpkg's lock from now on, for so many seconds.
pub fn hold_lock(lab: &Lab, host: &str, seconds: usize) {
    let script = format!("cat >/root/hold <<'E'\n{HOLD}\nE\nsystemd-run -q perl /root/hold {seconds}");
    lab.on(host, &script);
    lab.until(host, "test -e /run/held");
}

fn came(events: &Events, host: &str, index: usize) -> (String, String, String) {
    let result = events.result(host, index);
    let word = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    (word("verdict"), word("class"), word("summary"))
}

#[test]
fn sick_hosts_fail_by_name_and_stay_as_they_were() {
    let Some(lab) = Lab::up(8, "linux-image-amd64=h6") else { return };
    hold_lock(&lab, "h1", 600);
    hold_lock(&lab, "h2", 7);
    lab.sh(&["break", "h3"]);
    lab.on(
        "h3",
        "apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq -y install lab-fail >/dev/null 2>&1; :",
    );
    lab.on("h4", "mount -t tmpfs -o size=1m tmpfs /var/cache/apt");
    lab.on("h5", "sed -i 's|/srv/repo/security|/srv/repo/gone|' /etc/apt/sources.list");
    lab.on("h6", "mount -t tmpfs -o size=8k tmpfs /boot; head -c 8192 /dev/zero >/boot/full || :");
    lab.on("h7", "echo 'deb [trusted=yes] http://127.0.0.1:1/debian ./' >>/etc/apt/sources.list");
    let before: Vec<_> = (1..=8).map(|n| format!("h{n}")).map(|host| (lab.packages(&host), host)).collect();
    let jump = Patchwave::new(
        &lab,
        MANY,
        "
name: Sick hosts
steps:
  - precheck: { packages: healthy, disk_free: { /var/cache/apt: 10MiB }, services: [ssh] }
    when: inventory_hostname in ['h3', 'h4', 'h8']
  - upgrade: { scope: security, lock_timeout: 20s }
",
    );
    let ended = jump.run(&[]).must(6);
    let events = ended.events();

    let (verdict, class, summary) = came(&events, "h1", 1);
    assert_eq!((verdict.as_str(), class.as_str()), ("failed", "lock"), "{summary}");
    assert!(summary.contains("unattended-upgr"), "who holds it? {summary}");
    assert_eq!(events.outcome("h2"), "ok", "the lock was free in time");
    let (verdict, class, summary) = came(&events, "h3", 0);
    assert_eq!((verdict.as_str(), class.as_str()), ("failed", "broken-packages"), "{summary}");
    assert!(summary.contains("lab-fail"), "{summary}");
    let (verdict, class, summary) = came(&events, "h4", 0);
    assert_eq!((verdict.as_str(), class.as_str()), ("failed", "disk"), "{summary}");
    assert!(summary.contains("/var/cache/apt"), "{summary}");
    for (host, said) in [("h5", "/srv/repo/gone"), ("h7", "127.0.0.1")] {
        let (verdict, class, summary) = came(&events, host, 1);
        assert_eq!((verdict.as_str(), class.as_str()), ("failed", "refresh"), "{host}: {summary}");
        let result = events.result(host, 1).to_string();
        assert!(result.contains(said), "{host}: which repository? {result}");
    }
    let (verdict, class, summary) = came(&events, "h6", 1);
    assert_eq!((verdict.as_str(), class.as_str()), ("failed", "disk"), "{summary}");
    assert!(summary.starts_with("linux-image-6.1.0-99-amd64: "), "{summary}");
    assert_eq!(events.outcome("h8"), "ok");
    for (packages, host) in &before {
        match host.as_str() {
            "h2" | "h8" => lab.is_patched(host, packages, &[]),
            "h6" => {}
            _ => assert_eq!(lab.packages(host), *packages, "{host} was changed"),
        }
    }
}

#[test]
fn hosts_that_cannot_be_reached_cost_their_own_time_only() {
    let Some(lab) = Lab::up(7, "") else { return };
    lab.on("h1", "systemctl stop ssh");
    lab.sh(&["cut", "h2", "silent"]);
    lab.sh(&["freeze", "h3"]);
    // h4: the host key on file is a different one; h5: there is none; h6: a login key that the host does not know.
    let known = fs::read_to_string(lab.state().join("known_hosts")).expect("known_hosts");
    let key = |host: &str| {
        known
            .lines()
            .find(|l| l.starts_with(&format!("{host},")))
            .expect("its line")
            .rsplit(' ')
            .next()
            .expect("a key")
            .to_owned()
    };
    let (h4, h7) = (key("h4"), key("h7"));
    let edited: String = known
        .lines()
        .filter(|l| !l.starts_with("h5,"))
        .map(|l| if l.starts_with("h4,") { l.replace(&h4, &h7) } else { l.to_owned() } + "\n")
        .collect();
    let edited = lab.write("known_hosts", &edited);
    let stranger = lab.folder().join("stranger");
    let made =
        std::process::Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&stranger).status();
    assert!(made.expect("ssh-keygen").success());
    let inventory = format!("{MANY}  hosts: {{ h6: {{ ansible_ssh_private_key_file: {} }} }}\n", stranger.display());
    let before = lab.packages("h7");
    let jump = Patchwave::new(
        &lab,
        &inventory,
        "
name: Hosts that are away
steps: [{ upgrade: security }]
on_failure:
  - { name: note, on: controller, command: 'true' }
",
    );
    let ended = jump.run(&["--known-hosts", &edited.display().to_string()]);
    let events = ended.must(5).events();
    for (host, class) in [
        ("h1", "refused"),
        ("h2", "timed-out"),
        ("h3", "timed-out"),
        ("h4", "host-key-changed"),
        ("h5", "host-key-unknown"),
        ("h6", "auth"),
    ] {
        assert_eq!(came(&events, host, 0).1, class, "{host}: {}", events.result(host, 0));
        assert_eq!(events.outcome(host), "unreachable", "{host}");
        let took = events.result(host, 0)["took"]["secs"].as_u64();
        // Its own deadlines are 3 to 5 s; the rest is for a slow machine.
        assert!(took.is_some_and(|secs| secs <= 30), "{host} took {took:?} s");
    }
    assert_eq!(events.outcome("h7"), "ok");
    lab.is_patched("h7", &before, &[]);
    lab.sh(&["heal", "h2"]);
    lab.sh(&["heal", "h3"]);
    lab.on("h1", "systemctl start ssh");
    let again = jump.run(&["--limit", "@unreachable:!h4:!h5:!h6"]).must(0).events();
    assert_eq!(again.started(), ["h1", "h2", "h3"]);
}
