//! Checks docs/ledger.md against the ledger.

use std::{fs, path::Path};

use super::tests::{later, with_run};
use crate::event::Kind;

/// The fenced blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block.to_owned()).collect()
}

#[test]
fn the_page_about_the_ledger_shows_the_schema_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/ledger.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, lock) = with_run(folder.path(), 20);
    ledger.append(&lock, &later(2, 20)).unwrap();
    let mut statement =
        ledger.db.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").unwrap();
    let tables: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let blocks = blocks(&page, "sql");
    let shown = squeeze(&blocks[0]);
    assert_eq!(shown, squeeze(&tables.iter().map(|table| format!("{table};\n")).collect::<String>()));
    assert!(blocks.len() > 3, "where are the examples?");
    for query in &blocks[1..] {
        let mut statement = ledger.db.prepare(query).unwrap_or_else(|e| panic!("{e}: {query}"));
        let rows = statement.query_map([], |_| Ok(())).unwrap().map(Result::unwrap).count();
        println!("{rows} rows: {query}");
    }
    // The names that serde lists when it gets an unknown kind.
    let error = serde_json::from_str::<Kind>(r#"{"event": "nothing"}"#).unwrap_err().to_string();
    let kinds: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
    assert!(kinds.len() > 10, "{error}");
    for kind in kinds {
        assert!(page.contains(&format!("| `{kind}`")), "docs/ledger.md has no row for the event `{kind}`");
    }
}
