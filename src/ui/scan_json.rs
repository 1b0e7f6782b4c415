//! What `scan --json` and `--csv` print: one object or one row for each host or update.

use serde_json::{Value, json};

use super::{csv, scan::since};
use crate::{
    pkg::{Security, Stays, Update},
    view::{FleetView, HostScan},
};

/// One object per host, in order.
pub fn scan_json(view: &FleetView<'_>) -> impl Iterator<Item = Value> {
    view.scans.iter().map(|scan| host(view, scan))
}

fn host(view: &FleetView<'_>, scan: &HostScan) -> Value {
    let answer = match &scan.answer {
        Ok(answer) => answer,
        Err(not) => {
            let error = json!({ "class": not.class, "why": not.why, "unreachable": not.unreachable });
            return json!({ "host": scan.host, "at": scan.at, "error": error });
        }
    };
    let updates = view.updates(answer).map(|updates| updates.into_iter().map(|one| update(scan, one)).collect());
    json!({
        "host": scan.host,
        "at": scan.at,
        "lists_at": answer.facts.lists_at,
        "updates": updates.map_or(Value::Null, Value::Array),
        "removals": answer.pending.as_ref().map(|pending| &pending.removals),
        "held": answer.facts.held,
        "broken": answer.facts.broken,
        "reboot": answer.facts.reboot,
        "unknown": answer.unknown,
    })
}

fn update(scan: &HostScan, update: &Update) -> Value {
    let mut value = json!(update);
    value["security"] = match &update.security {
        Security::Fix(_) => "yes",
        Security::No => "no",
        Security::Unknown => "unknown",
    }
    .into();
    let held = scan.answer.as_ref().ok().and_then(|answer| answer.facts.held.as_ref());
    if update.stays == Some(Stays::KeptBack) && held.is_some_and(|held| held.contains(&update.name)) {
        value["stays"] = "held".into();
    }
    value["fix"] = json!(update.security.fix());
    value["since"] = json!(scan.since.of(&update.name));
    value["security_since"] = json!(scan.since.security_of(&update.name));
    value
}

/// One row per update, after the headings. A host without an answer has a row that says so.
pub fn scan_csv(view: &FleetView<'_>) -> String {
    let headings =
        ["host", "at", "package", "installed", "pending", "security", "kernel", "stays", "since", "advisories"];
    let mut page = csv::row(headings.iter().chain(&["error"]));
    for scan in view.scans {
        let (host, at) = (scan.host.to_string(), scan.at.to_string());
        let without = |error: &str| {
            let mut cells = vec![host.clone(), at.clone()];
            cells.resize(headings.len(), String::new());
            cells.push(error.to_owned());
            csv::row(cells)
        };
        let answer = match &scan.answer {
            Ok(answer) => answer,
            Err(not) => {
                page.push_str(&without(&not.why));
                continue;
            }
        };
        let Some(updates) = view.updates(answer) else {
            page.push_str(&without("what is pending is not known"));
            continue;
        };
        for one in updates {
            let value = update(scan, one);
            let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
            let ids: Vec<String> = one.advisories.iter().map(|advisory| advisory.id.clone()).collect();
            let kernel = if one.kernel { "yes" } else { "no" }.to_owned();
            let since = since(scan, one).map(|at| at.to_string()).unwrap_or_default();
            page.push_str(&csv::row([
                host.clone(),
                at.clone(),
                word("name"),
                word("from"),
                word("to"),
                word("security"),
                kernel,
                word("stays"),
                since,
                ids.join(" "),
                String::new(),
            ]));
        }
    }
    page
}
