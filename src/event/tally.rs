//! Counts of hosts by their state.

use std::ops::AddAssign;

use super::Outcome;

/// How many hosts are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All hosts.
    pub total: usize,
    /// With a slot, not done.
    pub in_flight: usize,
    /// Done, and every step was checked.
    pub ok: usize,
    /// Done: its packages are as before an upgrade again.
    pub rolled_back: usize,
    /// Done: a step failed.
    pub failed: usize,
    /// Done: could not be reached.
    pub unreachable: usize,
    /// Done: its state is not known.
    pub unknown: usize,
}

impl Tally {
    /// Hosts that use up the budget.
    pub fn broken(&self) -> usize {
        self.failed + self.unreachable + self.unknown
    }

    /// Hosts that are done, with any outcome.
    pub fn done(&self) -> usize {
        self.ok + self.rolled_back + self.broken()
    }

    /// Hosts that have not started.
    pub fn waiting(&self) -> usize {
        self.total - self.in_flight - self.done()
    }

    pub(super) fn start(&mut self) {
        self.in_flight += 1;
    }

    pub(super) fn finish(&mut self, outcome: Outcome) {
        self.in_flight -= 1;
        match outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::RolledBack => self.rolled_back += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Unreachable => self.unreachable += 1,
            Outcome::Unknown => self.unknown += 1,
            Outcome::NotStarted | Outcome::Paused => unreachable!("refused before"),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.in_flight += other.in_flight;
        self.ok += other.ok;
        self.rolled_back += other.rolled_back;
        self.failed += other.failed;
        self.unreachable += other.unreachable;
        self.unknown += other.unknown;
    }
}
