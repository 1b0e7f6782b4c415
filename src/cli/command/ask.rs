//! `patchwave approve` and `stop`: what another shell asks of a run.

use std::path::PathBuf;

use crate::{
    cli::{Failure, World},
    event::Stop,
    ledger::{Driver, Ledger, Request, Wanted},
};

/// Leaves a request for the controller of a run.
pub(in crate::cli) fn ask(prefix: &str, what: Wanted, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    // Only read at first, so that nothing is made where no run was.
    let run = Ledger::open_read_only(&state_dir).and_then(|ledger| ledger.find(prefix))?;
    let mut ledger = Ledger::open(&state_dir)?;
    let holder = match ledger.driver(&run) {
        Driver::Holder(holder) => holder,
        Driver::Nobody => {
            return Err(Failure::refused(format!("no controller is running run {run}"))
                .help(format!("patchwave show {run}, or patchwave resume {run}")));
        }
        Driver::Unclear(why) => {
            return Err(Failure::refused(format!(
                "whether a controller is running run {run} cannot be seen from here: {why}"
            ))
            .help("nothing was requested; use the account that started the run"));
        }
    };
    let request = Request { at: world.clock.now(), by: world.by(), what };
    ledger.request(&run, &request)?;
    let told = match what {
        Wanted::Stop(Stop::Drain) => "no new host starts; hosts in flight finish",
        Wanted::Stop(_) => "the run stops",
        Wanted::Approve { .. } => "the stage that waits goes on",
    };
    world.talk(format_args!("run {run} ({holder}): {told}"));
    Ok(0)
}
