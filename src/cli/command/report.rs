//! `patchwave report`: a run as a document.

use std::path::PathBuf;

use crate::{
    cli::{
        Failure, World,
        args::{ReportArgs, ReportFormat},
        which_run::newest_or,
    },
    ledger::Ledger,
    report,
    view::RunView,
};

pub(in crate::cli) fn report(args: &ReportArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let ledger = Ledger::open_read_only(&state_dir)?;
    let run = newest_or(&ledger, args.run.as_deref(), "report", &state_dir, world)?;
    // The lock is read first, so that events that the controller recorded before it left are read too.
    let running = !ledger.driver(&run).is_nobody();
    let (record, state) = (ledger.record(&run)?, ledger.state(&run)?);
    let view = RunView { state: &state, running, now: world.clock.now() };
    let text = match args.format {
        ReportFormat::Markdown => report::markdown(&view, Some(&record), &world.zone()),
        ReportFormat::Json => format!("{:#}\n", report::json(&view, Some(&record))),
    };
    world.print(&text)
}
