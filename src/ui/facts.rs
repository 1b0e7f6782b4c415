//! What `facts` prints: everything about one host, or a line for each.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    csv,
    scan::{ScanLook, ago, lines_of, table},
    text,
};
use crate::{
    facts::{Container, Details, EndOfLife, Platform, Runtime},
    view::{AssetRow, is_over},
};

const NOT_KNOWN: &str = "not known";

/// One host, a line per fact. `unknown`: why a part is not known.
pub fn facts_text(row: &AssetRow, unknown: &std::collections::BTreeMap<String, String>, look: &ScanLook) -> String {
    let Some((at, facts)) = &row.asset.last else { return String::new() };
    let (system, details) = (&facts.system, &facts.details);
    let or = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| NOT_KNOWN.to_owned());
    let mut lines: Vec<(&str, String)> = vec![
        ("scanned", format!("{} ({})", date(*at, &look.zone), ago(look.now, *at))),
        ("machine", facts.machine.to_string()),
        ("system", system.os.pretty_name.clone()),
        ("support", support_words(row.eol, look.now)),
        ("hardware", hardware(details)),
        ("disks", or(details.disks.as_ref().map(|disks| disk_words(disks)))),
        ("platform", platform(details, system.container.as_deref())),
        ("kernel", system.kernel.clone()),
    ];
    let kernels = facts.kernels.as_ref().map(|kernels| match kernels.installed.is_empty() {
        true => "none on its disk".to_owned(),
        false => kernels.installed.join(", "),
    });
    lines.push(("installed kernels", or(kernels)));
    let booted = details.booted_at.map(|at| format!("{} ({})", date(at, &look.zone), ago(look.now, at)));
    lines.push(("booted", or(booted)));
    lines.push(("boot id", or(system.boot_id.clone())));
    lines.push(("reboot needed", or(facts.reboot.as_ref().map(|all| list(all, "no")))));
    lines.push(("package manager", facts.manager.clone().unwrap_or_else(|| "none that patchwave knows".to_owned())));
    let lists = facts.lists_at.map(|at| format!("{} ({})", date(at, &look.zone), ago(look.now, at)));
    lines.push(("package lists of", or(lists)));
    lines.push(("held packages", or(facts.held.as_ref().map(|held| list(held, "none")))));
    lines.extend(facts.broken.clone().map(|broken| ("package database", broken)));
    lines.push((
        "also patched by",
        or(facts.upkeep.as_ref().map(|upkeep| list(&upkeep.rivals, "nothing that was found"))),
    ));
    match &facts.upkeep {
        None => lines.push(("repository", NOT_KNOWN.to_owned())),
        Some(upkeep) => lines.extend(upkeep.repositories.iter().map(|one| {
            let dated = one.dated.map_or("without a date".to_owned(), |at| format!("of {}", date(at, &look.zone)));
            let origin = if one.origin.is_empty() { String::new() } else { format!(" ({})", one.origin) };
            ("repository", format!("{}{origin}, {dated}", one.name))
        })),
    }
    lines.extend(details.runtimes.iter().flat_map(|runtime| runtime_lines(runtime, look)));
    match &details.stale_services {
        None => lines.push(("restart needed", format!("{NOT_KNOWN}: only root sees the files that services use"))),
        Some(all) if all.is_empty() => lines.push(("restart needed", "no service".to_owned())),
        Some(all) => lines.extend(all.iter().map(|service| {
            let files: Vec<&str> = service.files.iter().map(String::as_str).collect();
            let what = if service.unit { "" } else { " (not a service)" };
            ("restart needed", format!("{}{what}: {}", service.name, files.join(", ")))
        })),
    }
    lines.extend(unknown.iter().map(|(part, why)| ("unknown", format!("{part}: {why}"))));
    let mut page = format!("{}\n", row.host);
    let width = usize::from(look.width);
    for (name, value) in lines {
        let lead = format!("  {name:<18}");
        page.push_str(&text::wrap_behind(&lead, &" ".repeat(22), &text::clean(&value, 2000), width));
        page.push('\n');
    }
    page
}

fn date(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn list(all: &[String], none: &str) -> String {
    if all.is_empty() { none.to_owned() } else { all.join(", ") }
}

fn support_words(eol: Option<EndOfLife>, now: Timestamp) -> String {
    let Some(EndOfLife { end, data_of }) = eol else { return "end not known".to_owned() };
    let from = data_of.map_or("as the inventory says".to_owned(), |of| format!("data of {of}"));
    let word = if is_over(end, now) { "ENDED" } else { "until" };
    format!("{word} {end} ({from})")
}

fn hardware(details: &Details) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(details.cpus.map(|cpus| super::text::count(cpus as usize, "CPU")));
    parts.extend(details.cpu_model.clone());
    parts.extend(details.architecture.clone());
    parts.extend(details.memory_kib.map(|kib| format!("{} memory", bytes(kib.saturating_mul(1024)))));
    if parts.is_empty() { NOT_KNOWN.to_owned() } else { parts.join(", ") }
}

