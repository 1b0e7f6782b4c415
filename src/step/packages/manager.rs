//! Which package manager a host has. What the host is, is asked once per connection, and again over a new one: a reboot
//! ends every old connection.

use super::{
    ask::{Rights, ask_with},
    result::failed,
};
use crate::{
    command::Command,
    event::StepResult,
    facts::{HostFacts, host_facts},
    pkg::{self, Class, PackageManager, Refusal},
    step::StepCx,
    transport::LinkError,
};

type Manager = &'static dyn PackageManager;

/// What the host is. An answer given with raised rights is also valid without them.
async fn facts(cx: &mut StepCx<'_>, rights: Rights) -> Result<HostFacts, LinkError> {
    let raised = rights.are_raised(cx);
    if let Some(known) = cx.link.facts(raised) {
        return Ok(known.clone());
    }
    let facts = ask_with(cx, rights, host_facts(&pkg::programs())).await?;
    cx.link.learn_facts(raised, facts.clone());
    Ok(facts)
}

/// The host's package manager, if it is known already; otherwise the command that asks for it.
pub(in crate::step) fn known(cx: &StepCx<'_>, rights: Rights) -> Result<Option<Manager>, Command> {
    let raised = rights.are_raised(cx);
    match cx.link.facts(raised) {
        Some(facts) => Ok(pkg::detect(facts).ok()),
        None => Err(host_facts(&pkg::programs()).command.privileged(raised)),
    }
}

/// The host's package manager, or why no manager of patchwave can serve it.
///
/// # Errors
/// An unreachable host.
pub(in crate::step) async fn find(cx: &mut StepCx<'_>, rights: Rights) -> Result<Result<Manager, Refusal>, LinkError> {
    let found = pkg::detect(&facts(cx, rights).await?);
    if found.is_err() {
        // The playbook may be about to change this.
        cx.link.forget_facts();
    }
    Ok(found)
}

/// The host's package manager.
///
/// # Errors
/// The step's result: an unreachable host, or a host that this release does not support (class `unsupported`).
pub(in crate::step) async fn manager(cx: &mut StepCx<'_>, rights: Rights) -> Result<Manager, Box<StepResult>> {
    find(cx, rights).await?.map_err(|refusal| Box::new(failed(Class::Unsupported, refusal.to_string())))
}

/// The host's package manager, for a step that is about to change packages.
///
/// # Errors
/// As [`manager`], and class `rights`.
pub(in crate::step) async fn for_changes(cx: &mut StepCx<'_>) -> Result<Manager, Box<StepResult>> {
    let manager = manager(cx, Rights::Raised).await?;
    let uid = facts(cx, Rights::Raised).await?.uid;
    if uid == Some(0) {
        return Ok(manager);
    }
    cx.link.forget_facts();
    let who = uid.map_or("an unknown user".to_owned(), |uid| format!("user {uid}"));
    let summary = format!("{} needs root, but commands run as {who}", manager.name());
    Err(Box::new(failed(Class::Rights, summary).help("set ansible_become_user to root, or remove it")))
}
