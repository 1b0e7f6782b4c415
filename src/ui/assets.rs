//! What `assets` prints: hosts by what is worth knowing about them.

use serde_json::{Value, json};

use super::{
    csv,
    scan::{ScanLook, ago, lines_of, table},
    text,
};
use crate::view::{AssetMark, AssetRow, count};

/// A table of hosts with a mark: one line for each set of marks.
pub fn assets_text(rows: &[AssetRow], look: &ScanLook) -> String {
    let mut groups: indexmap::IndexMap<Vec<AssetMark>, Vec<&AssetRow>> = indexmap::IndexMap::new();
    for row in rows {
        groups.entry(row.marks.clone()).or_default().push(row);
    }
    groups.sort_by(|a, _, b, _| (a.is_empty(), a).cmp(&(b.is_empty(), b)));
    if groups.is_empty() {
        return "no host is in the inventory or was scanned\n".to_owned();
    }
    let mut table = table(look.width, &["hosts", "what", "scanned"]);
    for (marks, rows) in groups {
        let words: Vec<&str> = marks.iter().map(|mark| mark.as_str()).collect();
        let words = if words.is_empty() { "in order".to_owned() } else { words.join(", ") };
        let hosts = text::hosts(rows.iter().map(|row| &row.host), usize::from(look.width) / 2);
        let hosts = if rows.len() > 1 { format!("{hosts} ({})", rows.len()) } else { hosts };
        let oldest = rows.iter().filter_map(|row| row.asset.last.as_ref()).map(|(at, _)| *at).min();
        let scanned = oldest.map_or("-".to_owned(), |at| ago(look.now, at));
        table.add_row([hosts, words, scanned]);
    }
    text::keep_whole(&mut table, 2, "12d ago".len(), u16::MAX);
    lines_of(&table)
}

/// How many hosts have each mark, in one line.
pub fn assets_tally(rows: &[AssetRow]) -> String {
    let mut marks: std::collections::BTreeMap<AssetMark, usize> = std::collections::BTreeMap::new();
    rows.iter().flat_map(|row| &row.marks).for_each(|mark| *marks.entry(*mark).or_default() += 1);
    let parts: Vec<String> = marks.iter().map(|(mark, n)| format!("{n} {}", mark.as_str())).collect();
    let parts = if parts.is_empty() { "all in order".to_owned() } else { parts.join(", ") };
    format!("{}: {parts}", count(rows.len(), "host"))
}

/// One object per host.
pub fn assets_json(row: &AssetRow) -> Value {
    json!({
        "host": row.host,
        "marks": row.marks,
        "listed": row.asset.listed,
        "risk": row.asset.risk,
        "first_scanned_at": row.asset.first_at,
        "scanned_at": row.asset.last.as_ref().map(|(at, _)| at),
        "no_answer_at": row.asset.failed_at,
        "machine": row.asset.last.as_ref().map(|(_, facts)| &facts.machine),
        "machine_before": row.asset.before.as_ref().map(|facts| &facts.machine),
        "system": row.asset.last.as_ref().map(|(_, facts)| &facts.system.os.pretty_name),
        "end_of_life": row.eol.map(|eol| eol.end),
    })
}

/// One row per host, after the headings.
pub fn assets_csv(rows: &[AssetRow]) -> String {
    let mut page = csv::row(["host", "marks", "risk", "first_scanned_at", "scanned_at", "system", "end_of_life"]);
    for row in rows {
        let value = assets_json(row);
        let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let marks: Vec<&str> = row.marks.iter().map(|mark| mark.as_str()).collect();
        page.push_str(&csv::row([
            word("host"),
            marks.join("; "),
            word("risk"),
            word("first_scanned_at"),
            word("scanned_at"),
            word("system"),
            word("end_of_life"),
        ]));
    }
    page
}
