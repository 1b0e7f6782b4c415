//! Questions and small changes of the package side, with raised rights: the only place that sets them.

use crate::{
    command::{Command, Output, Query},
    event::StepResult,
    step::{StepCx, change, remote},
    transport::LinkError,
};

/// The rights for questions about a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::step) enum Rights {
    /// Raised: for callers that go on to work with the packages.
    Raised,
    /// Those of the step's own commands.
    Own,
}

impl Rights {
    /// Whether that means raised rights for this step.
    pub(super) fn are_raised(self, cx: &StepCx<'_>) -> bool {
        self == Self::Raised || cx.rights()
    }
}

/// Asks with these rights.
///
/// # Errors
/// As [`remote::ask`].
pub(super) async fn ask_with<T>(cx: &mut StepCx<'_>, rights: Rights, mut query: Query<T>) -> Result<T, LinkError> {
    query.command.privileged = rights.are_raised(cx);
    query.command = with_lists(cx, query.command);
    remote::ask(cx, &query).await
}

/// Asks with raised rights.
///
/// # Errors
/// As [`remote::ask`].
pub(in crate::step) async fn ask<T>(cx: &mut StepCx<'_>, query: Query<T>) -> Result<T, LinkError> {
    ask_with(cx, Rights::Raised, query).await
}

/// Asks together, with raised rights, what [`ask`] will ask one by one.
///
/// # Errors
/// As [`remote::ask_ahead`].
pub(in crate::step) async fn ask_ahead(
    cx: &mut StepCx<'_>,
    commands: impl IntoIterator<Item = Command>,
) -> Result<(), LinkError> {
    let commands = commands.into_iter().map(|command| with_lists(cx, raised(command))).collect();
    remote::ask_ahead(cx, commands).await
}

/// The same question about the package lists that were fetched apart, if some were.
fn with_lists(cx: &StepCx<'_>, command: Command) -> Command {
    match &cx.heard.lists_apart {
        Some(apart) => command.env(&apart.variable.0, &apart.variable.1),
        None => command,
    }
}

/// Asks with the rights of a step that only looks.
///
/// # Errors
/// As [`remote::ask`].
pub(in crate::step) async fn look<T>(cx: &mut StepCx<'_>, query: Query<T>) -> Result<T, LinkError> {
    ask_with(cx, Rights::Own, query).await
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

/// As [`change`], for a change that may be sent again: doing it twice is doing it once.
///
/// # Errors
/// As [`change`].
pub(in crate::step) async fn repeat(
    cx: &mut StepCx<'_>,
    what: &str,
    command: Command,
) -> Result<Output, Box<StepResult>> {
    change::repeat(cx, what, raised(command)).await
}

/// The same command with raised rights.
pub(super) fn raised(command: Command) -> Command {
    command.privileged(true)
}
