//! How many connections to one sshd may be logging in at the same time. The limit is halved when the sshd drops one
//! before its banner, and grows again by one with each login. Knows no address and no deadline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// The limit of one sshd.
#[derive(Debug)]
pub(super) struct ConnectLimit {
    places: Arc<Semaphore>,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Permits in use that will not be returned, because the limit has dropped.
    debt: usize,
    /// Attempts that started before this are covered by the last halving.
    halved: Option<Instant>,
    /// The last attempt was dropped.
    dropping: bool,
}

/// Permission for one connection to an sshd.
#[derive(Debug)]
pub(super) struct ConnectPermit {
    sshd: Arc<ConnectLimit>,
    permit: Option<OwnedSemaphorePermit>,
    began: Instant,
}

impl ConnectLimit {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            places: Arc::new(Semaphore::new(most)),
            most,
            state: Mutex::new(State { limit: most, debt: 0, halved: None, dropping: false }),
        }
    }

    /// Waits for a permit, first come, first served.
    pub(super) async fn enter(self: &Arc<Self>) -> ConnectPermit {
        let permit = Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed");
        ConnectPermit { sshd: Arc::clone(self), permit: Some(permit), began: Instant::now() }
    }

    /// True while the last attempt was dropped.
    pub(super) fn dropping(&self) -> bool {
        self.lock().dropping
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectPermit {
    /// The sshd hung up before its banner.
    pub(super) fn dropped(&self) {
        let mut state = self.sshd.lock();
        state.dropping = true;
        // A burst of drops counts once.
        if state.halved.is_some_and(|halved| self.began < halved) {
            return;
        }
        state.halved = Some(Instant::now());
        let fewer = (state.limit / 2).max(1);
        let taken = state.limit - fewer;
        let free = self.sshd.places.forget_permits(taken);
        state.debt += taken - free;
        state.limit = fewer;
    }

    /// A login succeeded.
    pub(super) fn logged_in(&self) {
        let mut state = self.sshd.lock();
        state.dropping = false;
        if state.limit < self.sshd.most {
            state.limit += 1;
            match state.debt {
                0 => self.sshd.places.add_permits(1),
                _ => state.debt -= 1,
            }
        }
    }
}

impl Drop for ConnectPermit {
    fn drop(&mut self) {
        let mut state = self.sshd.lock();
        if state.debt > 0 {
            state.debt -= 1;
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{advance, timeout};

    use super::*;

    async fn free(sshd: &Arc<ConnectLimit>) -> usize {
        let mut held = Vec::new();
        while let Ok(place) = timeout(Duration::from_millis(1), sshd.enter()).await {
            held.push(place);
        }
        held.len()
    }

    #[tokio::test(start_paused = true)]
    async fn drops_halve_once_a_burst_and_logins_let_it_grow() {
        let sshd = Arc::new(ConnectLimit::new(8));
        let mut burst = Vec::new();
        for _ in 0..8 {
            burst.push(sshd.enter().await);
        }
        advance(Duration::from_millis(10)).await;
        burst.iter().for_each(ConnectPermit::dropped);
        assert!(sshd.dropping());
        burst.clear();
        assert_eq!(free(&sshd).await, 4);
        for expected in [2, 1, 1] {
            let place = sshd.enter().await;
            advance(Duration::from_millis(10)).await;
            place.dropped();
            drop(place);
            assert_eq!(free(&sshd).await, expected);
        }
        for expected in [2, 3, 4, 5, 6, 7, 8, 8] {
            sshd.enter().await.logged_in();
            assert_eq!(free(&sshd).await, expected);
        }
        assert!(!sshd.dropping());
    }

    #[tokio::test(start_paused = true)]
    async fn places_in_use_are_taken_back_as_they_come_free() {
        let sshd = Arc::new(ConnectLimit::new(4));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(sshd.enter().await);
        }
        advance(Duration::from_millis(10)).await;
        held[0].dropped();
        held[1].logged_in();
        held.pop();
        assert_eq!(free(&sshd).await, 0);
        held.clear();
        assert_eq!(free(&sshd).await, 3);
    }
}
