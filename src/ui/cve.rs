//! What `cve` and `advisories list` print.

use serde_json::{Value, json};

use super::{
    scan::{ScanLook, ago, lines_of, table},
    text,
};
use crate::view::{CveRow, CveState, ImportedFeed, Knowledge, count};

/// A line for each answer, with the hosts that have it: the worst first.
pub fn cve_text(rows: &[CveRow], look: &ScanLook) -> String {
    let mut groups: std::collections::BTreeMap<_, Vec<&CveRow>> = std::collections::BTreeMap::new();
    for row in rows {
        groups.entry(&row.verdict).or_default().push(row);
    }
    let mut table = table(look.width, &["hosts", "state", "why", "scanned"]);
    for (verdict, rows) in groups {
        let hosts = text::hosts(rows.iter().map(|row| &row.host), usize::from(look.width) / 2);
        let hosts = if rows.len() > 1 { format!("{hosts} ({})", rows.len()) } else { hosts };
        let oldest = rows.iter().map(|row| row.at).min();
        let scanned = oldest.map_or("-".to_owned(), |at| ago(look.now, at));
        table.add_row([hosts, verdict.state.as_str().to_owned(), text::clean(&verdict.why, 200), scanned]);
    }
    text::keep_whole(&mut table, 3, "12d ago".len(), u16::MAX);
    lines_of(&table)
}

/// How many hosts have each state, and what is known of the CVE.
pub fn cve_tally(cve: &str, rows: &[CveRow], knowledge: &Knowledge) -> String {
    let states = [CveState::Missing, CveState::Unknown, CveState::NotBooted, CveState::Fixed, CveState::NotAffected];
    let many = |state: CveState| rows.iter().filter(|row| row.verdict.state == state).count();
    let parts = states.into_iter().map(|state| (many(state), state)).filter(|(n, _)| *n > 0);
    let parts: Vec<String> = parts.map(|(n, state)| format!("{n} {}", state.as_str())).collect();
    let attacks = match knowledge.exploited(cve) {
        Some(true) => "; known to be used in attacks",
        Some(false) | None => "",
    };
    let stale = match knowledge.stale.is_empty() {
        true => String::new(),
        false => format!("; older than 7 days and not used: {}", knowledge.stale.join(", ")),
    };
    format!("{cve}: {}: {}{attacks}{stale}", count(rows.len(), "host"), parts.join(", "))
}

/// One object per host.
pub fn cve_json(cve: &str, row: &CveRow) -> Value {
    json!({
        "cve": cve,
        "host": row.host,
        "scanned_at": row.at,
        "state": row.verdict.state,
        "why": row.verdict.why,
    })
}

/// The imported files.
pub fn imports_text(feeds: &[ImportedFeed], look: &ScanLook) -> String {
    if feeds.is_empty() {
        return "no advisories were imported\n".to_owned();
    }
    let mut table = table(look.width, &["file", "format", "problems", "imported", "SHA-256"]);
    for feed in feeds {
        let old = if feed.is_fresh(look.now) { "" } else { " (too old)" };
        table.add_row([
            text::clean(&feed.file, 60),
            feed.format.as_str().to_owned(),
            feed.count.to_string(),
            format!("{}{old}", ago(look.now, feed.at)),
            feed.sha256.get(..16).unwrap_or_default().to_owned(),
        ]);
    }
    lines_of(&table)
}
