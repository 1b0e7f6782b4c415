//! `hold:`: which installed packages an upgrade puts on hold, and the proof that they are. They stay on hold; only a
//! person takes them off. Start at [`wanted`] and [`put`].

use std::collections::BTreeSet;

use super::choose::Wish;
use crate::{
    event::StepResult,
    pkg::{Class, PackageManager, PackageState},
    step::{StepCx, packages},
};

/// Refuses the key where the manager has no holds, before anything is done.
///
/// # Errors
/// The step's result, class `cannot-do`.
pub(super) fn check(manager: &dyn PackageManager, wish: &Wish) -> Result<(), Box<StepResult>> {
    if !wish.hold_patterns.is_empty() {
        manager.hold(&BTreeSet::new(), true)?;
    }
    Ok(())
}

/// The installed packages that are to be held and are not yet.
pub(super) fn wanted(manager: &dyn PackageManager, wish: &Wish, state: &PackageState) -> BTreeSet<String> {
    let is_free = |name: &&String| wish.holds(manager, name) && !state.is_held(name);
    state.packages.keys().filter(is_free).cloned().collect()
}

/// Puts packages on hold, and reads that they are. Does nothing for no names.
///
/// # Errors
/// The step's result: class `hold`, or a change whose end is not known.
pub(super) async fn put(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    names: &BTreeSet<String>,
) -> Result<(), Box<StepResult>> {
    if names.is_empty() {
        return Ok(());
    }
    packages::hold_for_good(cx, manager, names).await?;
    let after = packages::state(cx, manager).await.map_err(|early| Box::new(early.changed(true)))?;
    let free: Vec<&str> = names.iter().filter(|name| !after.is_held(name)).map(String::as_str).collect();
    if free.is_empty() {
        return Ok(());
    }
    let summary = format!("{} said that it holds {}, but they are not on hold", manager.name(), free.join(", "));
    Err(Box::new(packages::failed(Class::Hold, summary).changed(true).help("no package was upgraded")))
}

/// `put on hold: a, b`.
pub(super) fn words(names: &BTreeSet<String>) -> Option<String> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| format!("put on hold: {}", names.join(", ")))
}

/// An early end after packages were put on hold says so.
pub(super) fn and_held(early: Box<StepResult>, names: &BTreeSet<String>) -> Box<StepResult> {
    match words(names) {
        Some(words) => Box::new(early.changed(true).detail([words])),
        None => early,
    }
}
