//! `scan`, `facts` and `cve` on real hosts: what they say is what the host's own programs say, and they leave nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    fleet::{Lab, SECURITY},
    on_host::flat_source,
    patchwave::Patchwave,
};

/// A service whose program is replaced while it runs.
const STALE_SERVICE: &str = r#"set -e
cp /bin/sleep /usr/local/bin/lab-sleeper
printf '[Service]\nExecStart=/usr/local/bin/lab-sleeper 100000\n' >/etc/systemd/system/lab-sleeper.service
systemctl daemon-reload
systemctl start lab-sleeper
rm /usr/local/bin/lab-sleeper
"#;

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {text}"))).collect()
}

/// Names and new versions of the updates that a host says are of this class.
fn updates(host: &Value, class: &str) -> BTreeSet<(String, String)> {
    let all = host["updates"].as_array().unwrap_or_else(|| panic!("{host}"));
    let text = |update: &Value, key: &str| update[key].as_str().unwrap_or_default().to_owned();
    let such = all.iter().filter(|update| update["security"] == class);
    such.map(|update| (text(update, "name"), text(update, "to"))).collect()
}

#[test]
fn a_scan_says_what_the_hosts_own_programs_say_and_leaves_nothing() {
    let Some(lab) = Lab::up(2, "") else { return };
    // A third party's newer version of an installed package.
    let release = "Origin: Example\\nLabel: Example\\nSuite: stable\\nCodename: stable";
    lab.on("h1", &flat_source("vendor-agent", release, ""));
    lab.on("h1", STALE_SERVICE);
    lab.on("h1", "apt-get update");
    let playbook = "name: Patch\nsteps: [ { upgrade: security } ]\n";
    let jump = Patchwave::new(&lab, "all: { vars: { patchwave: { environment: test, risk: low } } }", playbook);
    let inventory = lab.state().join("inventory.yml").display().to_string();
    let trust = lab.state().join("known_hosts").display().to_string();
    let scan = |more: &[&str]| {
        let words = [&["scan", "-i", &inventory, "--known-hosts", &trust][..], more].concat();
        jump.call(&words)
    };
    // A host that never fetched a package list does not know what is pending.
    let unknown = objects(&scan(&["--json", "h2"]).must(7).out);
    assert_eq!(unknown[0]["updates"], Value::Null, "{}", unknown[0]);
    scan(&["--refresh", "h2"]).must(8);
    // Everything but what any login and any process changes.
    let traces = "find / -xdev -newer /run/lab-mark -type f -not -path '/proc/*' -not -path '/var/log/*' | sort";
    lab.on("h2", "sleep 1; touch /run/lab-mark; sleep 1");
    let found = objects(&scan(&["--json"]).must(8).out);
    assert_eq!(lab.on("h2", traces), "", "files that a scan wrote");
    assert_eq!(lab.on("h2", "ls -d /var/lib/patchwave /run/patchwave 2>/dev/null; :"), "");
    for (host, value) in ["h1", "h2"].iter().zip(&found) {
        assert_eq!(value["host"], *host);
        let listed =
            lab.on(host, "apt list --upgradable 2>/dev/null | sed -n 's|^\\([^/]*\\)/[^ ]* \\([^ ]*\\) .*|\\1 \\2|p'");
        let listed: BTreeSet<(String, String)> =
            listed.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        let all: BTreeSet<_> = ["yes", "no", "unknown"].iter().flat_map(|class| updates(value, class)).collect();
        assert_eq!(all, listed, "{host}");
        let security: Vec<String> = updates(value, "yes").into_iter().map(|(name, _)| name).collect();
        let mut expected: Vec<&str> = SECURITY.iter().map(|(name, _)| *name).chain(["lab-held"]).collect();
        expected.sort_unstable();
        assert_eq!(security, expected, "{host}");
        assert_eq!(value["held"], serde_json::json!(["lab-held"]), "{host}");
    }
    // A third party does not say whether its update is a security fix.
    assert_eq!(updates(&found[0], "unknown"), [("vendor-agent".to_owned(), "2.0".to_owned())].into());
    assert_eq!(updates(&found[1], "unknown"), BTreeSet::new());

    let facts = &objects(&jump.call(&["facts", "h1", "--json"]).must(0).out)[0];
    let stale: Vec<&str> =
        facts["details"]["stale_services"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(stale.contains(&"lab-sleeper"), "{stale:?}");
    assert_eq!(facts["system"]["boot_id"], lab.boot_id("h1").as_str());
    assert!(facts["details"]["memory_kib"].as_u64() > Some(100_000) && facts["details"]["cpus"].as_u64() > Some(0));
    let origins: BTreeSet<&str> =
        facts["upkeep"]["repositories"].as_array().unwrap().iter().map(|r| r["origin"].as_str().unwrap()).collect();
    assert_eq!(origins, ["Debian", "Example"].into());

    let advisory = r#"{"id":"DSA-1-1","aliases":["CVE-2026-0001"],"affected":[{"package":{"ecosystem":"Debian:12",
        "name":"lab-sec"},"ranges":[{"events":[{"introduced":"0"},{"fixed":"1.0+deb12u1"}]}]}]}"#;
    let file = lab.write("osv.json", advisory).display().to_string();
    jump.call(&["advisories", "import", &file]).must(0);
    let missing = jump.call(&["cve", "CVE-2026-0001"]).must(8);
    assert!(missing.err.contains("2 hosts: 2 missing"), "{}", missing.err);
    jump.run(&["--limit", "h2"]).must(0);
    let diff = scan(&["--diff", "--security"]).must(8).out;
    assert!(diff.contains("h1 (1 host):\n  no change") && diff.contains("- lab-sec 1.0+deb12u1"), "{diff}");
    let half = jump.call(&["cve", "CVE-2026-0001"]).must(8);
    assert!(half.err.contains("1 missing, 1 fixed"), "{}", half.err);
    jump.call(&["ledger", "verify"]).must(0);
}

