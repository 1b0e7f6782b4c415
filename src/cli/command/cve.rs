//! `patchwave cve`: where a CVE is fixed and where it is not, from the newest scans. Connects to no host.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use crate::{
    cli::{
        Failure, World,
        args::CveArgs,
        imported::knowledge,
        recorded_hosts::{self, Reader, entries},
    },
    hint::Hint,
    ledger::Ledger,
    pkg::Pending,
    record::{Digest, Packages},
    ui,
    view::{CveRow, Knowledge},
};

pub(in crate::cli) fn cve(args: &CveArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let nothing = || {
        let help = Hint::command("scan", &["-i", "INVENTORY"]).and(" asks the hosts what is installed");
        Failure::usage("no host was scanned yet").help(help)
    };
    let ledger = recorded_hosts::ledger(&state_dir)?.ok_or_else(nothing)?;
    let now = world.clock.now();
    let knowledge = knowledge(&ledger, now)?;
    let rows = rows(&args.cve, &ledger, &knowledge)?;
    if rows.is_empty() {
        return Err(nothing());
    }
    let look = ui::ScanLook { width: world.width(), zone: world.zone(), now };
    if args.json {
        let text: String = rows.iter().map(|row| format!("{}\n", ui::cve_json(&args.cve, row))).collect();
        world.print(&text)?;
    } else {
        world.print(&ui::cve_text(&rows, &look))?;
        world.talk(ui::cve_tally(&args.cve, &rows, &knowledge));
    }
    Ok(CveRow::exit_code(&rows))
}

/// The answer for every host that was scanned.
fn rows(cve: &str, ledger: &Ledger, knowledge: &Knowledge) -> Result<Vec<CveRow>, Failure> {
    let mut reader = Reader::new(ledger);
    let mut packages: HashMap<Digest, Arc<Packages>> = HashMap::new();
    let mut updates: HashMap<Digest, Arc<Pending>> = HashMap::new();
    let mut rows = Vec::new();
    for (host, entry) in entries(Some(ledger))? {
        let Some((at, scan)) = entry.seq.map(|seq| reader.scan(seq)).transpose()?.flatten() else { continue };
        let facts = reader.facts(&scan.facts)?;
        let packages = scan.packages.as_ref().map(|digest| shared(ledger, &mut packages, digest)).transpose()?;
        let pending = scan.pending.as_ref().map(|digest| shared(ledger, &mut updates, digest)).transpose()?;
        let verdict = knowledge.verdict(cve, &facts, packages.as_deref(), pending.as_deref());
        rows.push(CveRow { host, at, verdict });
    }
    Ok(rows)
}

/// A document, read once.
fn shared<T: serde::de::DeserializeOwned>(
    ledger: &Ledger,
    known: &mut HashMap<Digest, Arc<T>>,
    digest: &Digest,
) -> Result<Arc<T>, Failure> {
    if let Some(value) = known.get(digest) {
        return Ok(Arc::clone(value));
    }
    let value: Arc<T> = Arc::new(ledger.document(digest)?);
    known.insert(digest.clone(), Arc::clone(&value));
    Ok(value)
}
