//! `patchwave runs`: the runs of the ledger, newest first.

use std::path::PathBuf;

use crate::{
    cli::{Failure, World, args::RunsArgs},
    ledger::{Ledger, LedgerError},
    ui,
};

pub(in crate::cli) fn runs(args: &RunsArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let mut states = Vec::new();
    let mut unread = Vec::new();
    match Ledger::open_read_only(&state_dir) {
        // No run yet is an answer.
        Err(LedgerError::Absent { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(ledger) => {
            for row in ledger.runs(args.number)? {
                let alive = !ledger.driver(&row.run).is_nobody();
                // One that cannot be read does not hide the others.
                match ledger.state(&row.run) {
                    Ok(state) => states.push((state, alive)),
                    Err(error @ (LedgerError::NewerRun { .. } | LedgerError::Damaged { .. })) => unread.push(error),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    let text = if args.json {
        ui::runs_json(&states).iter().map(|row| format!("{row}\n")).collect()
    } else {
        ui::runs_text(&states, world.width(), world.zone())
    };
    if !states.is_empty() || unread.is_empty() {
        world.print(&text)?;
    }
    let mut code = 0;
    for error in unread {
        if matches!(error, LedgerError::Damaged { .. }) {
            code = 3;
        }
        world.talk(Failure::from(error));
    }
    Ok(code)
}
