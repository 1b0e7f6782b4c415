//! What `@failed` and the other outcome selectors mean, from earlier runs.

use std::path::PathBuf;

use crate::{
    event::{Outcome, RunId, RunState},
    inventory::PastRuns,
    ledger::Ledger,
};

/// Earlier runs of one playbook, read from the ledger when a pattern needs them.
pub(super) struct RecordedRuns {
    pub(super) state_dir: PathBuf,
    /// The playbook whose last run `@failed` means; `None`: the last run of any playbook. Checks do not count.
    pub(super) playbook: Option<String>,
}

impl PastRuns for RecordedRuns {
    fn hosts(&self, run: Option<&str>, outcome: &str) -> Result<Vec<String>, String> {
        let ledger = Ledger::open_read_only(&self.state_dir).map_err(|error| error.to_string())?;
        let run = self.which(&ledger, run)?;
        let events = ledger.events(&run).map_err(|error| error.to_string())?;
        let state = RunState::fold(&events).map_err(|error| format!("run {run}: {error}"))?;
        if state.started.rehearsal {
            return Err(format!("run {run} is a rehearsal: what it says of its hosts is not true of the real ones"));
        }
        Ok(state
            .outcomes()
            .filter(|(_, found)| matches(outcome, *found))
            .map(|(host, _)| host.name.as_str().to_owned())
            .collect())
    }
}

impl RecordedRuns {
    fn which(&self, ledger: &Ledger, run: Option<&str>) -> Result<RunId, String> {
        let none = |what: &str| format!("no run {what} is in the ledger at {}", self.state_dir.display());
        match (run, &self.playbook) {
            (Some(prefix), _) => ledger.find(prefix).map_err(|error| error.to_string()),
            (None, Some(playbook)) => ledger
                .last_run_of(playbook)
                .map_err(|error| error.to_string())?
                .ok_or_else(|| none(&format!("of {playbook}"))),
            (None, None) => {
                let newest = ledger.real_runs(1).map_err(|error| error.to_string())?.pop();
                newest.map(|row| row.run).ok_or_else(|| none("at all"))
            }
        }
    }
}

/// `unfinished` means everything except `ok` and hosts that were left out on purpose.
fn matches(word: &str, outcome: Outcome) -> bool {
    match word {
        "unfinished" => outcome.is_unfinished(),
        word => outcome.as_str() == word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_is_everything_that_still_has_to_be_done() {
        let of = |word| Outcome::ALL.into_iter().filter(|o| matches(word, *o)).map(Outcome::as_str).collect::<Vec<_>>();
        assert_eq!(of("unfinished"), ["failed", "unreachable", "unknown", "rolled_back", "paused", "not_started"]);
        assert_eq!((of("failed"), of("paused")), (vec!["failed"], vec!["paused"]));
        assert_eq!(of("not_started"), ["not_started"]);
        assert!(of("nonsense").is_empty());
    }
}
