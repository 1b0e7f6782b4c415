//! `scan`, `facts` and `assets` as an operator runs them, on the embedded fleet.

use patchwave::demo::Fault;
use serde_json::Value;

use crate::support::{
    case::{Case, Site},
    cli::Said,
};

fn objects(said: &Said) -> Vec<Value> {
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_fleet_is_one_table_and_a_host_is_one_page() {
    let site = Case::hosts(4).broken("web003.test", Fault::Refuses).site();
    site.run("scan -i inv.yml").ended(5).says(&[
        "security",
        "oldest",
        "web[001-002,004].test (3)",
        "web003.test: unreachable",
        "4 hosts: 3 answered, 1 did not, updates are pending on 3",
    ]);
    let one = site.run("scan -i inv.yml web001.test").ended(8);
    one.says(&["Debian GNU/Linux 12 (bookworm)", "openssl", "yes", "1 host: 1 answered, updates are pending on 1"]);
    // Nothing was left on a host, and no run was recorded.
    assert_eq!(site.on("web001.test", "var/lib/patchwave/lease"), "");
    assert!(site.run("runs").ended(0).out.contains("no run has been recorded yet"));
    site.run("ledger verify").ended(0).says(&["5 records of scans and imports: head "]);
}

#[test]
fn filters_decide_what_is_shown_and_the_exit_code() {
    let site = Case::hosts(1).site();
    let names = |line: &str, code: u8| -> Vec<String> {
        let said = site.run(line).ended(code);
        let objects = objects(&said);
        objects[0]["updates"].as_array().unwrap().iter().map(|u| u["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = names("scan -i inv.yml --json", 8);
    let security = names("scan -i inv.yml --json --security", 8);
    assert!(all.len() > security.len() && security.contains(&"openssl".to_owned()), "{all:?} {security:?}");
    assert_eq!(names("scan -i inv.yml --json --package openssl", 8), ["openssl"]);
    assert_eq!(names("scan -i inv.yml --json --package nothing", 0), [""; 0]);
    let nothing = site.run("scan -i inv.yml --package nothing").ended(0);
    nothing.says(&["no update is pending"]);
    site.run("scan -i inv.yml --cve CVE-26-1").ended(2).says(&["like CVE-2026-1234"]);
}

#[test]
fn the_second_scan_knows_the_first_one() {
    let site = Case::hosts(2).site();
    site.run("scan -i inv.yml --diff").ended(8).says(&["there is no earlier scan to compare with"]);
    let since = objects(&site.run("scan -i inv.yml --json").ended(8))[0]["updates"][0]["since"].clone();
    assert!(since.is_string(), "{since}");
    site.run("run play.yml -i inv.yml --limit web001.test --yes").ended(0);
    let diff = site.run("scan -i inv.yml --diff --security");
    diff.says(&["web001.test (1 host):", "- openssl", "web002.test (1 host):\n  no change"]);
    let database = rusqlite::Connection::open(site.folder().join("state/ledger.db")).unwrap();
    database.execute("DELETE FROM scanned_hosts", []).unwrap();
    site.run("ledger rebuild").ended(0);
    let later = objects(&site.run("scan -i inv.yml --json web002.test").ended(8));
    assert_eq!(later[0]["updates"][0]["since"], since);
    site.run("ledger verify").ended(0);
}

#[test]
fn facts_are_read_from_the_ledger_and_an_unknown_host_is_an_error() {
    let site = Case::hosts(2).systemd().site();
    site.run("facts").ended(0).says(&["no host has been scanned yet"]);
    site.run("scan -i inv.yml").ended(8);
    site.run("facts").ended(0).says(&["web001.test", "web002.test", "debian 12", "6.1.0-40-amd64"]);
    let page = site.run("facts web001.test").ended(0);
    let page =
        page.says(&["kernel            6.1.0-40-amd64", "booted", "reboot needed     no", "package manager   apt"]);
    // What the host does not say is not known.
    page.says(&["hardware          x86_64", "disks             not known"]);
    let json = &objects(&site.run("facts web001.test --json").ended(0))[0];
    assert_eq!((&json["host"], &json["manager"]), (&"web001.test".into(), &"apt".into()));
    assert_eq!(json["details"]["disks"], Value::Null);
    assert!(site.run("facts --csv").ended(0).out.starts_with("host,scanned_at,"));
    site.run("facts web009.test").ended(2).says(&["no scan of \"web009.test\"", "scan -i INVENTORY web009.test"]);
}

#[test]
fn assets_compare_the_inventory_with_the_scans() {
    let site = Case::hosts(3).broken("web003.test", Fault::Refuses).site();
    let two = std::fs::read_to_string(site.folder().join("inv.yml")).unwrap();
    site.run("assets -i inv.yml").ended(0).says(&["web[001-003].test (3)", "never scanned"]);
    site.run("scan -i inv.yml").ended(5);
    site.run("assets -i inv.yml").ended(0).says(&["new", "web003.test", "never scanned, no answer"]);
    // Another machine under the same name, and a host that is no longer listed.
    site.write("inv.yml", &two.replace("web002.test", "web009.test"));
    let said = site.run("assets -i inv.yml --json").ended(0);
    let marks = |name: &str| objects(&said).into_iter().find(|row| row["host"] == name).unwrap()["marks"].clone();
    assert!(marks("web002.test").as_array().unwrap().contains(&"gone".into()));
    assert!(marks("web009.test").as_array().unwrap().contains(&"never_scanned".into()));
    assert!(site.run("assets -i inv.yml --csv").ended(0).out.lines().count() == 5);
}

#[test]
fn what_a_host_does_not_say_is_unknown_and_not_none() {
    let site = Case::hosts(1).site();
    std::fs::write(site.host().folder().join("etc/os-release"), "ID=other\nPRETTY_NAME=Other\n").unwrap();
    std::fs::write(site.host().folder().join("sim/installed"), "").unwrap();
    let said = site.run("scan -i inv.yml").ended(7);
    said.says(&["web001.test: updates unknown", "web001.test: packages unknown"]);
    let json = &objects(&site.run("scan -i inv.yml --json").ended(7))[0];
    assert_eq!(json["updates"], Value::Null);
}

#[test]
fn a_host_without_package_lists_does_not_know_what_is_pending() {
    let site = Case::hosts(1).site();
    site.run("run play.yml -i inv.yml --yes").ended(0);
    let folder = site.host().folder().join("var/lib/apt/lists");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    let available = site.host().folder().join("sim/available");
    // What is installed is the newest that any list has.
    let installed = site.on("web001.test", "sim/installed");
    let rows = installed.lines().map(|line| line.split('\t').take(3).collect::<Vec<_>>().join("\t") + "\tmain\t-\n");
    std::fs::write(available, rows.collect::<String>()).unwrap();
    site.run("scan -i inv.yml")
        .ended(7)
        .says(&["updates unknown: the host has no package lists; --refresh fetches them"]);
}

#[test]
fn lists_are_only_fetched_when_that_is_asked_for() {
    let site = Case::hosts(1).broken("web001.test", Fault::LockHeld).site();
    site.run("scan -i inv.yml").ended(8);
    let said = site.run("scan -i inv.yml --refresh").ended(7);
    said.says(&["web001.test: refresh unknown"]);
}

/// Two hosts, and a tracker's file about what they have.
fn tracked() -> Site {
    let site = Case::hosts(2).site();
    let entry =
        |fixed: &str| format!(r#"{{"releases":{{"bookworm":{{"status":"resolved","fixed_version":"{fixed}"}}}}}}"#);
    let text = format!(
        r#"{{"openssl":{{"CVE-2026-0001":{},"CVE-2026-0002":{}}},"nothing":{{"CVE-2026-0003":{}}}}}"#,
        entry("3.0.17-1~deb12u3"),
        entry("3.0.1-1"),
        entry("1.0")
    );
    site.write("tracker.json", &text);
    site
}

#[test]
fn a_cve_is_missing_until_its_fix_is_installed_and_unknown_without_data() {
    let site = tracked();
    let file = site.folder().join("tracker.json").display().to_string();
    site.run("cve CVE-2026-0001").ended(2).says(&["no host was scanned yet"]);
    site.run("scan -i inv.yml").ended(8);
    site.run("cve CVE-2026-0001").ended(7).says(&["unknown", "no advisories were imported", "2 unknown"]);
    site.run("advisories list").ended(0).says(&["no advisories were imported"]);
    site.run(&format!("advisories import {file}")).ended(0).says(&["tracker.json: security tracker, 3 problems"]);
    site.run("advisories list").ended(0).says(&["tracker.json", "security tracker", "now"]);
    site.run("cve CVE-2026-0001").ended(8).says(&["web[001-002].test (2)", "missing", "2 hosts: 2 missing"]);
    site.run("cve CVE-2026-0002").ended(0).says(&["2 hosts: 2 fixed"]);
    site.run("cve CVE-2026-0003").ended(0).says(&["nothing of nothing is installed", "2 not affected"]);
    site.run("cve CVE-2026-0004").ended(7).says(&["no imported advisory speaks about it", "2 unknown"]);
    // That no update fixes it says nothing as long as nobody says what would.
    site.run("scan -i inv.yml --cve CVE-2026-0004").ended(7).says(&["whether it is fixed is not known"]);
    site.run("scan -i inv.yml --cve CVE-2026-0002").ended(0);
    let one = site.run("scan -i inv.yml --json --cve CVE-2026-0001 web001.test").ended(8);
    let updates = objects(&one)[0]["updates"].clone();
    assert!(updates.as_array().unwrap().iter().any(|update| update["name"] == "openssl"), "{updates}");
    site.run("run play.yml -i inv.yml --limit web001.test --yes").ended(0);
    site.run("scan -i inv.yml").ended(8);
    site.run("cve CVE-2026-0001").ended(8).says(&["web001.test", "fixed", "1 missing, 1 fixed"]);
    site.run("ledger verify").ended(0);
}

#[test]
fn a_file_that_is_not_a_feed_is_refused() {
    let site = Case::hosts(1).site();
    for text in ["", "{}", "[1]", "\u{feff}{}"] {
        let file = site.write("feed.json", text).display().to_string();
        site.run(&format!("advisories import {file}")).ended(2).says(&["feed.json"]);
    }
    site.run("advisories import /dev/zero").ended(2);
    site.run("advisories list").ended(0).says(&["no advisories were imported"]);
}
