//! Reboots that go wrong, each told apart by its class.

use serde_json::Value;

use crate::{fleet::Lab, patchwave::Patchwave};

const INVENTORY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100%, connect_timeout: 3s, handshake_timeout: 3s } } }
";

const PLAYBOOK: &str = "
name: Reboots
steps:
  - upgrade: { scope: packages, packages: [lab-sec, linux-image-amd64] }
    when: inventory_hostname == 'h6'
  - reboot: { when: always, stable: 1s, timeout: 40s }
  - command: touch /root/after
";

#[test]
fn reboots_that_go_wrong_are_told_apart() {
    let Some(lab) = Lab::up(7, "linux-image-amd64=h6") else { return };
    let modes = ["never", "sameid", "newkey", "nosshd", "hang", "oldkernel", "slow:6"];
    for (host, mode) in (1..).map(|n| format!("h{n}")).zip(modes) {
        lab.sh(&["next-boot", &host, mode]);
    }
    let ended = Patchwave::new(&lab, INVENTORY, PLAYBOOK).run(&[]).must(6);
    let events = ended.events();
    let came = |host: &str| {
        let result = events.result(host, 1);
        let word = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("{}: {} {}", events.outcome(host), word("verdict"), word("class"))
    };
    let expected = [
        ("h1", "unreachable: unreachable never-came-back"),
        ("h2", "failed: failed same-boot-id"),
        ("h3", "failed: failed host-key-changed"),
        ("h4", "unreachable: unreachable never-came-back"),
        ("h5", "unreachable: unreachable never-came-back"),
        ("h6", "failed: failed wrong-kernel"),
        ("h7", "ok: ok "),
    ];
    let found = expected.map(|(host, _)| (host, came(host)));
    assert_eq!(found, expected.map(|(host, words)| (host, words.to_owned())), "{}", ended.err);
    assert_eq!(lab.on("h7", "ls /root/after"), "/root/after");
    for (host, _) in &expected[..6] {
        assert_eq!(events.steps(host), 2, "{host} goes no further");
        let result = events.result(host, 1);
        assert_eq!(result["changed"], true, "{host}: a reboot was asked for: {result}");
        assert!(result["took"]["secs"].as_u64().is_some_and(|secs| secs < 120), "{host}: {result}");
    }
}
