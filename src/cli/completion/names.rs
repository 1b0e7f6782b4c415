//! Names that a person may be typing: hosts, groups and earlier outcomes for a pattern, runs, hosts of a run. What
//! cannot be read gives no names and no error, because there is no place for one in a line that is being typed.
//! Inventories that are programs are not started, and nothing asks for a password. Start at [`Names`].

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs::Metadata,
    path::{Path, PathBuf},
};

use clap_complete::{
    CompletionCandidate,
    engine::{PathCompleter, ValueCompleter},
};
use jiff::tz::TimeZone;

use crate::{
    cli::{World, settings::Settings, state_dir::state_dir},
    event::{Outcome, RunState},
    inventory::{Inventory, NoPrograms, Sources, is_host_list},
    ledger::Ledger,
    ui,
};

/// More names than this help nobody, and slow the shell down.
const MOST: usize = 1000;
/// As many runs as `runs` lists.
const RUNS: usize = 20;

/// What the words so far say about where names come from.
pub(super) struct Names {
    pub(super) folder: PathBuf,
    state_dir: Option<PathBuf>,
    inventories: Vec<PathBuf>,
    zone: TimeZone,
}

impl Names {
    pub(super) fn of(words: &[OsString], world: &World) -> Self {
        let given = |names: &[&str]| -> Vec<PathBuf> { values(words, names) };
        let inventories = given(&["--inventory", "-i"]);
        let state = given(&["--state-dir"]).pop();
        Self {
            folder: world.folder.clone(),
            state_dir: state_dir(state.as_deref(), world).ok(),
            inventories: if inventories.is_empty() { Settings::find(world).inventories() } else { inventories },
            zone: world.zone(),
        }
    }

    /// Groups, hosts, and outcomes of the last run, for the last name of a pattern like `web:!db`.
    pub(super) fn patterns(&self, word: &OsStr) -> Vec<CompletionCandidate> {
        let Some(word) = word.to_str() else { return Vec::new() };
        let at = word.rfind([',', ':']).map_or(0, |at| at + 1);
        let at = at + usize::from(word[at..].starts_with(['!', '&']));
        let (before, begun) = word.split_at(at);
        let inventory = self.inventory();
        let groups = inventory.iter().flat_map(Inventory::group_names).map(|name| candidate(name, "group"));
        let hosts = inventory.iter().flat_map(|inventory| inventory.hosts()).map(|host| candidate(host.as_str(), ""));
        let names = groups.chain(hosts).chain(self.outcomes());
        beginning(begun, names).into_iter().map(|name| name.add_prefix(before)).collect()
    }

    pub(super) fn hosts(&self, word: &OsStr) -> Vec<CompletionCandidate> {
        let Some(begun) = word.to_str() else { return Vec::new() };
        let inventory = self.inventory();
        let hosts = inventory.iter().flat_map(|inventory| inventory.hosts());
        beginning(begun, hosts.map(|host| candidate(host.as_str(), "")))
    }

    /// The hosts of the newest run, those that are not ok first.
    pub(super) fn hosts_of_the_run(&self, word: &OsStr) -> Vec<CompletionCandidate> {
        let Some((begun, state)) = word.to_str().zip(self.newest()) else { return Vec::new() };
        let mut outcomes: Vec<_> = state.outcomes().map(|(host, outcome)| (outcome, host.name.as_str())).collect();
        outcomes.sort_by_key(|(outcome, _)| *outcome == Outcome::Ok);
        beginning(begun, outcomes.into_iter().map(|(outcome, host)| candidate(host, outcome.as_str())))
    }

    pub(super) fn runs(&self, word: &OsStr) -> Vec<CompletionCandidate> {
        let rows = word.to_str().and_then(|begun| Some((begun, self.ledger()?.runs(RUNS).ok()?)));
        let Some((begun, rows)) = rows else { return Vec::new() };
        let named = rows.into_iter().map(|row| {
            let at = row.started_at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M");
            let check = if row.check { " (check)" } else { "" };
            candidate(&row.run.0, &format!("{}{check}, {at}", ui::clean(&row.playbook, 60)))
        });
        // A run may also be named by the letters at its end; they are completed to the whole id.
        let by_end = |id: &str| id.rsplit('-').next().is_some_and(|end| !begun.is_empty() && end.starts_with(begun));
        let named = named.filter(|run| {
            let id = run.get_value().to_string_lossy();
            id.starts_with(begun) || by_end(&id)
        });
        named.enumerate().map(|(at, run)| run.display_order(Some(at))).collect()
    }

