//! The questions of a visit, in two round trips: what the host is, then what its package manager says.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::ask::Answers;
use crate::{
    command::{Command, Query, printable},
    facts::{details, host_facts},
    mask::Secrets,
    pkg::{self, Accepts, Class, PackageManager, PackageState, Pending, Refresh, Upkeep},
    record::{HostDocument, HostScanned, InstalledPackage, KernelFacts, Packages},
    transport::{Link, LinkError, NoSink},
};

/// What a visit asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Ask with raised rights, whatever the inventory says.
    pub raise: bool,
    /// Fetch the package lists first. This changes the host's lists, and nothing else.
    pub refresh: bool,
}

/// What a visit found. A part that is not there is not known; `unknown` says why, by the name of the part.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What the host is.
    pub facts: HostDocument,
    /// What an upgrade of everything would do.
    pub pending: Option<Pending>,
    /// What is installed.
    pub packages: Option<Packages>,
    /// What could not be found out, and why.
    pub unknown: BTreeMap<String, String>,
}

impl Found {
    fn not(&mut self, part: &str, why: impl ToString) {
        self.unknown.insert(part.to_owned(), printable(why.to_string().lines().next().unwrap_or_default()));
    }

    /// Whether the host has package lists. The folder of the lists may be there without any.
    fn has_lists(&self) -> bool {
        self.facts.lists_at.is_some() && self.facts.upkeep.as_ref().is_none_or(|upkeep| !upkeep.repositories.is_empty())
    }

    /// Notes sources without a list. A host without any list says that by itself.
    fn absent(&mut self, sources: &[String]) {
        if !sources.is_empty() && self.facts.upkeep.as_ref().is_none_or(|upkeep| !upkeep.repositories.is_empty()) {
            self.not(HostScanned::SOURCES, format!("no package list of {}; --refresh fetches it", sources.join(", ")));
        }
    }

    /// Keeps the value, or why there is none. Errors of the connection end the visit.
    fn part<T>(&mut self, name: &str, answer: Result<T, LinkError>) -> Result<Option<T>, LinkError> {
        match answer {
            Ok(value) => Ok(Some(value)),
            Err(error @ LinkError::Unreadable { .. }) => {
                self.not(name, error);
                Ok(None)
            }
            Err(error) if error.unreachable() => Err(error),
            Err(error) => {
                self.not(name, error);
                Ok(None)
            }
        }
    }
}

/// Looks at a host. `now` is this machine's time.
///
/// # Errors
/// The host cannot be reached, or does not say what it is.
pub async fn look(link: &mut Link, asked: Asked, now: Timestamp) -> Result<Found, LinkError> {
    let raise = asked.raise || link.target().escalation.on;
    let raised = |command: Command| command.privileged(raise);
    let (system, more) = (host_facts(&pkg::programs()), details());
    link.open().await?;
    let id = link.id_query();
    let mut commands = vec![raised(system.command.clone()), raised(more.command.clone())];
    commands.extend(id.iter().map(|id| raised(id.command.clone())));
    let mut answers = Answers::of(link, &commands).await?;
    let mut found = Found::default();
    let asked_again = |query: &Query<_>, command: &Command| with(query, command);
    found.facts.system = answers.read(link, 0, &asked_again(&system, &commands[0])).await?;
    let more = answers.read(link, 1, &with(&more, &commands[1])).await;
    found.facts.details = found.part("details", more)?.unwrap_or_default();
    if let Some(id) = id {
        let answer = answers.read(link, 2, &with(&id, &commands[2])).await;
        let answer = found.part("machine id", answer)?.flatten();
        link.learn_id(answer);
    }
    found.facts.machine = link.take_news().unwrap_or_default();
    match pkg::detect(&found.facts.system) {
        Ok(manager) => {
            found.facts.manager = Some(manager.name().to_owned());
            if asked.refresh {
                refresh(link, manager, raise, &mut found).await?;
            }
            packages(link, manager, raise, now, &mut found).await?;
        }
        Err(refusal) => found.not("packages", refusal),
    }
    hide(&mut found, link.secrets());
    Ok(found)
}

/// Takes out secrets that were sent to the host, where a text of the host may repeat what it got.
fn hide(found: &mut Found, secrets: &Secrets) {
    let hide = |text: &mut String| secrets.hide_in(text);
    found.unknown.values_mut().for_each(hide);
    for runtime in &mut found.facts.details.runtimes {
        runtime.no_answer.iter_mut().for_each(hide);
        for container in runtime.containers.iter_mut().flatten() {
            hide(&mut container.name);
            hide(&mut container.image);
        }
    }
}

/// The query with the rights that its command was given.
fn with<T: 'static>(query: &Query<T>, command: &Command) -> Query<T> {
    let mut query = query.clone();
    query.command.privileged = command.privileged;
    query
}

