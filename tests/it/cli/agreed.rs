//! What was agreed to is what runs, where it was agreed: texts of scripts, hooks and files; variables; the machine
//! behind a name; a record by another patchwave.

use std::{fs, path::Path};

use patchwave::{
    demo::{Fleet, FleetSpec},
    event::{Event, Kind, Machine, Outcome, Verdict},
};
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::cli::Desk;

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
fn desk(fleet: &Fleet) -> Desk {
    let desk = Desk::of(fleet);
    desk.write("inv.yml", &fleet.inventory().replace("canary: 1, batch: [50%, 100%]", "batch: 1"));
    desk.write("play.yml", STEPS);
    texts(&desk, "v1");
    desk
}

fn texts(desk: &Desk, version: &str) {
    let here = desk.folder().join("seen");
    for file in ["drain", "tell"] {
        desk.program(&format!("hooks/{file}"), &format!("#!/bin/sh\necho {file} {version} >>{}\n", here.display()));
    }
    desk.write("scripts/mark", &format!("echo {version} >>$PATCHWAVE_ROOT/mark\n"));
    desk.write("files/motd", &format!("{version}\n"));
}

fn on_host(fleet: &Fleet, name: &str, file: &str) -> String {
    let host = fleet.hosts().find(|host| host.name() == name).unwrap();
    fs::read_to_string(host.folder().join(file)).unwrap_or_default()
}

fn go(fleet: &Fleet) {
    fleet.hosts().for_each(|host| fs::write(host.folder().join("go"), "").unwrap());
}

fn begun(fleet: &Fleet) -> impl Fn(&[Event]) -> bool {
    |_| fleet.hosts().any(|host| host.folder().join("begun").exists())
}

fn kill_when_begun(desk: &Desk, fleet: &Fleet, line: &str) -> String {
    let running = desk.start(line);
    let run = desk.until("a step that works", begun(fleet));
    running.signal(Signal::KILL);
    running.end().ended(128 + 9);
    run
}

#[test]
fn another_text_is_refused_by_resume_and_accepted_by_name() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet);
    let run = kill_when_begun(&desk, &fleet, "run play.yml -i inv.yml");
    texts(&desk, "v2");
    go(&fleet);
    insta::assert_snapshot!(desk.run("resume").page(), @r#"
    exit code 3
    -- stderr
    error: the text of files/motd, hooks/drain, hooks/tell, scripts/mark has changed, so this is not the plan any more that the run was started with
    help: put the files back; or say --accept-changed-plan: the recorded steps are carried out, with the variables and the texts of now; or start a new run with --limit @unfinished
    "#);
    texts(&desk, "v1");
    fs::remove_file(desk.folder().join("hooks/tell")).unwrap();
    desk.run("resume").ended(3).says(&["hooks/tell cannot be read any more"]);
    texts(&desk, "v2");
    desk.run("resume --accept-changed-plan").ended(0).says(&["2 ok"]);
    for host in ["web001.test", "web002.test"] {
        assert_eq!((on_host(&fleet, host, "mark"), on_host(&fleet, host, "motd")), ("v2\n".into(), "v2\n".into()));
    }
    let seen = fs::read_to_string(desk.folder().join("seen")).unwrap();
    assert_eq!(seen, "drain v2\ntell v2\n".repeat(2));
    let events = desk.events(&run);
    let resumed = events.iter().find_map(|event| match &event.kind {
        Kind::RunResumed(resumed) => Some((resumed.accepted.clone().unwrap(), resumed.files.clone())),
        _ => None,
    });
    let (accepted, files) = resumed.unwrap();
    assert_eq!(accepted, "the text of files/motd, hooks/drain, hooks/tell, scripts/mark has changed");
    let sum: String = Sha256::digest("v2\n").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((files.len(), &files["files/motd"]), (4, &sum));
    let Kind::RunStarted(started) = &events[0].kind else { panic!("{:?}", events[0]) };
    assert_eq!(started.plan.agreed.files.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
}

#[test]
fn another_text_in_the_middle_of_a_run_is_not_used() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet);
    // Both hosts are to be tried, to see where each of them is stopped.
    desk.write("play.yml", &format!("{STEPS}rollout: {{ max_failures: 1 }}\n"));
    let inventory = fleet.inventory().replace("canary: 1, batch: [50%, 100%]", "batch: 1, max_failures: 2");
    desk.write("inv.yml", &inventory);
    let plan = desk.run("plan play.yml -i inv.yml").ended(0).out;
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("a step that works", begun(&fleet));
    texts(&desk, "v2");
    go(&fleet);
    running.end().ended(6).says(&["is not the text that the run was agreed with"]);
    let events = desk.events(&run);
    let failed: Vec<(String, usize, String)> = events
        .iter()
        .filter_map(|event| match &event.kind {
            Kind::StepFinished { host, step, result } if result.verdict == Verdict::Failed => {
                Some((host.to_string(), step.index, result.class.clone()))
            }
            _ => None,
        })
        .collect();
    // The one in the middle at the step that needs it, the other one before anything was done to it.
    let class = || "file-changed".to_owned();
    assert_eq!(failed, [("web001.test".to_owned(), 1, class()), ("web002.test".to_owned(), 0, class())]);
    assert_eq!((on_host(&fleet, "web001.test", "mark"), on_host(&fleet, "web002.test", "begun")), Default::default());
    assert!(!desk.folder().join("seen").exists(), "no hook of either text ran");
    // It is another plan.
    assert_ne!(plan, desk.run("plan play.yml -i inv.yml").ended(0).out);
}

