//! `patchwave ledger`: find, check, prune and repair the record.

use std::{fmt::Write as _, path::Path};

use jiff::SignedDuration;

use crate::{
    cli::{
        Failure, World,
        args::{LedgerCommand, PruneArgs},
        command_lines::program,
    },
    event::RunId,
    ledger::{Driver, FoundHead, Ledger, LedgerError, RunRow, SalvagedRun, Stale, salvage},
    view::Record,
};

pub(in crate::cli) fn ledger(
    command: &LedgerCommand,
    state_dir: std::path::PathBuf,
    world: &mut World,
) -> Result<u8, Failure> {
    match command {
        LedgerCommand::Verify { run, head } => verify(run.as_deref(), head.as_deref(), &state_dir, world),
        LedgerCommand::Prune(args) => prune(args, &state_dir, world),
        LedgerCommand::Salvage => rescue(&state_dir, world),
        LedgerCommand::Rebuild => {
            // Without a ledger there is nothing to rebuild, so none is created.
            drop(Ledger::open_read_only(&state_dir)?);
            Ledger::open(&state_dir)?.rebuild_scanned_hosts()?;
            world.talk("the newest scan of each host was computed again from the records");
            Ok(0)
        }
        LedgerCommand::Path => world.print(&format!("{}\n", state_dir.join("ledger.db").display())),
    }
}

/// Checks every run, even after a damaged one.
fn verify(run: Option<&str>, head: Option<&str>, state_dir: &Path, world: &mut World) -> Result<u8, Failure> {
    let ledger = Ledger::open_read_only(state_dir)?;
    let file = if run.is_none() { ledger.check_file() } else { Ok(()) };
    let run = run.map(|prefix| ledger.find(prefix)).transpose()?;
    let rows: Vec<RunRow> = match &run {
        Some(run) => vec![ledger.row(run)?],
        None => ledger.runs(usize::MAX >> 1)?,
    };
    let (mut text, mut events, mut worst) = (String::new(), 0, file.err());
    for row in &rows {
        match ledger.verify(&row.run) {
            Ok(()) => events += row.last_seq,
            Err(error) => {
                let _ = writeln!(text, "{error}");
                worst.get_or_insert(error);
            }
        }
    }
    let history = ledger.verify_history().unwrap_or_else(|error| {
        let _ = writeln!(text, "{error}");
        worst.get_or_insert(error);
        None
    });
    let records = ledger.verify_records().unwrap_or_else(|error| {
        let _ = writeln!(text, "{error}");
        worst.get_or_insert(error);
        None
    });
    if let Some(error) = worst {
        world.print(&text)?;
        return Err(error.into());
    }
    let events = if events == 1 { "1 event".to_owned() } else { format!("{events} events") };
    let _ = writeln!(text, "{}, {events}: the hashes fit", count(rows.len()));
    if let Some(Record { head, .. }) = history {
        let _ = writeln!(text, "ledger: head {head}");
    }
    if let Some(Record { events, head }) = records {
        let _ = writeln!(text, "{events} records of scans and imports: head {head}");
    }
    let found = head.map(|head| (head, ledger.find_head(head, run.as_ref())));
    match &found {
        Some((head, Ok(place))) => {
            let _ = writeln!(text, "{head} is {}", place_of(place));
        }
        Some((_, Err(_))) => {}
        None => {
            let program = program(state_dir, world);
            world.talk(format_args!(
                "This finds accidents and careless edits. Anybody who can write the file can also make hashes that fit; \
                 to find that, compare with a hash that was noted elsewhere: {program} ledger verify --head HASH"
            ));
        }
    }
    world.print(&text)?;
    found.map_or(Ok(0), |(_, place)| place.map(|_| 0).map_err(Failure::from))
}

/// Where a hash was found, in words.
fn place_of(place: &FoundHead) -> String {
    match place {
        FoundHead::Event { run, seq, last_seq } if seq == last_seq => format!("event {seq} of run {run}, its last"),
        FoundHead::Event { run, seq, last_seq } => {
            format!("event {seq} of run {run}, whose record goes on to event {last_seq}")
        }
        FoundHead::Record { seq, last } => format!("record {seq} of {last} outside runs"),
        FoundHead::History { n, last } => format!("entry {n} of {last} of the ledger's history"),
    }
}

