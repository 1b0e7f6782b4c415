//! Group commit: how long a fact waits for others before it is written with them. A transaction costs a flush of the
//! disk, however much is in it; a wait costs each host a little of its time. Knows nothing of hosts but how long they
//! took.

use std::time::Duration;

/// Before any host has shown how long a walk takes.
const AT_FIRST: Duration = Duration::from_millis(5);
/// The most that anybody waits: a person who looks sees no older picture than between two ticks.
const AT_MOST: Duration = Duration::from_millis(250);
/// A host waits a dozen times in its walk, each time at most this part of a usual walk for each host in flight: with
/// 256 of them the walk is longer by 3 % at the very most.
const PART: u32 = 100_000;

/// The walks that this controller saw end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GroupCommit {
    walks: u32,
    took: Duration,
}

impl GroupCommit {
    /// A host is done after so long.
    pub(super) fn walk_ended(&mut self, took: Duration) {
        self.walks = self.walks.saturating_add(1);
        self.took = self.took.saturating_add(took);
    }

    /// How long a fact may wait while so many hosts are in flight. Few of them would wait for little.
    pub(super) fn wait(&self, in_flight: usize) -> Duration {
        if self.walks == 0 {
            return AT_FIRST;
        }
        let usual = self.took / self.walks;
        let hosts = u32::try_from(in_flight).unwrap_or(u32::MAX);
        (usual / PART).saturating_mul(hosts).min(AT_MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(walks: &[u64], in_flight: usize) -> u128 {
        let mut commit = GroupCommit::default();
        walks.iter().for_each(|secs| commit.walk_ended(Duration::from_secs(*secs)));
        commit.wait(in_flight).as_micros()
    }

    #[test]
    fn the_wait_is_a_small_part_of_a_walk() {
        assert_eq!(wait(&[], 256), 5_000, "nobody knows yet");
        assert_eq!(wait(&[1], 1), 10);
        assert_eq!(wait(&[60], 10), 6_000);
        assert_eq!(wait(&[30, 90], 256), 153_600, "the usual walk is a minute");
        assert_eq!(wait(&[600], 256), 250_000, "nobody waits longer");
        assert_eq!(wait(&[0], usize::MAX), 0);
        assert_eq!(wait(&[1], usize::MAX), 250_000);
    }
}