    /// `@failed` and the like, as far as the newest run has such hosts.
    fn outcomes(&self) -> Vec<CompletionCandidate> {
        let Some(state) = self.newest() else { return Vec::new() };
        let found: BTreeSet<Outcome> = state.outcomes().map(|(_, outcome)| outcome).collect();
        let mut words: Vec<&str> = found.iter().map(|outcome| outcome.as_str()).collect();
        if found.iter().any(|outcome| outcome.is_unfinished()) {
            words.push("unfinished");
        }
        words.into_iter().map(|word| candidate(&format!("@{word}"), "hosts of the last run")).collect()
    }

    fn newest(&self) -> Option<RunState> {
        let ledger = self.ledger()?;
        let run = ledger.real_runs(1).ok()?.pop()?.run;
        ledger.state(&run).ok()
    }

    fn ledger(&self) -> Option<Ledger> {
        Ledger::open_read_only(self.state_dir.as_ref()?).ok()
    }

    fn inventory(&self) -> Option<Inventory> {
        // A device or a pipe could wait, or take what the person is typing.
        let is_safe = |path: &PathBuf| {
            is_host_list(path) || self.folder.join(path).metadata().is_ok_and(|found| !is_stream(&found))
        };
        let inventories: Vec<PathBuf> = self.inventories.iter().filter(|path| is_safe(path)).cloned().collect();
        if inventories.is_empty() {
            return None;
        }
        let sources = Sources {
            inventories: &inventories,
            beside: None,
            // Half an inventory is better than none while a line is being typed.
            lenient: true,
            programs: &NoPrograms,
            vault: Default::default(),
        };
        Inventory::load(&sources).ok()
    }
}

fn is_stream(found: &Metadata) -> bool {
    !found.is_file() && !found.is_dir()
}

/// The values of an option: `-i X`, `-iX`, `--inventory X` and `--inventory=X`.
fn values(words: &[OsString], names: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut words = words.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        for name in names {
            let long = name.starts_with("--");
            let joined = word.strip_prefix(name).filter(|rest| !rest.is_empty());
            let joined = if long { joined.and_then(|rest| rest.strip_prefix('=')) } else { joined };
            let value = if word == *name { words.next() } else { joined };
            found.extend(value.map(PathBuf::from));
        }
    }
    found
}

fn candidate(name: &str, help: &str) -> CompletionCandidate {
    let help = (!help.is_empty()).then(|| help.to_owned().into());
    CompletionCandidate::new(name).help(help)
}

/// The first of these that begin like this, in their order.
fn beginning(begun: &str, names: impl IntoIterator<Item = CompletionCandidate>) -> Vec<CompletionCandidate> {
    let fits = |name: &CompletionCandidate| name.get_value().to_str().is_some_and(|name| name.starts_with(begun));
    let names = names.into_iter().filter(fits).take(MOST).enumerate();
    names.map(|(at, name)| name.display_order(Some(at))).collect()
}

/// Folders, and files that may be playbooks.
pub(super) fn playbooks(folder: &Path) -> impl ValueCompleter + 'static {
    let yaml = |path: &Path| path.is_dir() || path.extension().is_some_and(|end| end == "yml" || end == "yaml");
    PathCompleter::any().filter(yaml).current_dir(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_found_in_each_of_its_forms() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let found = |line: &str| values(&words(line), &["--inventory", "-i"]);
        let all = ["a", "b", "c", "d"].map(PathBuf::from);
        assert_eq!(found("patchwave run -i a x -ib --inventory c --inventory=d --ignore-window"), all);
        assert_eq!(found("patchwave run -i"), [""; 0].map(PathBuf::from));
        assert_eq!(found("patchwave runs"), [""; 0].map(PathBuf::from));
    }
}