#[test]
fn a_changed_variable_is_named_with_its_host_and_a_secret_one_shows_no_value() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet);
    kill_when_begun(&desk, &fleet, "run play.yml -i inv.yml");
    let inventory = fs::read_to_string(desk.folder().join("inv.yml")).unwrap();
    let of_web002 = inventory.lines().find(|line| line.contains("web002.test")).unwrap().to_owned();
    let (other, brace) = (of_web002.replacen("ansible_port: ", "ansible_port: 1", 1), of_web002.contains('{'));
    assert!(other != of_web002 && brace, "{of_web002}");
    desk.write("inv.yml", &inventory.replace(&of_web002, &other));
    desk.run("resume")
        .ended(3)
        .says(&["the variable ansible_port has changed on web002.test, so this is not the plan"]);
    let secret = of_web002.replacen('{', "{ db_secret: hunter2, ", 1);
    desk.write("inv.yml", &inventory.replace(&of_web002, &secret));
    let said = desk.run("resume").ended(3).says(&["the variable db_secret has changed on web002.test"]);
    assert!(!said.page().contains("hunter2"));
}

#[test]
fn an_open_host_that_is_another_machine_now_is_unknown_and_nothing_is_sent_there() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet);
    let run = kill_when_begun(&desk, &fleet, "run play.yml -i inv.yml --limit web001.test");
    let noted = desk.events(&run).into_iter().find_map(|event| match event.kind {
        Kind::StepNoted { key, value, .. } if key == "machine" => serde_json::from_value::<Machine>(value).ok(),
        _ => None,
    });
    assert!(noted.unwrap().key.unwrap().starts_with("SHA256:"));
    go(&fleet);
    // The inventory says now that web001 is where web002 is; its key is known there.
    let inventory = fs::read_to_string(desk.folder().join("inv.yml")).unwrap();
    let port = |name: &str| {
        let line = inventory.lines().find(|line| line.contains(name)).unwrap();
        line.split("ansible_port: ").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    desk.write("inv.yml", &inventory.replace(&port("web001.test"), &port("web002.test")));
    desk.run("resume").ended(3).says(&["the variable ansible_port has changed on web001.test"]);
    let said = desk.run("resume --accept-changed-plan").ended(7);
    said.says(&["another machine answers at 127.0.0.1", "nothing was sent to it"]);
    let events = desk.events(&run);
    let outcome = events.iter().find_map(|event| match &event.kind {
        Kind::HostFinished { outcome, .. } => Some(*outcome),
        _ => None,
    });
    assert_eq!(outcome, Some(Outcome::Unknown));
    let class = events.iter().find_map(|event| match &event.kind {
        Kind::StepFinished { result, .. } => Some((result.verdict, result.class.clone())),
        _ => None,
    });
    assert_eq!(class, Some((Verdict::Unknown, "other-machine".to_owned())));
    for file in ["begun", "mark", "motd"] {
        assert_eq!(on_host(&fleet, "web002.test", file), "", "{file}");
    }
    assert_eq!(on_host(&fleet, "web001.test", "begun"), "begun\n");
}

