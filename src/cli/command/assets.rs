//! `patchwave assets`: the inventory against the scans. Connects to no host.

use std::path::PathBuf;

use crate::{
    cli::{
        Failure, World,
        args::AssetsArgs,
        recorded_hosts::{self, Reader, entries, listed},
        rollout::prepare::load_inventory,
    },
    ui,
    view::{AssetLimits, AssetRow},
};

pub(in crate::cli) fn assets(args: &AssetsArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let inventory = load_inventory(&args.inventory, world)?;
    let ledger = recorded_hosts::ledger(&state_dir)?;
    let mut hosts = entries(ledger.as_ref())?;
    for host in inventory.hosts() {
        hosts.entry(host.clone()).or_default();
    }
    let now = world.clock.now();
    let limits = AssetLimits { now, stale_after: args.stale_after, new_within: args.new_within };
    let mut reader = ledger.as_ref().map(Reader::new);
    let mut rows = Vec::new();
    for (host, entry) in hosts {
        let asset = match &mut reader {
            Some(reader) => reader.asset(&host, &entry, Some(&inventory))?,
            None => listed(&inventory, &host),
        };
        rows.push(AssetRow::new(host, asset, limits));
    }
    let look = ui::ScanLook { width: world.width(), zone: world.zone(), now };
    let text = match () {
        () if args.json => rows.iter().map(|row| format!("{}\n", ui::assets_json(row))).collect(),
        () if args.csv => ui::assets_csv(&rows),
        () => ui::assets_text(&rows, &look),
    };
    world.print(&text)?;
    if !args.json && !args.csv {
        world.talk(ui::assets_tally(&rows));
    }
    Ok(0)
}