/// Fetches the lists. If that fails, the old ones are used. Some managers touch them all the same, so that their age is
/// not known.
async fn refresh(
    link: &mut Link,
    manager: &dyn PackageManager,
    raise: bool,
    found: &mut Found,
) -> Result<(), LinkError> {
    let mut query = manager.refresh();
    query.command.privileged = raise;
    let answer = link.ask(&query, &mut NoSink).await;
    match found.part(HostScanned::REFRESH, answer)? {
        Some(Refresh::Locked { .. }) => found.not(HostScanned::REFRESH, "another process has locked the package lists"),
        Some(Refresh::Failed { lines }) => {
            found.not(HostScanned::REFRESH, lines.first().map_or("no reason given", String::as_str));
        }
        Some(Refresh::Fresh) | None => {}
    }
    Ok(())
}

async fn packages(
    link: &mut Link,
    manager: &dyn PackageManager,
    raise: bool,
    now: Timestamp,
    found: &mut Found,
) -> Result<(), LinkError> {
    let (state, pending, boot, upkeep) =
        (manager.state(), manager.pending(Accepts::default()), manager.boot(), manager.upkeep());
    let (origins, unfetched) = (manager.origins(), manager.unfetched());
    let mut commands = Vec::new();
    // Returns its place among the answers.
    let mut asks = |command: &Command| {
        commands.push(command.clone().privileged(raise));
        commands.len() - 1
    };
    let (at_state, at_pending, at_boot) = (asks(&state.command), asks(&pending.command), asks(&boot.command));
    let upkeep = upkeep.map(|query| (asks(&query.command), query));
    let origins = origins.map(|query| (asks(&query.command), query));
    let unfetched = unfetched.map(|query| (asks(&query.command), query));
    let mut answers = Answers::of(link, &commands).await?;
    let boot = answers.read(link, at_boot, &with(&boot, &commands[at_boot])).await;
    if let Some(boot) = found.part("kernels", boot)? {
        found.facts.kernels = Some(KernelFacts::from(&boot.kernels));
        found.facts.reboot = Some(boot.reasons.iter().map(|reason| printable(&reason.to_string())).collect());
    }
    let mut upkeep_of = Upkeep::default();
    match upkeep {
        None => found.not("upkeep", format!("not known of {} hosts", manager.name())),
        Some((at, query)) => {
            let answer = answers.read(link, at, &with(&query, &commands[at])).await;
            found.facts.upkeep = found.part("upkeep", answer)?;
            upkeep_of = found.facts.upkeep.clone().unwrap_or_default();
        }
    }
    if let Some((at, query)) = origins {
        let answer = answers.read(link, at, &with(&query, &commands[at])).await;
        upkeep_of.origins.extend(found.part("source packages", answer)?.unwrap_or_default());
    }
    if let Some((at, query)) = unfetched {
        let answer = answers.read(link, at, &with(&query, &commands[at])).await;
        let absent = found.part("sources without a list", answer)?.unwrap_or_default();
        found.absent(&absent);
    }
    let state = answers.read(link, at_state, &with(&state, &commands[at_state])).await;
    if let Some(state) = found.part("packages", state)? {
        installed(&state, upkeep_of, now, found);
    }
    let pending = answers.read(link, at_pending, &with(&pending, &commands[at_pending])).await;
    let pending = found.part("updates", pending)?;
    updates(manager, pending, found);
    Ok(())
}

fn updates(manager: &dyn PackageManager, pending: Option<Pending>, found: &mut Found) {
    match pending {
        // Without lists nothing can be pending, which says nothing about the host.
        Some(pending) if pending.refused.is_empty() && pending.updates.is_empty() && !found.has_lists() => {
            found.facts.lists_at = None;
            found.not("updates", "the host has no package lists; --refresh fetches them");
        }
        Some(pending) if pending.refused.is_empty() => found.pending = Some(pending),
        Some(refused) => {
            let lists = manager.refusal(&refused.refused).0 == Class::Refresh;
            let next = if lists { "; --refresh fetches the package lists" } else { "" };
            found.not("updates", format!("{}{next}", printable(&refused.refused[0])));
        }
        None => {}
    }
}

fn installed(state: &PackageState, upkeep: Upkeep, now: Timestamp, found: &mut Found) {
    let mut origins = upkeep.origins;
    let list = state.packages.iter().map(|(name, versions)| {
        let source = origins.remove(name);
        let one = |one: &pkg::Installed| InstalledPackage { version: one.version.clone(), source: source.clone() };
        (name.clone(), versions.iter().map(one).collect())
    });
    found.packages = Some(Packages(list.collect()));
    let held = state.packages.keys().filter(|name| state.is_held(name));
    found.facts.held = Some(held.cloned().collect());
    let health = state.health();
    found.facts.broken = (!health.is_good()).then(|| health.to_string());
    let age = state.lists_age.and_then(|age| SignedDuration::try_from(age).ok());
    let fetched = age.filter(|_| !found.unknown.contains_key(HostScanned::REFRESH));
    found.facts.lists_at = fetched.and_then(|age| now.checked_sub(age).ok()).map(coarse);
}

/// A moment to five minutes: the same lists should give the same document, although the host counts in seconds and its
/// answer takes some time.
fn coarse(at: Timestamp) -> Timestamp {
    const STEP: i64 = 300;
    Timestamp::from_second(at.as_second().div_euclid(STEP) * STEP).unwrap_or(at)
}

#[cfg(test)]
#[path = "visit_tests.rs"]
mod tests;
