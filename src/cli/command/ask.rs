//! `patchwave approve` and `stop`: requests to a run from another shell.

use std::path::PathBuf;

use crate::{
    cli::{Failure, World},
    event::{RunId, Stop},
    hint::Hint,
    ledger::{Driver, Ledger, Request, Wanted},
};

/// Lets the waiting stage go on.
pub(in crate::cli) fn approve(prefix: &str, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let (ledger, run, holder) = driven(prefix, &state_dir)?;
    ask(ledger, &run, Wanted::Approve { stage: None }, world)?;
    world.talk(format_args!("run {run} ({holder}): the waiting stage continues"));
    Ok(0)
}

/// Stops a run, in a harder way each time, like Ctrl-C.
pub(in crate::cli) fn stop(prefix: &str, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let (ledger, run, holder) = driven(prefix, &state_dir)?;
    // A request that the controller has not taken yet counts too.
    let asked = ledger.state(&run)?.stop.max(ledger.stop_requested(&run)?);
    let how = Stop::harder(asked);
    ask(ledger, &run, Wanted::Stop(how), world)?;
    let told = match how {
        Stop::Drain => "no new host starts; hosts in flight finish (stop again: before their next step)",
        Stop::StepBorder => "no new host starts; hosts in flight stop before their next step (stop again: leave now)",
        Stop::Detach => "the controller leaves now; jobs on the hosts go on",
    };
    world.talk(format_args!("run {run} ({holder}): {told}"));
    Ok(0)
}

/// The run, and the controller that is running it.
fn driven(prefix: &str, state_dir: &std::path::Path) -> Result<(Ledger, RunId, String), Failure> {
    // Opened only for reading first, so that nothing is created if there is no run.
    let run = Ledger::open_read_only(state_dir).and_then(|ledger| ledger.find(prefix))?;
    let ledger = Ledger::open(state_dir)?;
    match ledger.driver(&run) {
        Driver::Holder(holder) => Ok((ledger, run, holder.to_string())),
        Driver::Nobody => {
            Err(Failure::refused(format!("no controller is running run {run}")).help(Hint::command("show", &[&run.0])))
        }
        Driver::Unclear(why) => {
            Err(Failure::refused(format!("cannot find out whether a controller is running run {run}: {why}"))
                .help("nothing was requested; use the account that started the run"))
        }
    }
}

/// Leaves a request for the controller of a run.
fn ask(mut ledger: Ledger, run: &RunId, what: Wanted, world: &World) -> Result<(), Failure> {
    let request = Request { at: world.clock.now(), by: world.by(), what };
    Ok(ledger.request(run, &request)?)
}
