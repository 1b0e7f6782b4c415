//! Where time comes from: wall time for records, monotonic time for deadlines.
//! Waiting itself is tokio's, so that a paused runtime drives both. Start at [`Clock`].

use jiff::Timestamp;
use tokio::time::Instant;

/// The source of wall time. Deadlines use [`tokio::time::Instant`].
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A wall clock that advances with tokio's clock, so that a rehearsal and tests move both at once.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    origin: Timestamp,
    started: Instant,
}

impl TokioClock {
    /// Starts at `origin`.
    pub fn starting_at(origin: Timestamp) -> Self {
        Self { origin, started: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let since = jiff::SignedDuration::try_from(self.started.elapsed()).unwrap_or(jiff::SignedDuration::ZERO);
        self.origin.saturating_add(since).unwrap_or(Timestamp::MAX)
    }
}
