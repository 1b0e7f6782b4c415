//! A run uses what was agreed to, and only there: the texts of scripts, hooks and files; variables; the machine behind
//! a name; a record by another version of patchwave.

use std::{fs, path::Path};

use patchwave::event::{Event, Kind, Machine, Outcome, Verdict};
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{
    case::{Case, Site},
    cli::Desk,
};

const STEPS: &str = "name: Texts
vars: { file: motd }
steps:
  - command: echo begun >>$PATCHWAVE_ROOT/begun; while ! [ -e $PATCHWAVE_ROOT/go ]; do sleep 0.05; done
  - script: scripts/mark
  - copy: { src: \"files/{{ file }}\", dest: /motd }
  - drain: hooks/drain
  - undrain: sh hooks/tell
";

/// One host after the other. The first step waits for a file on the host.
fn site(hosts: usize) -> Site {
    let site = Case::hosts(hosts).one_by_one().play(STEPS).site();
    texts(&site, "v1");
    site
}

fn texts(desk: &Desk, version: &str) {
    let here = desk.folder().join("seen");
    for file in ["drain", "tell"] {
        desk.program(&format!("hooks/{file}"), &format!("#!/bin/sh\necho {file} {version} >>{}\n", here.display()));
    }
    desk.write("scripts/mark", &format!("echo {version} >>$PATCHWAVE_ROOT/mark\n"));
    desk.write("files/motd", &format!("{version}\n"));
}

fn go(site: &Site) {
    site.fleet.hosts().for_each(|host| fs::write(host.folder().join("go"), "").unwrap());
}

fn begun(site: &Site) -> impl Fn(&[Event]) -> bool {
    |_| site.lines("begun") > 0
}

/// Starts a run of some hosts, and kills it during the first step.
fn killed(hosts: usize) -> (Site, String) {
    let site = site(hosts);
    let run = site.killed("run play.yml -i inv.yml", "a step that works", begun(&site));
    (site, run)
}

#[test]
fn another_text_is_refused_by_resume_and_accepted_by_name() {
    let (site, run) = killed(2);
    texts(&site, "v2");
    go(&site);
    insta::assert_snapshot!(site.run("resume --yes").page(), @r#"
    exit code 3
    -- stderr
    error: the text of files/motd, hooks/drain, hooks/tell, scripts/mark has changed, so this is not the plan any more that the run was started with
    help: put the files back; or say --accept-changed-plan: the recorded steps are carried out, with the variables and the texts of now; or start a new run with --limit @unfinished
    "#);
    texts(&site, "v1");
    fs::remove_file(site.folder().join("hooks/tell")).unwrap();
    site.run("resume --yes").ended(3).says(&["hooks/tell can no longer be read"]);
    texts(&site, "v2");
    site.run("resume --yes --accept-changed-plan").ended(0).says(&["2 ok"]);
    for host in ["web001.test", "web002.test"] {
        assert_eq!((site.on(host, "mark"), site.on(host, "motd")), ("v2\n".into(), "v2\n".into()));
    }
    let seen = fs::read_to_string(site.folder().join("seen")).unwrap();
    assert_eq!(seen, "drain v2\ntell v2\n".repeat(2));
    let (accepted, files) = site.fact(&run, |kind| match kind {
        Kind::RunResumed(resumed) => Some((resumed.accepted.unwrap(), resumed.files)),
        _ => None,
    });
    assert_eq!(accepted, "the text of files/motd, hooks/drain, hooks/tell, scripts/mark has changed");
    let sum: String = Sha256::digest("v2\n").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((files.len(), &files["files/motd"]), (4, &sum));
    let started = site.fact(&run, |kind| if let Kind::RunStarted(started) = kind { Some(started) } else { None });
    assert_eq!(started.plan.pinned.files.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
}

#[test]
fn another_text_in_the_middle_of_a_run_is_not_used() {
    // Both hosts are tried, to see where each of them is stopped.
    let play = format!("{STEPS}rollout: {{ max_failures: 1 }}\n");
    let site = Case::hosts(2).policy("batch: 1, max_failures: 2").play(play).site();
    texts(&site, "v1");
    let plan = site.run("plan play.yml -i inv.yml").ended(0).out;
    let running = site.start("run play.yml -i inv.yml");
    let run = site.until("a step that works", begun(&site));
    texts(&site, "v2");
    go(&site);
    running.end().ended(6).says(&["has changed since the run started"]);
    let failed = site.facts(&run, |kind| match kind {
        Kind::StepFinished { host, step, result } if result.verdict == Verdict::Failed => {
            Some((host.to_string(), step.index, result.class))
        }
        _ => None,
    });
    // The open host stops at the step that needs the file, the other one before anything is done to it.
    let class = || "file-changed".to_owned();
    assert_eq!(failed, [("web001.test".to_owned(), 1, class()), ("web002.test".to_owned(), 0, class())]);
    assert_eq!((site.on("web001.test", "mark"), site.on("web002.test", "begun")), Default::default());
    assert!(!site.folder().join("seen").exists(), "no hook of either text ran");
    // This is a different plan.
    assert_ne!(plan, site.run("plan play.yml -i inv.yml").ended(0).out);
}

#[test]
fn a_changed_variable_is_named_with_its_host_and_a_secret_one_shows_no_value() {
    let (site, _) = killed(2);
    let inventory = fs::read_to_string(site.folder().join("inv.yml")).unwrap();
    let of_web002 = inventory.lines().find(|line| line.contains("web002.test")).unwrap().to_owned();
    let (other, brace) = (of_web002.replacen("ansible_port: ", "ansible_port: 1", 1), of_web002.contains('{'));
    assert!(other != of_web002 && brace, "{of_web002}");
    site.write("inv.yml", &inventory.replace(&of_web002, &other));
    site.run("resume --yes")
        .ended(3)
        .says(&["the variable ansible_port has changed on web002.test, so this is not the plan"]);
    let secret = of_web002.replacen('{', "{ db_secret: hunter2, ", 1);
    site.write("inv.yml", &inventory.replace(&of_web002, &secret));
    let said = site.run("resume --yes").ended(3).never_says(&["hunter2"]);
    said.says(&["the variable db_secret has changed on web002.test"]);
}

#[test]
fn an_open_host_that_is_another_machine_now_is_unknown_and_nothing_is_sent_there() {
    let site = site(2);
    let run = site.killed("run play.yml -i inv.yml --limit web001.test", "a step that works", begun(&site));
    let noted = site.fact(&run, |kind| match kind {
        Kind::StepNoted { key, value, .. } if key == "machine" => serde_json::from_value::<Machine>(value).ok(),
        _ => None,
    });
    assert!(noted.key.unwrap().starts_with("SHA256:"));
    go(&site);
    // The inventory now says that web001 is where web002 is; its key is known there.
    let inventory = fs::read_to_string(site.folder().join("inv.yml")).unwrap();
    let port = |name: &str| {
        let line = inventory.lines().find(|line| line.contains(name)).unwrap();
        line.split("ansible_port: ").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    site.write("inv.yml", &inventory.replace(&port("web001.test"), &port("web002.test")));
    site.run("resume --yes").ended(3).says(&["the variable ansible_port has changed on web001.test"]);
    let resumed = site.run("resume --yes --accept-changed-plan").ended(7);
    resumed.says(&["another machine answers at 127.0.0.1", "nothing was sent to it"]);
    let outcome = |kind| if let Kind::HostFinished { outcome, .. } = kind { Some(outcome) } else { None };
    assert_eq!(site.fact(&run, outcome), Outcome::Unknown);
    let result = site.fact(&run, |kind| if let Kind::StepFinished { result, .. } = kind { Some(result) } else { None });
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Unknown, "other-machine"));
    for file in ["begun", "mark", "motd"] {
        assert_eq!(site.on("web002.test", file), "", "{file}");
    }
    assert_eq!(site.on("web001.test", "begun"), "begun\n");
}

#[test]
fn an_address_that_became_that_of_another_host_of_the_run_is_refused() {
    let (site, _) = killed(2);
    let inventory = fs::read_to_string(site.folder().join("inv.yml")).unwrap();
    let line = |name: &str| inventory.lines().find(|line| line.contains(name)).unwrap();
    let moved = line("web001.test").replace("web001.test", "web002.test");
    site.write("inv.yml", &inventory.replace(line("web002.test"), &moved));
    site.run("resume --yes --accept-changed-plan").ended(2).says(&["web[001-002].test are the same machine"]);
}

/// Rewrites the events of the only run, with their hashes, as another program would have written them.
fn rewrite(desk: &Desk, change: impl Fn(u64, &mut Value)) {
    let db = Connection::open(desk.folder().join("state/ledger.db")).unwrap();
    let run: String = db.query_row("SELECT run FROM runs", [], |row| row.get(0)).unwrap();
    let mut head: [u8; 32] = Sha256::digest(&run).into();
    let rows: Vec<(u64, String, String)> = db
        .prepare("SELECT seq, at, kind FROM events ORDER BY seq")
        .unwrap()
        .query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (seq, at, kind) in rows {
        let mut kind: Value = serde_json::from_str(&kind).unwrap();
        change(seq, &mut kind);
        let kind = kind.to_string();
        let mut hasher = Sha256::new();
        hasher.update(head);
        hasher.update(seq.to_be_bytes());
        hasher.update(format!("{at}\0{kind}"));
        head = hasher.finalize().into();
        db.execute("UPDATE events SET kind = ?, hash = ? WHERE seq = ?", (kind, head, seq as i64)).unwrap();
    }
    db.execute("UPDATE runs SET head = ?", [head]).unwrap();
}

fn ledger_bytes(path: &Path) -> Vec<u8> {
    fs::read(path.join("ledger.db")).unwrap()
}

#[test]
fn a_record_of_an_older_patchwave_is_resumed_and_held_to_the_texts_of_now() {
    let (site, run) = killed(2);
    rewrite(&site, |_, kind| {
        if kind["event"] == "run_started" {
            kind["version"] = "0.0.1".into();
            kind.as_object_mut().unwrap().remove("person");
            kind["operator"] = "whoever".into();
            kind["plan"].as_object_mut().unwrap().remove("agreed");
        }
        // The older version knew nothing about machines.
        if kind["key"] == "machine" {
            kind["key"] = "nothing".into();
        }
    });
    texts(&site, "v2");
    go(&site);
    let said = site.run("resume --yes").ended(0).says(&["2 ok", "was last run by patchwave 0.0.1; it goes on with"]);
    assert_eq!(site.on("web002.test", "mark"), "v2\n", "{}", said.page());
    let files = site.fact(&run, |kind| if let Kind::RunResumed(resumed) = kind { Some(resumed.files) } else { None });
    assert_eq!(files.len(), 4, "from here on it has sums");
    site.run("ledger verify").ended(0);
}

#[test]
fn a_record_of_a_newer_patchwave_is_shown_whole_and_not_resumed_cut_or_called_damaged() {
    let (site, run) = killed(1);
    let count = site.events(&run).len() as u64;
    // It is only a key that this version does not know. The run can be read, but its meaning is unknown.
    rewrite(&site, |_, kind| {
        if kind["event"] == "run_started" {
            kind["version"] = "99.1.0".into();
            kind["never_at_night"] = true.into();
        }
    });
    site.run("status").ended(site.run("status").code);
    site.run("resume --yes").ended(3).says(&["was last run by patchwave 99.1.0", "resume it with that patchwave"]);
    site.run("ledger verify").ended(0);
    let shown = site.run(&format!("show {run} --json")).ended(0).out;
    assert!(shown.contains("\"never_at_night\":true"), "nothing of it is lost: {shown}");
    // An event of a kind that this version does not know.
    rewrite(&site, |seq, kind| {
        if seq == count {
            kind["event"] = "host_paused".into();
        }
    });
    let state = site.folder().join("state");
    drop(Connection::open(state.join("ledger.db")).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    let before = ledger_bytes(&state);
    let said = format!("was recorded by patchwave 99.1.0, this is {}", env!("CARGO_PKG_VERSION"));
    for line in ["resume", "show", "status", "ledger verify", "ledger salvage", "report"] {
        let line = if line == "report" { format!("report {run}") } else { line.to_owned() };
        site.run(&line).ended(3).says(&[&said, &format!("event {count} cannot be read"), "the record is fine"]);
    }
    let shown = site.run(&format!("show {run} --json")).ended(0).out;
    assert_eq!((shown.lines().count() as u64, shown.contains("host_paused")), (count, true));
    // The other runs are still listed.
    fs::write(site.host().folder().join("go"), "").unwrap();
    site.run("run play.yml -i inv.yml --check").ended(0);
    site.run("runs").ended(0).says(&["Texts", &said]);
    let rows = site.run("runs --json").ended(0).out;
    let rows: Vec<serde_json::Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), rows[0].get("error"), &rows[1]["run"]), (2, None, &run.as_str().into()), "{rows:?}");
    assert!(rows[1]["error"].as_str().unwrap().contains(&said), "{rows:?}");
    site.run("ledger salvage").ended(3).says(&[&said]);
    assert_eq!(before.len(), before.len().min(ledger_bytes(&state).len()), "the file is as it was, with one more run");
}
