//! Questions and small changes of the package side, with raised rights: the only place that sets them.

use crate::{
    command::{Command, Output, Query},
    event::StepResult,
    step::{StepCx, change, remote},
    transport::LinkError,
};

/// Asks with raised rights.
///
/// # Errors
/// As [`remote::ask`].
pub(in crate::step) async fn ask<T>(cx: &mut StepCx<'_>, mut query: Query<T>) -> Result<T, LinkError> {
    query.command = raised(query.command);
    remote::ask(cx, &query).await
}

/// Runs a short change with raised rights, once.
///
/// # Errors
/// As [`change::change`]; `what` begins its sentence.
pub(in crate::step) async fn change(
    cx: &mut StepCx<'_>,
    what: &str,
    command: Command,
) -> Result<Output, Box<StepResult>> {
    change::change(cx, what, raised(command)).await
}

/// The same command with raised rights.
pub(super) fn raised(command: Command) -> Command {
    command.privileged(true)
}
