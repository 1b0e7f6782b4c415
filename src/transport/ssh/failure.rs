//! Constructors of failures, in one place, so that they read alike.

use std::time::Duration;

use super::super::{Class, ConnectError, ExecError, Phase};

/// A connect failure without help.
pub(super) fn connect(phase: Phase, class: Class, message: impl Into<String>) -> ConnectError {
    ConnectError { phase, class, message: message.into(), help: None }
}

/// A command that the host never saw.
pub(super) fn unsent(class: Class, message: impl Into<String>) -> ExecError {
    ExecError { sent: false, class, message: message.into(), help: None }
}

/// A command that may have run.
pub(super) fn sent(class: Class, message: impl Into<String>) -> ExecError {
    ExecError { sent: true, class, message: message.into(), help: None }
}

/// `15 s`, `1.5 s`, `2 min`.
pub(super) fn span(duration: Duration) -> String {
    match duration.as_millis() {
        ms if ms < 1000 => format!("{ms} ms"),
        ms if ms % 1000 != 0 => format!("{:.1} s", duration.as_secs_f64()),
        ms if ms >= 120_000 && ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms => format!("{} s", ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        for (ms, text) in [(250, "250 ms"), (1500, "1.5 s"), (15_000, "15 s"), (90_000, "90 s"), (120_000, "2 min")] {
            assert_eq!(span(Duration::from_millis(ms)), text);
        }
    }
}