#[test]
fn an_address_that_became_that_of_another_host_of_the_run_is_refused() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet);
    kill_when_begun(&desk, &fleet, "run play.yml -i inv.yml");
    let inventory = fs::read_to_string(desk.folder().join("inv.yml")).unwrap();
    let line = |name: &str| inventory.lines().find(|line| line.contains(name)).unwrap();
    let moved = line("web001.test").replace("web001.test", "web002.test");
    desk.write("inv.yml", &inventory.replace(line("web002.test"), &moved));
    desk.run("resume --accept-changed-plan").ended(2).says(&["web[001-002].test are one machine"]);
}

/// Writes the events of the only run anew, with their hashes, as another program would have written them.
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
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet);
    let run = kill_when_begun(&desk, &fleet, "run play.yml -i inv.yml");
    rewrite(&desk, |_, kind| {
        if kind["event"] == "run_started" {
            kind["version"] = "0.0.1".into();
            kind.as_object_mut().unwrap().remove("person");
            kind["operator"] = "whoever".into();
            kind["plan"].as_object_mut().unwrap().remove("agreed");
        }
        // It knew nothing of machines.
        if kind["key"] == "machine" {
            kind["key"] = "nothing".into();
        }
    });
    texts(&desk, "v2");
    go(&fleet);
    let said = desk.run("resume").ended(0).says(&["2 ok", "was last run by patchwave 0.0.1; it goes on with"]);
    assert_eq!(on_host(&fleet, "web002.test", "mark"), "v2\n", "{}", said.page());
    let files = desk.events(&run).into_iter().find_map(|event| match event.kind {
        Kind::RunResumed(resumed) => Some(resumed.files),
        _ => None,
    });
    assert_eq!(files.unwrap().len(), 4, "from here on it has sums");
    desk.run("ledger verify").ended(0);
}

#[test]
fn a_record_of_a_newer_patchwave_is_shown_whole_and_not_resumed_cut_or_called_damaged() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(&fleet);
    let run = kill_when_begun(&desk, &fleet, "run play.yml -i inv.yml");
    let count = desk.events(&run).len() as u64;
    // Only a key that is not known here: it is read, but who may say what it asks for?
    rewrite(&desk, |_, kind| {
        if kind["event"] == "run_started" {
            kind["version"] = "99.1.0".into();
            kind["never_at_night"] = true.into();
        }
    });
    desk.run("status").ended(desk.run("status").code);
    desk.run("resume").ended(3).says(&["was last run by patchwave 99.1.0", "resume it with that patchwave"]);
    desk.run("ledger verify").ended(0);
    let shown = desk.run(&format!("show {run} --json")).ended(0).out;
    assert!(shown.contains("\"never_at_night\":true"), "nothing of it is lost: {shown}");
    // An event of a kind that is not known here.
    rewrite(&desk, |seq, kind| {
        if seq == count {
            kind["event"] = "host_paused".into();
        }
    });
    let state = desk.folder().join("state");
    drop(Connection::open(state.join("ledger.db")).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    let before = ledger_bytes(&state);
    let said = format!("was recorded by patchwave 99.1.0, this is {}", env!("CARGO_PKG_VERSION"));
    for line in ["resume", "show", "status", "ledger verify", "ledger salvage", "report"] {
        let line = if line == "report" { format!("report {run}") } else { line.to_owned() };
        desk.run(&line).ended(3).says(&[
            &said,
            &format!("event {count} cannot be read"),
            "nothing is wrong with the record",
        ]);
    }
    let shown = desk.run(&format!("show {run} --json")).ended(0).out;
    assert_eq!((shown.lines().count() as u64, shown.contains("host_paused")), (count, true));
    // The other runs are listed all the same.
    fs::write(fleet.hosts().next().unwrap().folder().join("go"), "").unwrap();
    desk.run("run play.yml -i inv.yml --check").ended(0);
    desk.run("runs").ended(0).says(&["Texts", &said]);
    let rows = desk.run("runs --json").ended(0).out;
    let rows: Vec<serde_json::Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), rows[0].get("error"), &rows[1]["run"]), (2, None, &run.as_str().into()), "{rows:?}");
    assert!(rows[1]["error"].as_str().unwrap().contains(&said), "{rows:?}");
    desk.run("ledger salvage").ended(3).says(&[&said]);
    assert_eq!(before.len(), before.len().min(ledger_bytes(&state).len()), "the file is as it was, with one more run");
}
