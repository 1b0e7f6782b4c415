//! A check of real hosts: it finds what is pending now, what would fail and what would restart, and leaves no trace.

use crate::{faults::hold_lock, fleet::Lab, patchwave::Patchwave};

const INVENTORY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, canary: 1, batch: [1], max_failures: 0 } } }
";

const PLAYBOOK: &str = "
name: Forecast
steps:
  - precheck: { packages: healthy, disk_free: { /var/cache/apt: 10MiB } }
    when: inventory_hostname != 'h2'
  - upgrade: { scope: security }
  - reboot: { when: required }
  - verify: { services: \"{{ 'shh' if inventory_hostname == 'h3' else 'ssh' }}\" }
";

/// What a run would change, and what a check makes for itself. A login and its logs do not count, and apt keeps a cache
/// of its index in `/var/cache/apt` whoever asks.
const CHANGED: &str = "find /etc /usr /boot /var/lib/apt /var/lib/dpkg /var/tmp -xdev -mindepth 1 -newer /root/mark";

#[test]
fn a_check_says_what_would_happen_and_leaves_no_trace() {
    let Some(lab) = Lab::up_of(4, "linux-image-amd64=h1", "trixie=h4") else { return };
    // One of the pending packages has the program and the unit of a service that runs.
    lab.on("h1", "printf '%s\n' /usr/sbin/sshd /lib/systemd/system/ssh.service >>/var/lib/dpkg/info/lab-sec.list");
    hold_lock(&lab, "h2", 600);
    lab.on("h3", "mount -t tmpfs -o size=1m tmpfs /var/cache/apt");
    // Without lists nothing is pending, unless they are fetched.
    lab.on("h4", "rm -rf /var/lib/apt/lists/*");
    let hosts = ["h1", "h2", "h3", "h4"];
    for host in hosts {
        lab.on(host, "sleep 0.1; touch /root/mark; sleep 0.1");
    }

    let jump = Patchwave::new(&lab, INVENTORY, PLAYBOOK);
    let events = jump.run(&["--check"]).must(6).events();

    for host in hosts {
        assert_eq!(lab.on(host, CHANGED), "", "{host}");
    }
    let forecast = |host: &str, step: usize| events.result(host, step)["forecast"].clone();
    let of = |host: &str, list: &str, name: &str| {
        let all = forecast(host, 1);
        let found = all[list].as_array().into_iter().flatten().find(|one| one["name"] == name).cloned();
        found.unwrap_or_else(|| panic!("{host} has no {name}: {all}"))
    };
    for host in ["h1", "h2", "h4"] {
        assert_eq!(events.outcome(host), "ok", "{host}");
        assert_eq!(forecast(host, 1)["lists"], "fetched", "{host}");
        assert_eq!(of(host, "packages", "lab-sec")["security"], true, "{host}");
    }
    assert_eq!(of("h1", "packages", "linux-image-6.1.0-99-amd64")["part"], "kernel");
    let ssh = of("h1", "services", "ssh");
    assert_eq!((&ssh["fate"], &ssh["because"]), (&"restarted".into(), &serde_json::json!(["lab-sec"])), "{ssh}");
    let reboots = forecast("h1", 2)["reboots"].to_string();
    assert!(reboots.contains("a kernel would be installed: linux-image-6.1.0-99-amd64"), "{reboots}");
    assert!(forecast("h2", 1)["notes"].to_string().contains("unattended-upgr"), "{}", forecast("h2", 1));
    // Both things that are wrong are found, and what would be installed all the same.
    let small = events.result("h3", 0);
    assert_eq!((events.outcome("h3"), &small["class"]), ("failed", &"disk".into()), "{small}");
    assert_eq!(of("h3", "packages", "lab-sec")["security"], true);
    let missing = events.result("h3", 3)["summary"].to_string();
    assert!(missing.contains("no unit shh on this host (similar: ssh"), "{missing}");
}
