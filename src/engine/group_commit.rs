//! Group commit: how long an event waits for others before all are written together. A transaction costs a flush of the
//! disk, however much is in it; waiting costs each host a little time. Knows only how long the walks of hosts took.

use std::time::Duration;

/// The wait before any walk has ended.
const AT_FIRST: Duration = Duration::from_millis(5);
/// The longest wait: the screen is never older than one tick.
const AT_MOST: Duration = Duration::from_millis(250);
/// A host waits about a dozen times in its walk. Each wait is at most this fraction of the average walk, for each host
/// in flight: with 256 hosts a walk gets at most 3 % longer.
const PART: u32 = 100_000;

/// The walks that this controller saw end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GroupCommit {
    walks: u32,
    took: Duration,
}

impl GroupCommit {
    /// Counts a walk that took this long.
    pub(super) fn walk_ended(&mut self, took: Duration) {
        self.walks = self.walks.saturating_add(1);
        self.took = self.took.saturating_add(took);
    }

    /// How long an event may wait while this many hosts are in flight. With few hosts, waiting gains little.
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
        assert_eq!(wait(&[], 256), 5_000, "no walk has ended yet");
        assert_eq!(wait(&[1], 1), 10);
        assert_eq!(wait(&[60], 10), 6_000);
        assert_eq!(wait(&[30, 90], 256), 153_600, "the usual walk is a minute");
        assert_eq!(wait(&[600], 256), 250_000, "the longest wait");
        assert_eq!(wait(&[0], usize::MAX), 0);
        assert_eq!(wait(&[1], usize::MAX), 250_000);
    }
}
