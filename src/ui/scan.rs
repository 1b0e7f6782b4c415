//! What `scan` prints: a table of the fleet, the updates of one host, and what has changed since the scan before.

use comfy_table::{ContentArrangement, Table, presets};
use jiff::{Timestamp, tz::TimeZone};

use super::text;
use crate::{
    host::HostName,
    pkg::{Pending, Security, Stays, Update},
    view::{FleetRow, FleetView, HostScan, ScanAnswer, UpdateChange, count, needs_reboot, update_changes},
};

/// How wide, and in which time.
#[derive(Clone, Debug)]
pub struct ScanLook {
    /// Columns.
    pub width: u16,
    /// The time zone of dates.
    pub zone: TimeZone,
    /// The present.
    pub now: Timestamp,
}

/// A table without lines, with these headings.
pub(super) fn table(width: u16, headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    table.force_no_tty();
    table.set_header(headings);
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table
}

/// Its lines.
pub(super) fn lines_of(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// `5m`, `3h`, `12d`; less than a minute is `now`.
pub(super) fn age(now: Timestamp, then: Timestamp) -> String {
    match now.as_second() - then.as_second() {
        ..60 => "now".to_owned(),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// The same with `ago`.
pub(super) fn ago(now: Timestamp, then: Timestamp) -> String {
    match age(now, then) {
        age if age == "now" => age,
        age => format!("{age} ago"),
    }
}

fn number(n: usize) -> String {
    if n == 0 { "-".to_owned() } else { n.to_string() }
}

/// The table of the fleet, hosts without an answer, and what is not known. With one row, its updates too.
pub fn scan_text(view: &FleetView<'_>, look: &ScanLook) -> String {
    let rows = view.rows();
    let mut page = String::new();
    if !rows.is_empty() {
        page.push_str(&fleet_table(&rows, look));
    }
    if let [row] = &rows[..] {
        page.push('\n');
        page.push_str(&host_text(view, row, look));
    }
    for (not, hosts) in view.silent() {
        let word = if not.unreachable { "unreachable" } else { "failed" };
        page.push_str(&format!("{}: {word}: {}\n", folded(&hosts, look), text::first_line(&not.why, 300)));
    }
    // One row has its details, and this among them.
    for (broken, hosts) in view.broken().iter().filter(|_| rows.len() != 1 || !view.filter.is_any()) {
        page.push_str(&format!("{}: packages: {}\n", folded(hosts, look), text::clean(broken, 300)));
    }
    for (part, why, hosts) in view.unknown() {
        page.push_str(&format!("{}: {part} unknown: {}\n", folded(&hosts, look), text::clean(&why, 300)));
    }
    page
}

fn folded(hosts: &[&HostName], look: &ScanLook) -> String {
    text::hosts(hosts.iter().copied(), usize::from(look.width))
}

fn fleet_table(rows: &[FleetRow<'_>], look: &ScanLook) -> String {
    type Cell = fn(&FleetRow<'_>, &ScanLook) -> String;
    let columns: [(&str, bool, Cell); 9] = [
        ("security", true, |row, _| of_known(row, row.counts.security)),
        ("other", true, |row, _| of_known(row, row.counts.other)),
        ("unclear", rows.iter().any(|row| row.counts.unknown > 0), |row, _| of_known(row, row.counts.unknown)),
        ("kernel", rows.iter().any(|row| row.counts.kernel > 0), |row, _| of_known(row, row.counts.kernel)),
        ("held", rows.iter().any(|row| row.counts.kept_back > 0), |row, _| of_known(row, row.counts.kept_back)),
        ("phased", rows.iter().any(|row| row.counts.phased > 0), |row, _| of_known(row, row.counts.phased)),
        ("oldest", true, |row, look| row.oldest.map_or("-".to_owned(), |then| age(look.now, then))),
        ("reboot", true, |row, _| row.reboot.map_or("?", |yes| if yes { "yes" } else { "-" }).to_owned()),
        ("lists", true, |row, look| row.lists_at.map_or("?".to_owned(), |then| age(look.now, then))),
    ];
    let shown: Vec<_> = columns.into_iter().filter(|(_, wanted, _)| *wanted).collect();
    let headings: Vec<&str> = std::iter::once("hosts").chain(shown.iter().map(|(name, ..)| *name)).collect();
    let mut table = table(look.width, &headings);
    let room = usize::from(look.width) / 2;
    for row in rows {
        let mut hosts = text::hosts(row.hosts.iter().map(|scan| &scan.host), room);
        if row.hosts.len() > 1 {
            hosts.push_str(&format!(" ({})", row.hosts.len()));
        }
        table.add_row(std::iter::once(hosts).chain(shown.iter().map(|(.., cell)| cell(row, look))));
    }
    for (n, heading) in headings.iter().enumerate().skip(1) {
        text::keep_whole(&mut table, n, heading.len(), u16::MAX);
    }
    lines_of(&table)
}

/// A count, where the updates are known.
fn of_known(row: &FleetRow<'_>, n: usize) -> String {
    if row.updates.is_some() { number(n) } else { "?".to_owned() }
}

/// The updates of hosts that have the same ones.
fn host_text(view: &FleetView<'_>, row: &FleetRow<'_>, look: &ScanLook) -> String {
    let Some(scan) = row.hosts.first() else { return String::new() };
    let Ok(answer) = &scan.answer else { return String::new() };
    let mut page = String::new();
    let facts = &answer.facts;
    let mut about = vec![text::clean(&facts.system.os.pretty_name, 60), format!("kernel {}", facts.system.kernel)];
    about.extend(row.lists_at.map(|at| format!("package lists fetched {}", ago(look.now, at))));
    page.push_str(&format!("{}\n", about.join(", ")));
    if let Some(updates) = &row.updates {
        page.push_str(&updates_table(row, updates, look));
    }
    let pending = answer.pending.as_ref().filter(|pending| !pending.removals.is_empty());
    if let Some(pending) = pending {
        let names: Vec<String> = pending.removals.iter().map(|package| text::clean(&package.to_string(), 80)).collect();
        page.push_str(&format!("would be removed: {}\n", names.join(", ")));
    }
    page.push_str(&notes(view, answer));
    page
}

/// What a host says besides its updates.
fn notes(view: &FleetView<'_>, answer: &ScanAnswer) -> String {
    let mut page = String::new();
    let mut line = |what: &str, all: &[String]| {
        if !all.is_empty() {
            let all: Vec<String> = all.iter().map(|one| text::clean(one, 120)).collect();
            page.push_str(&format!("{what}: {}\n", all.join(", ")));
        }
    };
    if view.filter.is_any() {
        line("held", answer.facts.held.as_deref().unwrap_or_default());
        line("reboot needed", answer.facts.reboot.as_deref().unwrap_or_default());
        line("packages", answer.facts.broken.as_slice());
        let rivals = answer.facts.upkeep.as_ref().map(|upkeep| upkeep.rivals.as_slice());
        line("also patched by", rivals.unwrap_or_default());
    }
    if needs_reboot(answer).is_none() {
        page.push_str("whether a reboot is needed is not known\n");
    }
    page
}

fn updates_table(row: &FleetRow<'_>, updates: &[&Update], look: &ScanLook) -> String {
    if updates.is_empty() {
        return "no update is pending\n".to_owned();
    }
    let mut table = table(look.width, &["package", "installed", "pending", "security", "since", "notes"]);
    let held = row.hosts.iter().find_map(|scan| scan.answer.as_ref().ok()?.facts.held.as_deref()).unwrap_or_default();
    for update in updates {
        let since = row.hosts.iter().filter_map(|scan| since(scan, update)).min();
        table.add_row([
            text::clean(&update.name, 60),
            update.from.as_deref().map_or("new".to_owned(), |from| text::clean(from, 40)),
            text::clean(&update.to, 40),
            security_word(&update.security).to_owned(),
            since.map_or("-".to_owned(), |at| at.to_zoned(look.zone.clone()).strftime("%Y-%m-%d").to_string()),
            update_notes(update, held),
        ]);
    }
    text::keep_whole(&mut table, 4, "2026-01-01".len(), u16::MAX);
    lines_of(&table)
}

/// Since when an update is pending, as a security fix if it is one.
pub(super) fn since(scan: &HostScan, update: &Update) -> Option<Timestamp> {
    match update.security {
        Security::Fix(_) => scan.since.security_of(&update.name),
        Security::No | Security::Unknown => scan.since.of(&update.name),
    }
}

fn security_word(security: &Security) -> &'static str {
    match security {
        Security::Fix(_) => "yes",
        Security::No => "no",
        Security::Unknown => "unknown",
    }
}

/// Why it stays, advisories and problems.
fn update_notes(update: &Update, held: &[String]) -> String {
    let mut notes: Vec<String> = Vec::new();
    notes.extend(update.kernel.then(|| "kernel".to_owned()));
    notes.extend(update.stays.map(|stays| match stays {
        Stays::Phased => "phased: not this host's turn yet".to_owned(),
        Stays::KeptBack if held.contains(&update.name) => "on hold".to_owned(),
        Stays::KeptBack => "kept back: it needs a removal, or something that is missing".to_owned(),
        Stays::PinnedBack => "a pin asks for an older version".to_owned(),
    }));
    for advisory in update.advisories.iter().take(3) {
        let severity = if advisory.severity.is_empty() { String::new() } else { format!(" ({})", advisory.severity) };
        notes.push(text::clean(&format!("{}{severity}", advisory.id), 60));
    }
    if update.advisories.len() > 3 {
        notes.push(format!("{} more", update.advisories.len() - 3));
    }
    notes.join(", ")
}

/// What has changed since the scan before: hosts with the same changes share a block.
pub fn scan_diff_text(view: &FleetView<'_>, look: &ScanLook) -> String {
    let mut blocks: indexmap::IndexMap<String, Vec<&HostName>> = indexmap::IndexMap::new();
    for scan in view.scans {
        let Ok(answer) = &scan.answer else { continue };
        blocks.entry(changes(view, answer)).or_default().push(&scan.host);
    }
    let mut page = String::new();
    for (block, hosts) in &blocks {
        page.push_str(&format!("{} ({}):\n{block}", folded(hosts, look), count(hosts.len(), "host")));
    }
    for (not, hosts) in view.silent() {
        page.push_str(&format!("{}: no answer: {}\n", folded(&hosts, look), text::first_line(&not.why, 300)));
    }
    page
}

fn changes(view: &FleetView<'_>, answer: &ScanAnswer) -> String {
    let (before, now): (&Pending, &Pending) = match (&answer.before, &answer.pending) {
        (_, None) => return "  what is pending is not known\n".to_owned(),
        (None, _) => return "  there is no earlier scan to compare with\n".to_owned(),
        (Some(before), Some(now)) => (before, now),
    };
    let changes = update_changes(before, now, |update| view.filter.takes(update));
    if changes.is_empty() {
        return "  no change\n".to_owned();
    }
    changes.iter().map(|change| format!("  {}\n", change_line(change))).collect()
}

fn change_line(change: &UpdateChange<'_>) -> String {
    let name = |update: &Update| text::clean(&update.name, 60);
    let version = |update: &Update| text::clean(&update.to, 40);
    let fix = |update: &Update| if update.security.fix().is_some() { " (security)" } else { "" };
    match change {
        UpdateChange::New(update) => format!("+ {} {}{}", name(update), version(update), fix(update)),
        UpdateChange::Gone(update) => format!("- {} {}", name(update), version(update)),
        UpdateChange::Changed(before, update) if before.to == update.to => {
            let words = (security_word(&before.security), security_word(&update.security));
            let what =
                if words.0 == words.1 { String::new() } else { format!(": security {} → {}", words.0, words.1) };
            format!("~ {} {}{what}", name(update), version(update))
        }
        UpdateChange::Changed(before, update) => {
            format!("~ {} {} → {}{}", name(update), version(before), version(update), fix(update))
        }
    }
}

/// How many hosts answered and how many have updates, in one line.
pub fn scan_tally(view: &FleetView<'_>) -> String {
    let silent: usize = view.silent().iter().map(|(_, hosts)| hosts.len()).sum();
    let answered = view.scans.len() - silent;
    let mut parts = vec![format!("{answered} answered")];
    parts.extend((silent > 0).then(|| format!("{silent} did not")));
    parts.push(format!("updates are pending on {}", view.hosts_with_updates()));
    let unknown = view.hosts_not_known();
    parts.extend((unknown > 0).then(|| format!("not known of {unknown}")));
    format!("{}: {}", count(view.scans.len(), "host"), parts.join(", "))
}