/// A source that is gone is not "nothing is pending".
#[test]
fn a_source_that_does_not_answer_makes_a_scan_incomplete() {
    let Some(lab) = Lab::up_of(3, "", "suse=h2 arch=h3") else { return };
    let playbook = "name: Patch\nsteps: [ { upgrade: security } ]\n";
    let jump = Patchwave::new(&lab, "all: { vars: { patchwave: { environment: test, risk: low } } }", playbook);
    let inventory = lab.state().join("inventory.yml").display().to_string();
    let trust = lab.state().join("known_hosts").display().to_string();
    let scan = |more: &[&str]| {
        let words = [&["scan", "-i", &inventory, "--known-hosts", &trust, "--json"][..], more].concat();
        jump.call(&words)
    };
    lab.on("h1", "sed -i s,/srv/repo/security,/srv/repo/gone, /etc/apt/sources.list");
    let failed = objects(&scan(&["--refresh", "h1"]).must(7).out);
    assert!(failed[0]["unknown"]["refresh"].is_string() && failed[0]["lists_at"].is_null(), "{}", failed[0]);
    // The next one fetches nothing, and the list is as absent as before.
    let later = objects(&scan(&["--package", "lab-sec", "h1"]).must(7).out);
    let said = later[0]["unknown"]["package sources"].as_str().unwrap_or_default();
    assert!(said.contains("no package list of /srv/repo/gone"), "{}", later[0]);
    assert_eq!(later[0]["updates"], serde_json::json!([]));

    // zypper would fetch what it never had, even with --no-refresh.
    let never = objects(&scan(&["h2"]).must(7).out);
    let why = never[0]["unknown"]["updates"].as_str().unwrap_or_default();
    assert!(why.contains("it was never fetched; --refresh fetches the package lists"), "{}", never[0]);
    assert_eq!(lab.on("h2", "ls /var/cache/zypp/raw 2>/dev/null | wc -l"), "0");
    lab.on("h3", "sed -i s,/srv/repo/core,/srv/gone, /etc/pacman.conf");
    scan(&["--refresh", "h3"]).must(7);
}

#[test]
fn without_rights_what_cannot_be_seen_is_unknown() {
    let Some(lab) = Lab::up(1, "") else { return };
    lab.on("h1", "apt-get update");
    let jump = Patchwave::new(&lab, "all: { hosts: { h1: { ansible_user: ops } } }", "steps: [ pause: 1s ]\n");
    let words = |more: &[&str]| -> Vec<String> {
        let mine = lab.folder().join("jump/inventories/test.yml");
        let files = [lab.state().join("inventory.yml"), mine].map(|path| path.display().to_string());
        let trust = lab.state().join("known_hosts").display().to_string();
        let all = ["scan", "-i", &files[0], "-i", &files[1], "--known-hosts", &trust];
        all.iter().chain(more).map(|word| (*word).to_owned()).collect()
    };
    let call = |words: Vec<String>| jump.call(&words.iter().map(String::as_str).collect::<Vec<_>>());
    call(words(&[])).must(8);
    let services = || {
        let facts = objects(&jump.call(&["facts", "h1", "--json"]).must(0).out);
        facts[0]["details"]["stale_services"].clone()
    };
    assert_eq!(services(), Value::Null);
    call(words(&["--become"])).must(8);
    assert!(services().is_array());
}
