//! Counts of hosts as everything shows them, JSON included. `RunView::counts` gives each host one word. `Counts::from`
//! has only a tally, which counts hosts in flight separately.

use std::ops::AddAssign;

use serde::Serialize;

use crate::event::{Outcome, Tally};

/// How many hosts are in each state. In JSON the keys are the names of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All hosts.
    pub total: usize,
    /// Done, and every step was checked.
    pub ok: usize,
    /// Rolled back. Not in JSON when there is none.
    #[serde(skip_serializing_if = "is_none")]
    pub rolled_back: usize,
    /// A step failed.
    pub failed: usize,
    /// Could not be reached.
    pub unreachable: usize,
    /// Their state is not known.
    pub unknown: usize,
    /// Between two steps while no controller is running the run.
    pub paused: usize,
    /// Started, not done.
    pub in_flight: usize,
    /// Not started.
    pub not_started: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

impl From<&Tally> for Counts {
    fn from(tally: &Tally) -> Self {
        Self {
            total: tally.total,
            ok: tally.ok,
            rolled_back: tally.rolled_back,
            failed: tally.failed,
            unreachable: tally.unreachable,
            unknown: tally.unknown,
            paused: 0,
            in_flight: tally.in_flight,
            not_started: tally.waiting(),
        }
    }
}

impl Counts {
    /// Hosts that use up the budget.
    pub fn broken(&self) -> usize {
        self.failed + self.unreachable + self.unknown
    }

    /// Counts one more host with this outcome.
    pub fn add(&mut self, outcome: Outcome) {
        self.total += 1;
        let count = match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::RolledBack => &mut self.rolled_back,
            Outcome::Failed => &mut self.failed,
            Outcome::Unreachable => &mut self.unreachable,
            Outcome::Unknown => &mut self.unknown,
            Outcome::Paused => &mut self.paused,
            Outcome::NotStarted => &mut self.not_started,
        };
        *count += 1;
    }

    /// `9 ok, 1 failed, 2 not started`, without the zeros.
    pub fn sentence(&self) -> String {
        let parts = [
            (self.ok, "ok"),
            (self.rolled_back, "rolled back"),
            (self.failed, "failed"),
            (self.unreachable, "unreachable"),
            (self.unknown, "unknown"),
            (self.paused, "paused"),
            (self.in_flight, "in flight"),
            (self.not_started, "not started"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if parts.is_empty() { "no hosts".to_owned() } else { parts.join(", ") }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.ok += other.ok;
        self.rolled_back += other.rolled_back;
        self.failed += other.failed;
        self.unreachable += other.unreachable;
        self.unknown += other.unknown;
        self.paused += other.paused;
        self.in_flight += other.in_flight;
        self.not_started += other.not_started;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_there_is_is_said() {
        let tally = Tally { total: 6, ok: 2, failed: 1, in_flight: 1, ..Tally::default() };
        assert_eq!(Counts::from(&tally).sentence(), "2 ok, 1 failed, 1 in flight, 2 not started");
        assert_eq!(Counts::default().sentence(), "no hosts");
    }
}
