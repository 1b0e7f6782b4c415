//! Hosts that a rollback leaves out, because the record of the run says that there is no way back for them. They are
//! named before the start and at the end, with their snapshots. Start at [`LeftOut::of`].

use std::{collections::HashMap, path::Path};

use indexmap::IndexMap;

use crate::{
    cli::{Failure, World},
    event::{RunId, RunState},
    hint::Hint,
    host::HostName,
    ledger::Ledger,
    names,
    pkg::Undo,
    view,
};

/// The exit code of a run with a host that is not as it was asked for.
const NOT_ALL: u8 = 6;

/// The hosts, in the order of the run's plan, by what they lack.
#[derive(Debug, Default)]
pub(super) struct LeftOut(IndexMap<String, Vec<HostName>>);

impl LeftOut {
    /// Takes them out of `hosts`.
    pub(super) fn of(then: &RunState, hosts: &mut HashMap<HostName, Undo>) -> Self {
        let mut all: IndexMap<String, Vec<HostName>> = IndexMap::new();
        for host in &then.hosts {
            let Some(undo) = hosts.get(&host.name) else { continue };
            let lacks: Vec<String> = undo.lacks().map(ToString::to_string).collect();
            if !lacks.is_empty() {
                all.entry(few(&lacks)).or_default().push(host.name.clone());
                hosts.remove(&host.name);
            }
        }
        Self(all)
    }

    fn count(&self) -> String {
        view::count(self.0.values().map(Vec::len).sum(), "host")
    }

    /// Before the start: which hosts, and what each of them lacks.
    pub(super) fn say(&self, then: &RunState, world: &mut World) {
        if self.0.is_empty() {
            return;
        }
        world.talk(format_args!(
            "left out, because there is no way back: {}. When run {} replaced these versions, they were in no package \
             source:",
            self.count(),
            then.started.run
        ));
        for (lacks, hosts) in &self.0 {
            world.talk(format_args!("  {}: {lacks}", names::fold(hosts)));
            hosts.iter().filter_map(|host| snapshot(then, host)).for_each(|line| world.talk(format_args!("  {line}")));
        }
        world.talk("  if a source has them by now: --try-all");
    }

    /// There is nothing else to do.
    pub(super) fn refusal(&self, run: &RunId) -> Failure {
        let help = Hint::words("once a package source has the old versions: ")
            .and_command("rollback", &[&run.0, "--try-all"])
            .and("; otherwise restore snapshots");
        Failure::refused(format!("there is no way back for {} that run {run} changed", self.count())).help(help)
    }

    /// At the end; the exit code with them.
    pub(super) fn end(&self, code: u8, world: &mut World) -> u8 {
        if self.0.is_empty() {
            return code;
        }
        let hosts: Vec<HostName> = self.0.values().flatten().cloned().collect();
        world.talk(format_args!("left out, not rolled back: {} (no way back)", names::fold(&hosts)));
        if matches!(code, 0 | 4) { NOT_ALL } else { code }
    }
}

/// The first three of many.
fn few(all: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// For hosts that could not be rolled back: which snapshot the run took of them, and what restores it.
pub(super) fn name_snapshots(then: &RunState, state_dir: &Path, run: &RunId, world: &mut World) {
    let Ok(state) = Ledger::open_read_only(state_dir).and_then(|ledger| ledger.state(run)) else { return };
    let broken = state.hosts.iter().filter(|host| host.outcome().uses_budget());
    broken.filter_map(|host| snapshot(then, &host.name)).for_each(|line| world.talk(line));
}

/// Which snapshot the run took of a host, and what restores it, if it knows both.
fn snapshot(then: &RunState, host: &HostName) -> Option<String> {
    let restore = then.plan().on_failure.iter().find(|step| step.kind.restores_snapshot())?;
    let id = then.hosts.iter().find(|before| before.name == *host)?.snapshot()?;
    let hook = restore.kind.hook().unwrap_or_default();
    let line = hook.replace("{{ inventory_hostname }}", host.as_str()).replace("{{ snapshot.id }}", id);
    let run = &then.started.run;
    Some(format!("{host}: not rolled back; run {run} took snapshot {id} before its changes. To restore it: {line}"))
}