fn prune(args: &PruneArgs, state_dir: &Path, world: &mut World) -> Result<u8, Failure> {
    // Without a ledger there is nothing to prune, so none is created.
    drop(Ledger::open_read_only(state_dir)?);
    let mut ledger = Ledger::open(state_dir)?;
    let stale = match (args.keep_runs, args.older_than) {
        (Some(keep), _) => Stale::AllBut(keep),
        (None, Some(age)) => {
            let age = SignedDuration::try_from(age).map_err(Failure::usage)?;
            Stale::Before(world.clock.now().checked_sub(age).map_err(Failure::usage)?)
        }
        (None, None) => return Err(Failure::usage("neither --keep-runs nor --older-than is given")),
    };
    let mut doomed: Vec<RunId> = Vec::new();
    for row in ledger.stale(stale)? {
        // A run whose record cannot be read can be deleted all the same.
        let open = ledger.state(&row.run).map_or(0, |state| state.tally.in_flight);
        match ledger.driver(&row.run) {
            Driver::Nobody => {}
            Driver::Holder(holder) => {
                world.talk(format_args!("run {} stays: {holder} is running it", row.run));
                continue;
            }
            Driver::Unclear(why) => {
                world.talk(format_args!(
                    "run {} stays: cannot find out whether a controller is running it: {why}",
                    row.run
                ));
                continue;
            }
        }
        if open > 0 && !args.with_open {
            world.talk(format_args!(
                "run {} stays: {open} of its hosts are open; resume it, or give --with-open",
                row.run
            ));
        } else {
            world.talk(format_args!("  {}  {}, {} hosts", row.run, row.playbook, row.hosts));
            doomed.push(row.run);
        }
    }
    if doomed.is_empty() {
        world.talk("no runs to delete");
        return Ok(0);
    }
    confirm(doomed.len(), args.yes, world)?;
    let owner = world.by();
    let forgotten = ledger.forget(&doomed, &owner)?;
    world.talk(format_args!("{} deleted, with their logs", count(forgotten.len())));
    Ok(0)
}

fn confirm(runs: usize, yes: bool, world: &World) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let runs = count(runs);
    if !world.stdin_is_terminal {
        return Err(Failure::refused(format!("{runs} would be deleted, and there is no terminal to confirm it on"))
            .help("give --yes to confirm"));
    }
    match world.prompt.line(&format!("Delete {runs} for good? Type yes: ")).as_deref() {
        Some("yes" | "YES" | "Yes") => Ok(()),
        _ => Err(Failure::refused("not confirmed; nothing was deleted")),
    }
}

fn count(runs: usize) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") }
}

fn rescue(state_dir: &Path, world: &mut World) -> Result<u8, Failure> {
    let ledger = Ledger::open_read_only(state_dir);
    match ledger.and_then(|ledger| whole(&ledger)) {
        Ok(()) => {
            world.talk("this ledger is not damaged; nothing was done");
            return Ok(0);
        }
        Err(
            LedgerError::Corrupted { .. }
            | LedgerError::Damaged { .. }
            | LedgerError::History { .. }
            | LedgerError::Record { .. },
        ) => {}
        Err(error) => return Err(error.into()),
    }
    let done = salvage(state_dir, world.clock.now())?;
    let text: String = done.runs.iter().map(line).collect();
    world.print(&text)?;
    world.talk(format_args!("the damaged file is kept: {}", done.kept.display()));
    Ok(0)
}

/// Fails with the first thing that is wrong.
fn whole(ledger: &Ledger) -> Result<(), LedgerError> {
    ledger.check_file()?;
    ledger.runs(usize::MAX >> 1)?.iter().try_for_each(|row| ledger.verify(&row.run))?;
    ledger.verify_history()?;
    ledger.verify_records().map(drop)
}

fn line(run: &SalvagedRun) -> String {
    let name = run.run.as_ref().map_or("a run without a name", |run| run.0.as_str());
    match &run.lost {
        None => format!("{name}: whole, {} events\n", run.events),
        Some(why) if run.events == 0 => format!("{name}: lost: {why}\n"),
        Some(why) => format!("{name}: cut after {} events: {why}\n", run.events),
    }
}
