//! Whether a host's packages are in order and unlocked. Only looks.

use super::{
    ask::{Rights, ask, ask_ahead, raised},
    locks,
    manager::{find, known},
    result::{broken, failed},
};
use crate::{
    command::Command,
    event::StepResult,
    pkg::{self, Class, Health, PackageManager, PackageState, lock_holders},
    step::StepCx,
};

/// The sentence for a broken database before anything was done.
const BROKEN: &str = "the package database is broken";

/// What [`check`] will ask. As long as the host's manager is not known, the question for each manager: those that the
/// host does not have cost nothing, and one more round trip does.
pub(in crate::step) fn check_asks(cx: &StepCx<'_>) -> Vec<Command> {
    let health = |manager: &dyn PackageManager| raised(manager.health().command);
    let mut asks = match known(cx, Rights::Raised) {
        Ok(Some(manager)) => vec![health(manager)],
        Ok(None) => return Vec::new(),
        Err(facts) => std::iter::once(facts).chain(pkg::ALL.iter().map(|manager| health(*manager))).collect(),
    };
    asks.push(raised(lock_holders().command));
    asks
}

/// What a step asks first that goes on with [`state`], once no other program works on the packages. All packages are a
/// long answer, so only the host's own manager is asked for them.
pub(in crate::step) fn state_asks(cx: &StepCx<'_>) -> Vec<Command> {
    let first = match known(cx, Rights::Raised) {
        Ok(Some(manager)) => raised(manager.state().command),
        Ok(None) => return Vec::new(),
        Err(facts) => facts,
    };
    vec![first, raised(lock_holders().command)]
}

/// What is wrong with the host's packages, as a failure; `None` if nothing is wrong.
///
/// # Errors
/// An unreachable host, as its result.
pub(in crate::step) async fn check(cx: &mut StepCx<'_>) -> Result<Option<StepResult>, Box<StepResult>> {
    let manager = match find(cx, Rights::Raised).await? {
        Ok(manager) => manager,
        Err(refusal) => return Ok(Some(failed(Class::Unsupported, refusal.to_string()))),
    };
    let asks = check_asks(cx);
    ask_ahead(cx, asks).await?;
    let health = ask(cx, manager.health()).await?;
    if !health.is_good() {
        return Ok(Some(broken(manager, BROKEN, &health)));
    }
    Ok(locks::working(cx).await?.map(|holder| {
        failed(Class::Lock, format!("the package lock is held by {holder}"))
            .help("wait until it finishes, then run again with --limit @failed")
    }))
}

/// All packages, marks and unfinished business.
///
/// # Errors
/// An unreachable host, as its result.
pub(in crate::step) async fn state(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
) -> Result<PackageState, Box<StepResult>> {
    Ok(ask(cx, manager.state()).await?)
}

/// Fails if the database is not in order, before anything was done.
///
/// # Errors
/// That failure, class `broken-packages`.
pub(in crate::step) fn whole(manager: &dyn PackageManager, health: &Health) -> Result<(), Box<StepResult>> {
    if health.is_good() { Ok(()) } else { Err(Box::new(broken(manager, BROKEN, health))) }
}
