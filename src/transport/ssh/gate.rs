//! How many connections to one sshd may be on their way to a login. The limit is halved when the sshd drops one before
//! its banner, and grows again by one with each login. Knows no address and no deadline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// The places before one sshd.
#[derive(Debug)]
pub(super) struct Gate {
    places: Arc<Semaphore>,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Places in use that are not given back.
    debt: usize,
    /// Attempts that began before this have been answered by the last halving.
    halved: Option<Instant>,
    /// The last answer was a drop.
    crowded: bool,
}

/// A place before one sshd.
#[derive(Debug)]
pub(super) struct GatePlace {
    gate: Arc<Gate>,
    permit: Option<OwnedSemaphorePermit>,
    began: Instant,
}

impl Gate {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            places: Arc::new(Semaphore::new(most)),
            most,
            state: Mutex::new(State { limit: most, debt: 0, halved: None, crowded: false }),
        }
    }

    /// Waits for a place, first come, first served.
    pub(super) async fn enter(self: &Arc<Self>) -> GatePlace {
        let permit = Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed");
        GatePlace { gate: Arc::clone(self), permit: Some(permit), began: Instant::now() }
    }

    /// True while the last answer was a drop.
    pub(super) fn crowded(&self) -> bool {
        self.lock().crowded
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GatePlace {
    /// The sshd hung up before its banner.
    pub(super) fn dropped(&self) {
        let mut state = self.gate.lock();
        state.crowded = true;
        // One burst is one answer.
        if state.halved.is_some_and(|halved| self.began < halved) {
            return;
        }
        state.halved = Some(Instant::now());
        let fewer = (state.limit / 2).max(1);
        let taken = state.limit - fewer;
        let free = self.gate.places.forget_permits(taken);
        state.debt += taken - free;
        state.limit = fewer;
    }

    /// Somebody logged in.
    pub(super) fn welcomed(&self) {
        let mut state = self.gate.lock();
        state.crowded = false;
        if state.limit < self.gate.most {
            state.limit += 1;
            match state.debt {
                0 => self.gate.places.add_permits(1),
                _ => state.debt -= 1,
            }
        }
    }
}

impl Drop for GatePlace {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
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

    async fn free(gate: &Arc<Gate>) -> usize {
        let mut held = Vec::new();
        while let Ok(place) = timeout(Duration::from_millis(1), gate.enter()).await {
            held.push(place);
        }
        held.len()
    }

    #[tokio::test(start_paused = true)]
    async fn drops_halve_once_a_burst_and_logins_let_it_grow() {
        let gate = Arc::new(Gate::new(8));
        let mut burst = Vec::new();
        for _ in 0..8 {
            burst.push(gate.enter().await);
        }
        advance(Duration::from_millis(10)).await;
        burst.iter().for_each(GatePlace::dropped);
        assert!(gate.crowded());
        burst.clear();
        assert_eq!(free(&gate).await, 4);
        for expected in [2, 1, 1] {
            let place = gate.enter().await;
            advance(Duration::from_millis(10)).await;
            place.dropped();
            drop(place);
            assert_eq!(free(&gate).await, expected);
        }
        for expected in [2, 3, 4, 5, 6, 7, 8, 8] {
            gate.enter().await.welcomed();
            assert_eq!(free(&gate).await, expected);
        }
        assert!(!gate.crowded());
    }

    #[tokio::test(start_paused = true)]
    async fn places_in_use_are_taken_back_as_they_come_free() {
        let gate = Arc::new(Gate::new(4));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(gate.enter().await);
        }
        advance(Duration::from_millis(10)).await;
        held[0].dropped();
        held[1].welcomed();
        held.pop();
        assert_eq!(free(&gate).await, 0);
        held.clear();
        assert_eq!(free(&gate).await, 3);
    }
}
