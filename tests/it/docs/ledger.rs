//! docs/ledger.md against a real ledger: its schema, its files, its events, its queries.

use std::collections::{BTreeMap, BTreeSet};

use patchwave::{demo::Fault, event::Kind};
use rusqlite::Connection;
use serde_json::Value;

use super::page;
use crate::support::{
    case::{Case, Site},
    cli::PLAYBOOK,
};

const PAGE: &str = "docs/ledger.md";

fn queries(start: &str) -> Vec<String> {
    let blocks = page::blocks("sql").into_iter().filter(|block| block.page.ends_with(PAGE));
    blocks.filter(|block| block.text.starts_with(start)).map(|block| block.text).collect()
}

/// Two hosts that are patched after an approval; the second one fails.
fn site() -> (Site, String) {
    let gate = PLAYBOOK.replace("hosts: all\n", "hosts: all\nrollout: { gate: [ { command: 'true' } ] }\n");
    let site = Case::hosts(2)
        .play(gate)
        .policy("batch: 1, approve: before")
        .broken("web002.test", Fault::PostinstFails { package: "openssl".to_owned() })
        .site();
    let running = site.start("run play.yml -i inv.yml --yes");
    let run = site.until("the start", |events| !events.is_empty());
    site.run(&format!("approve {run}")).ended(0);
    running.end().ended(6);
    (site, run)
}

fn database(site: &Site) -> Connection {
    Connection::open(site.folder().join("state/ledger.db")).unwrap()
}

/// Statements without comments, each on one line.
fn statements(sql: &str) -> BTreeSet<String> {
    let bare: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap()).collect();
    let words = |one: &str| one.split_whitespace().collect::<Vec<_>>().join(" ");
    bare.join("\n").split(';').map(words).filter(|one| !one.is_empty()).collect()
}

#[test]
fn schema_files_events_and_queries() {
    let (site, run) = site();
    let db = database(&site);

    let documented: BTreeSet<String> = queries("CREATE").iter().flat_map(|block| statements(block)).collect();
    let mut select = db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").unwrap();
    let real: Vec<String> = select.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(documented, real.iter().flat_map(|sql| statements(sql)).collect(), "{PAGE} has another schema");
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let text = page::text(&page::root().join(PAGE));
    assert!(text.contains(&format!("`PRAGMA user_version` is {version}.")), "the schema is {version}");

    let files = page::blocks("text").into_iter().find(|block| block.text.starts_with("ledger.db ")).unwrap();
    for line in files.text.lines() {
        let file = line.split_whitespace().next().unwrap();
        let file = file.replace("20261122-020003-kxfa", &run).replace("web1", "web001.test");
        let there = site.folder().join("state").join(&file).exists();
        // Only until all hosts are done.
        assert_eq!(there, !file.ends_with("programs/"), "{}: {file}", files.place());
    }

    let questions = queries("SELECT");
    assert_eq!(questions.len(), 3, "each question has its assertion here");
    let answer = |sql: &str| -> Vec<Vec<String>> {
        let mut statement = db.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns).map(|n| Ok(row.get_ref(n)?.as_str().map_or_else(|_| "-".to_owned(), str::to_owned))).collect()
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(answer(&questions[0])[0][0], "web002.test");
    let reached = answer(&questions[1]);
    assert!(reached.iter().any(|row| row[1] == "web001.test" && row[2].starts_with('3')), "{reached:?}");
    let people = answer(&questions[2]);
    assert!(people.iter().any(|row| row[0] == run && row[2] == "approved" && row[3].contains('@')), "{people:?}");
}

/// The keys of each event in the table.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let rows = page::table(PAGE, "event");
    let keys =
        |row: &[String]| page::quoted(&row[1]).into_iter().chain(page::quoted(&row[2])).map(str::to_owned).collect();
    rows.iter().map(|row| (row[0].trim_matches('`').to_owned(), keys(row))).collect()
}

#[test]
fn every_event_and_every_key_is_in_the_table() {
    let documented = documented();
    // An unknown event lists those that there are.
    let unknown = serde_json::from_str::<Kind>(r#"{"event":"x"}"#).unwrap_err().to_string();
    let kinds: BTreeSet<String> = page::quoted(&unknown).into_iter().skip(1).map(str::to_owned).collect();
    assert_eq!(
        documented.keys().cloned().collect::<BTreeSet<_>>(),
        kinds,
        "{PAGE} does not have the events that there are"
    );

    let (site, run) = site();
    let lines = site.run(&format!("show {run} --json")).ended(0).out;
    let mut seen = BTreeSet::new();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let name = event["event"].as_str().unwrap();
        let known = &documented[name];
        let result = event["result"].as_object().into_iter().flatten();
        for (key, _) in event.as_object().unwrap().iter().chain(result) {
            seen.insert(format!("{name}.{key}"));
            assert!(
                ["event", "seq", "at"].contains(&key.as_str()) || known.contains(key),
                "{PAGE}: `{name}` has no `{key}`: {known:?}"
            );
        }
    }
    assert!(seen.len() > 30, "{seen:?}");
}
