//! Which run a command means.

use super::Failure;
use crate::{event::RunId, ledger::Ledger};

/// The run that was asked for, or the newest.
pub(super) fn newest_or(ledger: &Ledger, asked: Option<&str>) -> Result<RunId, Failure> {
    match asked {
        Some(prefix) => ledger.find(prefix).map_err(Failure::from),
        None => ledger.last_run()?.ok_or_else(|| Failure::usage("the ledger holds no run")),
    }
}
