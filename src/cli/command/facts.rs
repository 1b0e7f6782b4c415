//! `patchwave facts`: what hosts are, from their newest scans. Connects to none.

use std::{path::PathBuf, time::Duration};

use crate::{
    cli::{
        Failure, World,
        args::FactsArgs,
        recorded_hosts::{self, Reader, entries},
    },
    hint::Hint,
    ledger::HostEntry,
    ui,
    view::{AssetLimits, AssetRow},
};

pub(in crate::cli) fn facts(args: &FactsArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let ledger = recorded_hosts::ledger(&state_dir)?;
    let mut hosts = entries(ledger.as_ref())?;
    hosts.retain(|_, entry| entry.seq.is_some());
    if let Some(asked) = &args.host {
        hosts.retain(|host, _| host.as_str() == asked);
        if hosts.is_empty() {
            let help = Hint::command("scan", &["-i", "INVENTORY", asked]).and(" asks the host");
            return Err(Failure::usage(format!("no scan of {asked:?} is in the ledger")).help(help));
        }
    }
    let now = world.clock.now();
    let limits = AssetLimits { now, stale_after: Duration::MAX, new_within: Duration::ZERO };
    let mut rows = Vec::new();
    let mut unknown = Default::default();
    if let Some(ledger) = &ledger {
        let mut reader = Reader::new(ledger);
        for (host, entry) in hosts {
            let HostEntry { seq, .. } = entry;
            let asset = reader.asset(&host, &entry, None)?;
            rows.push(AssetRow::new(host, asset, limits));
            if args.host.is_some()
                && let Some((_, scan)) = seq.map(|seq| reader.scan(seq)).transpose()?.flatten()
            {
                unknown = scan.unknown;
            }
        }
    }
    let look = ui::ScanLook { width: world.width(), zone: world.zone(), now };
    let text = match &rows[..] {
        _ if args.json => rows.iter().map(|row| format!("{}\n", ui::facts_json(row))).collect(),
        _ if args.csv => ui::facts_csv(&rows),
        [row] if args.host.is_some() => ui::facts_text(row, &unknown, &look),
        rows => ui::fleet_facts_text(rows, &look),
    };
    world.print(&text)
}
