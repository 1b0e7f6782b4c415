//! `patchwave runs`: the runs of the ledger, newest first.

use std::path::PathBuf;

use serde_json::json;

use crate::{
    cli::{Failure, World, args::RunsArgs, command_lines::program},
    ledger::{Ledger, LedgerError, RunRow},
    ui,
};

/// A run as it is listed, or why its record cannot be read.
type Row = Result<ui::RunLine, (RunRow, LedgerError)>;

pub(in crate::cli) fn runs(args: &RunsArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let rows = match Ledger::open_read_only(&state_dir) {
        // No run yet is an answer.
        Err(LedgerError::Absent { .. }) => Vec::new(),
        opened => rows(&opened?, args.number)?,
    };
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    let json = args.json.then(|| lines(&rows));
    for row in rows {
        match row {
            Ok(line) => read.push(line),
            Err((_, error)) => unread.push(error),
        }
    }
    match json {
        Some(json) => world.print(&json)?,
        // Of runs none of which can be read there is no table.
        None if read.is_empty() && !unread.is_empty() => 0,
        None => world.print(&ui::runs_text(&read, world.width(), world.zone()))?,
    };
    let program = program(&state_dir, world);
    let mut code = 0;
    for error in unread {
        if matches!(error, LedgerError::Damaged { .. }) {
            code = 3;
        }
        world.complain(Failure::from(error).render(&program));
    }
    Ok(code)
}

/// The newest runs. One that cannot be read does not hide the others.
fn rows(ledger: &Ledger, number: usize) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for row in ledger.runs(number)? {
        let alive = !ledger.driver(&row.run).is_nobody();
        rows.push(match ledger.state(&row.run) {
            Ok(state) => Ok((state, alive)),
            Err(error @ (LedgerError::NewerRun { .. } | LedgerError::Damaged { .. })) => Err((row, error)),
            Err(error) => return Err(error.into()),
        });
    }
    Ok(rows)
}

/// A JSON object per run. A script that counts runs must not miss one, so one that cannot be read has an `error`.
fn lines(rows: &[Row]) -> String {
    let line = |row: &Row| match row {
        Ok(line) => ui::runs_json(std::slice::from_ref(line)),
        Err((row, error)) => vec![json!({
            "run": row.run,
            "playbook": row.playbook,
            "playbook_path": row.playbook_path,
            "started_at": row.started_at,
            "last_at": row.last_at,
            "check": row.check,
            "error": error.to_string(),
        })],
    };
    rows.iter().flat_map(line).map(|line| format!("{line}\n")).collect()
}
