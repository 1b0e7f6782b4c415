//! `patchwave advisories`: imports files that say which problem is fixed in which version, and lists them.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::{
    cli::{Failure, World, args::AdvisoriesCommand, imported::imports, recorded_hosts},
    ledger::Ledger,
    record::{AdvisoriesImported, Document, Kind, NewRecord, read_feed},
    regular, ui,
};

/// The longest file: the largest of the public ones have about a hundred megabytes.
const LONGEST: u64 = 512 << 20;

pub(in crate::cli) fn advisories(
    command: &AdvisoriesCommand,
    state_dir: PathBuf,
    world: &mut World,
) -> Result<u8, Failure> {
    match command {
        AdvisoriesCommand::Import { file } => import(file, &state_dir, world),
        AdvisoriesCommand::List => list(&state_dir, world),
    }
}

fn import(file: &Path, state_dir: &Path, world: &mut World) -> Result<u8, Failure> {
    let path = world.absolute(file);
    let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
    let bytes = regular::read(&path, LONGEST).map_err(|error| wrong(&error))?;
    let sha256 = base16ct::lower::encode_string(&Sha256::digest(&bytes));
    let text = String::from_utf8(bytes).map_err(|_| wrong(&"it is not UTF-8 text"))?;
    let (format, feed) = read_feed(&text).map_err(|error| wrong(&error))?;
    drop(text);
    let count = feed.0.len() as u64;
    let problems = Document::json(&feed).map_err(Failure::internal)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let kind = Kind::AdvisoriesImported(AdvisoriesImported {
        by: world.by(),
        file: name.clone(),
        format,
        sha256: sha256.clone(),
        count,
        problems: problems.digest.clone(),
    });
    let mut ledger = Ledger::open(state_dir)?;
    ledger.append_records(world.clock.now(), &[NewRecord { kind, documents: vec![problems] }])?;
    world.print(&format!("{name}: {}, {count} problems, SHA-256 {sha256}\n", format.as_str()))
}

fn list(state_dir: &Path, world: &mut World) -> Result<u8, Failure> {
    let ledger = recorded_hosts::ledger(state_dir)?;
    let imports = ledger.as_ref().map(imports).transpose()?.unwrap_or_default();
    let feeds: Vec<_> = imports.into_iter().map(|(feed, _)| feed).collect();
    let look = ui::ScanLook { width: world.width(), zone: world.zone(), now: world.clock.now() };
    let text = ui::imports_text(&feeds, &look);
    let stale = feeds.iter().any(|feed| !feed.is_fresh(look.now));
    world.print(&text)?;
    if stale {
        world.talk("files that are older than 7 days are not used: import them again");
    }
    Ok(0)
}
