//! Package names in a playbook that a host does not know. One of several may be meant for other hosts of a mixed fleet.
//! On a host that knows none of them nothing can be done, and that does not count as a success.

use std::collections::BTreeSet;

use super::choose::{Choice, NameCheck, Wish, is_pattern};
use crate::{
    event::StepResult,
    pkg::{Class, PackageManager, PackageState},
    step::{StepCx, packages},
    yaml::nearest,
};

/// Separates unknown names from those of packages that are merely not installed.
///
/// # Errors
/// The step's result: class `unknown-package` if the host knows none of the names, or that of a lost host.
pub(super) async fn sort_out(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    wish: &Wish,
    state: &PackageState,
    choice: &mut Choice,
) -> Result<(), Box<StepResult>> {
    // A check leaves the host's package lists as they are; without any lists, only installed packages are known.
    let blind = cx.check && cx.heard.lists_apart.is_none() && state.lists_age.is_none();
    if wish.names.is_empty() || blind {
        return Ok(());
    }
    let named = std::mem::take(&mut choice.not_installed);
    // A text that cannot be a package name is not put into a command line.
    let asked: Vec<String> = named.iter().filter(|name| manager.is_name(name)).cloned().collect();
    let known = if asked.is_empty() { BTreeSet::new() } else { packages::ask(cx, manager.known(&asked)).await? };
    let mut name_check = NameCheck::default();
    for name in named {
        let list = if known.contains(&name) { &mut choice.not_installed } else { &mut name_check.unknown };
        list.push(name);
    }
    let is_known = |name: &&String| !name_check.unknown.contains(*name) && !is_pattern(name);
    name_check.known = wish.names.iter().filter(is_known).cloned().collect();
    if name_check.unknown.len() == wish.names.len() {
        return Err(Box::new(nothing_known(manager, &name_check.unknown, state)));
    }
    choice.name_check = name_check;
    Ok(())
}

fn nothing_known(manager: &dyn PackageManager, unknown: &[String], state: &PackageState) -> StepResult {
    let one = |name: &String| match nearest(name, state.packages.keys().map(String::as_str)) {
        Some(near) => format!("{name} (similar: {near})"),
        None => name.clone(),
    };
    let names = unknown.iter().map(one).collect::<Vec<_>>().join(", ");
    let manager = manager.name();
    packages::failed(Class::UnknownPackage, format!("{manager} knows none of these packages on this host: {names}"))
        .help("check the spelling in `packages`, and that this host has the package source; nothing was changed")
}
