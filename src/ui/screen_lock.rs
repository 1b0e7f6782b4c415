//! Shares one terminal between questions and bars: during a question nothing is drawn over what the person types.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use indicatif::ProgressBar;

/// The right to write to the terminal, for the bars or for a question. Clones share it.
#[derive(Clone, Default)]
pub struct ScreenLock(Arc<Mutex<Option<ProgressBar>>>);

impl ScreenLock {
    /// Takes the bars off the screen, asks, and gives the screen back. One question at a time; blocks.
    pub fn ask<T>(&self, question: impl FnOnce() -> T) -> T {
        let bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref().filter(|bar| !bar.is_finished()) {
            Some(bar) => bar.suspend(question),
            None => question(),
        }
    }

    /// Registers a bar, so that questions take it off the screen.
    pub(super) fn of(&self, bar: &ProgressBar) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
    }

    /// The right to draw, unless a question is open.
    pub(super) fn try_draw(&self) -> Option<MutexGuard<'_, Option<ProgressBar>>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl fmt::Debug for ScreenLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScreenLock").finish_non_exhaustive()
    }
}
