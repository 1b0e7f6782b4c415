//! Which run a command means.

use super::{Failure, failure::ledger_failure};
use crate::{event::RunId, ledger::Ledger};

/// The run that was asked for, or the newest.
pub(super) fn newest_or(ledger: &Ledger, asked: Option<&str>) -> Result<RunId, Failure> {
    match asked {
        Some(prefix) => ledger.find(prefix).map_err(ledger_failure),
        None => ledger.last_run().map_err(ledger_failure)?.ok_or_else(|| Failure::usage("the ledger holds no run")),
    }
}
