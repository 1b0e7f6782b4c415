//! Short changes of a host: sent once, and kept from doing anything where the host's lease is not this run's any more.

use super::{
    StepCx, lease,
    remote::{self, LEAST, Patience},
    result::lost_change,
};
use crate::{
    command::{Command, Output},
    event::StepResult,
};

/// Runs a short changing command, once: a host that is away before it was sent is waited for as in [`read`]. What it
/// says goes to the host's log. It does nothing unless the host's lease is still this run's.
///
/// # Errors
/// A result that is `Unknown` if the command was sent and its end is not known (`what` begins its sentence), and class
/// `lease-lost`.
pub(super) async fn change(cx: &mut StepCx<'_>, what: &str, command: Command) -> Result<Output, Box<StepResult>> {
    cx.heard.forget();
    let command = lease::checked(cx, command.changing());
    let mut patience = Patience::new(cx, command.timeout);
    loop {
        let timed = command.clone().timeout(command.timeout.min(cx.remaining()).max(LEAST));
        let error = match cx.link.exec(&timed, &mut *cx.log).await {
            Ok(output) => return lease::kept_from(&output).map_or(Ok(output), Err),
            Err(error) => error,
        };
        if error.outcome_unknown() || !patience.again(cx, &error).await {
            return Err(lost_change(what, &error));
        }
    }
}

/// As [`change`], for a change that is sent again after a lost connection, because doing it twice is doing it once.
///
/// # Errors
/// A result that is `Unknown` if it was sent and its end is not known; class `lease-lost`.
pub(super) async fn repeat(cx: &mut StepCx<'_>, what: &str, command: Command) -> Result<Output, Box<StepResult>> {
    let command = lease::checked(cx, command.changing());
    let (output, _) = remote::repeat(cx, what, command).await?;
    lease::kept_from(&output).map_or(Ok(output), Err)
}
