//! The run in one number, for scripts.

use super::{RunState, Tally};

impl RunState {
    /// The exit code of `run` and `resume`: `7` some outcome is unknown, `6` hosts failed, `5` hosts unreachable and none
    /// failed, `4` hosts not started and none broken, `0` every selected host is ok. A host that is still in flight when
    /// the controller leaves is unknown. (`1` to `3` are never about hosts.)
    pub fn exit_code(&self) -> u8 {
        self.tally.exit_code()
    }
}

impl Tally {
    /// As [`RunState::exit_code`], over these hosts.
    pub fn exit_code(&self) -> u8 {
        if self.unknown + self.in_flight > 0 {
            7
        } else if self.failed > 0 {
            6
        } else if self.unreachable > 0 {
            5
        } else if self.waiting() > 0 {
            4
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_the_code_of_its_gravest_part() {
        for bits in 0..64usize {
            let bit = |i: usize| (bits >> i) & 1;
            let mut tally = Tally {
                total: 0,
                in_flight: bit(0),
                unknown: bit(1),
                failed: bit(2),
                unreachable: bit(3),
                ok: 1,
                skipped: bit(5),
            };
            tally.total = tally.in_flight + tally.done() + bit(4);
            let gravest = [(0, 7), (1, 7), (2, 6), (3, 5), (4, 4)].iter().find(|(i, _)| bit(*i) == 1);
            assert_eq!(tally.exit_code(), gravest.map_or(0, |(_, code)| *code), "{tally:?}");
        }
    }
}
