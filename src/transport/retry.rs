//! Whether a failed connection is retried, and after which pause. Only a peer that hung up before the login is retried:
//! it has seen nothing of us. Refusals, time-outs and bad keys are final.

use std::time::Duration;

use super::{Class, ConnectError, Phase};
use crate::target::Limits;

/// Attempts when the peer hangs up before its banner, which is how sshd says "later" (`MaxStartups`).
const TRIES_BEFORE_BANNER: u32 = 8;
/// Attempts when it hangs up during the key exchange.
const TRIES: u32 = 3;
/// The longest first pause; each later one may be twice as long as the one before.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(8);

/// The retries of one connection.
#[derive(Debug)]
pub(super) struct Retries {
    done: u32,
    /// The time left for all further pauses together.
    left: Duration,
}

impl Retries {
    /// All pauses together take at most the deadlines of connect and handshake.
    pub(super) fn new(limits: &Limits) -> Self {
        Self { done: 0, left: limits.connect + limits.handshake }
    }

    /// How long to wait before the next attempt; `None`: do not retry.
    pub(super) fn after(&mut self, error: &ConnectError) -> Option<Duration> {
        self.done += 1;
        let most = match (error.class, error.phase) {
            (Class::Closed, Phase::Banner) => TRIES_BEFORE_BANNER,
            (Class::Closed, Phase::KeyExchange) => TRIES,
            _ => return None,
        };
        if self.done >= most || self.left.is_zero() {
            return None;
        }
        // Full jitter: hosts that were dropped together do not come back together.
        let ceiling = (FIRST * 2u32.saturating_pow(self.done - 1)).min(LONGEST).min(self.left);
        let pause = ceiling.mul_f64(fastrand::f64());
        self.left = self.left.saturating_sub(pause);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(phase: Phase, class: Class) -> ConnectError {
        ConnectError { phase, class, message: String::new(), help: None }
    }

    #[test]
    fn only_a_peer_that_hung_up_before_the_login_is_tried_again() {
        let tries = |phase, class| {
            let mut retries = Retries::new(&Limits { connect: Duration::from_secs(3600), ..Limits::default() });
            1 + std::iter::from_fn(|| retries.after(&failed(phase, class))).count()
        };
        assert_eq!(tries(Phase::Banner, Class::Closed), 8);
        assert_eq!(tries(Phase::KeyExchange, Class::Closed), 3);
        for (phase, class) in [
            (Phase::Connect, Class::Refused),
            (Phase::Connect, Class::Closed),
            (Phase::Connect, Class::TimedOut),
            (Phase::Banner, Class::TimedOut),
            (Phase::HostKey, Class::HostKeyUnknown),
            (Phase::Auth, Class::Closed),
            (Phase::Auth, Class::Auth),
        ] {
            assert_eq!(tries(phase, class), 1, "{phase:?} {class:?}");
        }
    }

    #[test]
    fn pauses_grow_to_a_bound_and_fit_into_the_deadlines() {
        let error = failed(Phase::Banner, Class::Closed);
        for _ in 0..200 {
            let mut retries = Retries::new(&Limits::default());
            let pauses: Vec<Duration> = std::iter::from_fn(|| retries.after(&error)).collect();
            for (n, pause) in (0u32..).zip(&pauses) {
                assert!(*pause <= (FIRST * 2u32.pow(n)).min(LONGEST), "{pauses:?}");
            }
            assert!(pauses.iter().sum::<Duration>() <= Duration::from_secs(25), "{pauses:?}");
        }
    }
}
