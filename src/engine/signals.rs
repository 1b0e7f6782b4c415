//! What a person or the system asks of a running rollout: the Ctrl-C ladder, SIGTERM, approvals.

use tokio::sync::mpsc;

use crate::event::Stop;

/// A request to a running rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Stop in this way.
    Stop {
        /// How.
        how: Stop,
        /// Who or what asked.
        by: String,
    },
    /// One rung up the ladder: drain, stop at the step border, detach.
    Harder {
        /// Who or what asked.
        by: String,
    },
    /// Let the stage that waits go on.
    Approve {
        /// Who.
        by: String,
    },
}

/// Sends the process's signals into `signals` from now on: Ctrl-C climbs the ladder, SIGTERM detaches, SIGHUP (a
/// terminal that disappeared) changes nothing. Must be called inside a runtime.
///
/// # Errors
/// When the system refuses a handler.
pub fn listen(signals: mpsc::Sender<Signal>) -> std::io::Result<tokio::task::JoinHandle<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        loop {
            let request = tokio::select! {
                _ = interrupt.recv() => Signal::Harder { by: "Ctrl-C".to_owned() },
                _ = terminate.recv() => Signal::Stop { how: Stop::Detach, by: "SIGTERM".to_owned() },
                _ = hang_up.recv() => {
                    tracing::warn!("the terminal is gone (SIGHUP); the run goes on");
                    continue;
                }
            };
            if signals.send(request).await.is_err() {
                return;
            }
        }
    }))
}
