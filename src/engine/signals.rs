//! Requests from a person or the system to a running rollout: Ctrl-C, SIGTERM, approvals.

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
    /// Stop in the next harder way: drain, then stop at the step border, then detach.
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

/// Sends the process's signals into `signals` from now on. Each Ctrl-C asks for a harder stop, SIGTERM detaches, SIGHUP
/// (the terminal is gone) changes nothing. Must be called inside a runtime.
///
/// # Errors
/// If the system refuses a handler.
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
