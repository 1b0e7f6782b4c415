//! Counts of hosts in the shape that all readers show, JSON included. `Counts::from` keeps hosts in flight apart;
//! `RunView::counts` gives each host one outcome.

use serde::Serialize;

use crate::event::Tally;

/// How many hosts are where. As JSON the keys are the names of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub total: usize,
    /// Done and proved.
    pub ok: usize,
    /// A step failed.
    pub failed: usize,
    /// Could not be reached.
    pub unreachable: usize,
    /// Cannot be known.
    pub unknown: usize,
    /// Left out on purpose.
    pub skipped: usize,
    /// With a slot, not done.
    pub in_flight: usize,
    /// Without a slot yet.
    pub not_started: usize,
}

impl From<&Tally> for Counts {
    fn from(tally: &Tally) -> Self {
        Self {
            total: tally.total,
            ok: tally.ok,
            failed: tally.failed,
            unreachable: tally.unreachable,
            unknown: tally.unknown,
            skipped: tally.skipped,
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

    /// `9 ok, 1 failed, 2 not started`: only what there is.
    pub fn sentence(&self) -> String {
        self.sentence_with("in flight")
    }

    /// The same with another word for the hosts in flight: without a controller they are `open`.
    pub fn sentence_with(&self, in_flight: &str) -> String {
        let parts = [
            (self.ok, "ok"),
            (self.failed, "failed"),
            (self.unreachable, "unreachable"),
            (self.unknown, "unknown"),
            (self.skipped, "skipped"),
            (self.in_flight, in_flight),
            (self.not_started, "not started"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if parts.is_empty() { "no hosts".to_owned() } else { parts.join(", ") }
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