fn disk_words(disks: &[crate::facts::Disk]) -> String {
    let words: Vec<String> = disks.iter().map(|disk| format!("{} {}", disk.name, bytes(disk.bytes))).collect();
    list(&words, "none")
}

/// `1.9 GiB`.
fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit]).replace(".0 ", " ")
}

fn platform(details: &Details, container: Option<&str>) -> String {
    let on = match &details.platform {
        Platform::Unknown => "virtual or not: not known".to_owned(),
        Platform::Physical => "hardware".to_owned(),
        Platform::Virtual(name) => format!("virtual ({name})"),
    };
    container.map_or(on.clone(), |kind| format!("container ({kind}) on {on}"))
}

fn runtime_lines(runtime: &Runtime, look: &ScanLook) -> Vec<(&'static str, String)> {
    let name = format!("{} of {}", runtime.name, runtime.user);
    match &runtime.containers {
        None => {
            let why = runtime.no_answer.as_deref().unwrap_or_default();
            vec![("containers", format!("{name}: {NOT_KNOWN}: {why}"))]
        }
        Some(all) if all.is_empty() => vec![("containers", format!("{name}: none is running"))],
        Some(all) => all.iter().map(|one| ("containers", format!("{name}: {}", container(one, look)))).collect(),
    }
}

fn container(one: &Container, look: &ScanLook) -> String {
    let old = one.image_created.map_or("of unknown age".to_owned(), |at| format!("made {}", ago(look.now, at)));
    format!("{}, image {} {old}", one.name, one.image)
}

/// A line per host.
pub fn fleet_facts_text(rows: &[AssetRow], look: &ScanLook) -> String {
    if rows.is_empty() {
        return "no host has been scanned yet\n".to_owned();
    }
    let mut table = table(look.width, &["host", "system", "kernel", "platform", "cpus", "memory", "reboot", "scanned"]);
    for row in rows {
        let Some((at, facts)) = &row.asset.last else { continue };
        let details = &facts.details;
        let platform = match &details.platform {
            Platform::Unknown => "?".to_owned(),
            Platform::Physical => "hardware".to_owned(),
            Platform::Virtual(name) => name.clone(),
        };
        let reboot = facts.reboot.as_ref().map_or("?", |all| if all.is_empty() { "-" } else { "yes" });
        table.add_row([
            row.host.to_string(),
            short_system(&facts.system.os),
            text::clean(&facts.system.kernel, 40),
            text::clean(facts.system.container.as_ref().unwrap_or(&platform), 24),
            details.cpus.map_or("?".to_owned(), |cpus| cpus.to_string()),
            details.memory_kib.map_or("?".to_owned(), |kib| bytes(kib.saturating_mul(1024))),
            reboot.to_owned(),
            ago(look.now, *at),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    text::keep_whole(&mut table, 7, "12d ago".len(), u16::MAX);
    lines_of(&table)
}

/// `debian 12`, or the name for people where the host has no short one.
fn short_system(os: &crate::facts::OsRelease) -> String {
    let short = format!("{} {}", os.id, os.version_id);
    text::clean(if os.id.is_empty() { &os.pretty_name } else { short.trim() }, 40)
}

/// One object per host.
pub fn facts_json(row: &AssetRow) -> Value {
    let mut value = row.asset.last.as_ref().map_or(json!({}), |(at, facts)| {
        let mut value = json!(facts);
        value["scanned_at"] = json!(at);
        value
    });
    value["host"] = json!(row.host);
    value["end_of_life"] = json!(row.eol.map(|eol| eol.end));
    value["first_scanned_at"] = json!(row.asset.first_at);
    value
}

/// One row per host, after the headings.
pub fn facts_csv(rows: &[AssetRow]) -> String {
    let mut page = csv::row([
        "host",
        "scanned_at",
        "machine",
        "system",
        "end_of_life",
        "kernel",
        "platform",
        "container",
        "cpus",
        "memory_kib",
        "booted_at",
        "reboot_needed",
        "lists_at",
        "also_patched_by",
    ]);
    for row in rows {
        let Some((at, facts)) = &row.asset.last else { continue };
        let (system, details) = (&facts.system, &facts.details);
        let text = |value: Option<String>| value.unwrap_or_default();
        let platform = match &details.platform {
            Platform::Unknown => "unknown",
            Platform::Physical => "hardware",
            Platform::Virtual(name) => name,
        };
        page.push_str(&csv::row([
            row.host.to_string(),
            at.to_string(),
            text(facts.machine.id.clone()),
            system.os.pretty_name.clone(),
            text(row.eol.map(|eol| eol.end.to_string())),
            system.kernel.clone(),
            platform.to_owned(),
            text(system.container.clone()),
            text(details.cpus.map(|n| n.to_string())),
            text(details.memory_kib.map(|n| n.to_string())),
            text(details.booted_at.map(|at| at.to_string())),
            text(facts.reboot.as_ref().map(|all| all.join("; "))),
            text(facts.lists_at.map(|at| at.to_string())),
            text(facts.upkeep.as_ref().map(|upkeep| upkeep.rivals.join("; "))),
        ]));
    }
    page
}
