//! The planner: collects what the inventory says about each selected host, and makes stages, rules and waves from it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use super::{
    Domain, Moment, Pinned, Plan, PlannedHost, Stage, Wave,
    digest::{Marks, VarsDigest},
    encrypted::Encrypted,
    spread::Filling,
    stage_rules::StageRules,
    stages::{self, Candidate, Draft},
};
use crate::{
    calendar::Windows,
    host::HostName,
    inventory::Inventory,
    names,
    playbook::Playbook,
    policy::{Approve, Mode, Policy, Spread},
    yaml::Problems,
};

/// Plans a run of `playbook` over the `selected` hosts.
///
/// The policy of a stage wins over the playbook's `rollout`, and that wins over the inventory. A window in the playbook
/// narrows the inventory's. Hosts of one stage with different policies get the most careful one. The order of
/// `selected` is the order inside a stage.
///
/// # Errors
/// Nothing is selected; a host is not in the inventory, has no environment or risk (unless the playbook names its
/// stages), is in no stage, or lacks the label that `spread` needs; a stage's pattern is wrong.
pub fn build(inventory: &Inventory, playbook: &Playbook, selected: &[HostName]) -> Result<Plan, Problems> {
    let mut problems = Problems::default();
    let hosts = candidates(inventory, selected, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let total = hosts.len();
    let vars = Variables::collect(&hosts, inventory, playbook, &mut problems);
    let rollout = &playbook.rollout;
    let drafts = in_stages(hosts, inventory, playbook, selected, &mut problems);
    let mut shared = Shared::default();
    let stages = drafts.into_iter().map(|draft| stage(draft, &vars, &mut shared)).collect();
    shared.report(&mut problems);
    let mut plan = Plan {
        playbook: playbook.name.clone(),
        stages,
        steps: playbook.steps.clone(),
        on_failure: playbook.on_failure.clone(),
        max_failures: rollout.max_failures.map(|amount| amount.of(total)),
        on_budget_spent: rollout.on_budget_spent.unwrap_or_default(),
        ignores_windows: false,
        skipped: Vec::new(),
        dates: Default::default(),
        undoes: None,
        vars_digest: vars.digest,
        pinned: Pinned::default(),
    };
    plan.pinned.digest = vars.marks.digest;
    plan.pinned.variables = vars.marks.variables;
    plan.pinned.hosts = plan.hosts().filter_map(|(host, ..)| vars.marks.hosts.get(&host.name).cloned()).collect();
    problems.or(plan)
}

/// The stages before their waves are made.
pub(super) fn drafts<'p>(
    inventory: &Inventory,
    playbook: &'p Playbook,
    selected: &[HostName],
    problems: &mut Problems,
) -> Vec<Draft<'p>> {
    let hosts = candidates(inventory, selected, problems);
    in_stages(hosts, inventory, playbook, selected, problems)
}

fn in_stages<'p>(
    hosts: Vec<Candidate>,
    inventory: &Inventory,
    playbook: &'p Playbook,
    selected: &[HostName],
    problems: &mut Problems,
) -> Vec<Draft<'p>> {
    if playbook.rollout.stages.is_empty() {
        problems.extend(inventory.missing_labels(selected));
        stages::by_label(hosts, &playbook.rollout, problems)
    } else {
        stages::named(hosts, inventory, playbook, problems)
    }
}

/// The selected hosts, each once.
fn candidates(inventory: &Inventory, selected: &[HostName], problems: &mut Problems) -> Vec<Candidate> {
    let mut seen = HashSet::new();
    let hosts: Vec<&HostName> = selected.iter().filter(|host| seen.insert(*host)).collect();
    if hosts.is_empty() {
        problems.nowhere("no host is selected");
    }
    let strangers: Vec<HostName> =
        hosts.iter().filter(|host| !inventory.has(host)).map(|host| (*host).clone()).collect();
    if !strangers.is_empty() {
        problems.nowhere(format!("the inventory does not have {}", names::fold(&strangers)));
    }
    hosts.into_iter().map(|host| Candidate { name: host.clone(), policy: inventory.policy(host) }).collect()
}

/// What planning needs from the hosts' variables. They are merged once per host and not kept.
struct Variables {
    digest: String,
    marks: Marks,
    /// Values of the variables that a `spread` names.
    labels: HashMap<(String, HostName), Arc<str>>,
}

impl Variables {
    fn collect(hosts: &[Candidate], inventory: &Inventory, playbook: &Playbook, problems: &mut Problems) -> Self {
        let rollout = &playbook.rollout;
        let above = [&rollout.policy].into_iter().chain(rollout.stages.iter().map(|stage| &stage.policy));
        let mut wanted: HashSet<&str> = HashSet::new();
        for policy in above.chain(hosts.iter().map(|host| &host.policy)) {
            wanted.extend(policy.spread.as_ref().map(|spread| spread.by.as_str()));
        }
        let mut digest = VarsDigest::default();
        digest.shared(&playbook.vars);
        let mut labels = HashMap::new();
        let mut encrypted = Encrypted::new(playbook);
        for host in hosts {
            let mut vars = inventory.vars(&host.name);
            for said in inventory.fallbacks(&host.name) {
                vars.entry(said.variable).or_insert_with(|| said.to_json());
            }
            digest.host(&host.name, &vars);
            encrypted.host(&host.name, &vars, inventory);
            for name in &wanted {
                if let Some(value) = label(&vars, name) {
                    labels.insert(((*name).to_owned(), host.name.clone()), value);
                }
            }
        }
        encrypted.report(problems);
        let (digest, marks) = digest.finish();
        Self { digest, marks, labels }
    }

    fn label(&self, name: &str, host: &HostName) -> Option<Arc<str>> {
        self.labels.get(&(name.to_owned(), host.clone())).cloned()
    }
}

/// A word, a number or a boolean; not a list, a mapping or an empty value.
fn label(vars: &Map<String, Json>, name: &str) -> Option<Arc<str>> {
    match vars.get(name)? {
        Json::String(text) if !text.trim().is_empty() => Some(text.as_str().into()),
        value @ (Json::Number(_) | Json::Bool(_)) => Some(value.to_string().into()),
        _ => None,
    }
}

/// Rules and windows that many hosts share, and hosts that lack a label.
#[derive(Default)]
struct Shared {
    spreads: Vec<Arc<Spread>>,
    windows: Vec<Arc<Windows>>,
    freezes: Vec<Arc<Vec<String>>>,
    unlabelled: IndexMap<String, Vec<HostName>>,
}

impl Shared {
    fn host(&mut self, name: HostName, policy: &Policy, windows: Option<Windows>, vars: &Variables) -> PlannedHost {
        let window = windows.map(|windows| interned(&mut self.windows, &windows));
        let domain = policy.spread.as_ref().and_then(|spread| match vars.label(&spread.by, &name) {
            Some(value) => Some(Domain { spread: interned(&mut self.spreads, spread), value }),
            None => {
                self.unlabelled.entry(spread.by.clone()).or_default().push(name.clone());
                None
            }
        });
        let freezes = policy.freezes.as_ref().map(|names| interned(&mut self.freezes, names));
        PlannedHost { name, domain, window, freezes, undo: None }
    }

    fn report(self, problems: &mut Problems) {
        for (by, hosts) in self.unlabelled {
            let does = if hosts.len() == 1 { "does" } else { "do" };
            problems
                .nowhere(format!("`spread` uses the variable `{by}`, which {} {does} not have", names::fold(&hosts)))
                .help(format!("set `{by}` on each of them to the name of its failure domain"));
        }
    }
}

/// The one shared copy of `value`. There are only a few different values.
fn interned<T: PartialEq + Clone>(known: &mut Vec<Arc<T>>, value: &T) -> Arc<T> {
    if let Some(shared) = known.iter().find(|shared| ***shared == *value) {
        return Arc::clone(shared);
    }
    let shared = Arc::new(value.clone());
    known.push(Arc::clone(&shared));
    shared
}

fn stage(draft: Draft<'_>, vars: &Variables, shared: &mut Shared) -> Stage {
    let total = draft.hosts.len();
    let environment = common(draft.hosts.iter().map(|host| &host.policy.environment));
    let risk = draft.hosts.iter().filter_map(|host| host.policy.risk).max();
    // Neighbours mostly come from one group, so equal policies in a row are read once.
    let mut policies: Vec<Policy> = Vec::new();
    let mut hosts = Vec::with_capacity(total);
    for Candidate { name, policy } in draft.hosts {
        let windows = Windows::narrowed(policy.window.as_ref(), draft.above.window.as_ref());
        let policy = policy.with_overrides(&draft.above);
        hosts.push(shared.host(name, &policy, windows, vars));
        if policies.last() != Some(&policy) {
            policies.push(policy);
        }
    }
    let rules = StageRules::of(&policies, total);
    let sliding = rules.mode == Mode::Sliding;
    let waves = waves(hosts, &rules);
    let approve = match rules.approve {
        Approve::No => None,
        Approve::AfterCanary => Some(Moment::AfterCanary),
        // If nothing of the stage comes after its first wave, the approval is needed before that wave.
        Approve::Yes if waves.len() > 1 => Some(Moment::AfterCanary),
        Approve::Yes | Approve::Before => Some(Moment::Before),
    };
    Stage {
        name: draft.name,
        environment,
        risk,
        waves,
        window_size: sliding.then(|| rules.sizes[0]),
        mode: rules.mode,
        max_failures: rules.max_failures,
        on_budget_spent: rules.on_budget_spent,
        soak: rules.soak,
        approve,
        gate: draft.gate.to_vec(),
    }
}

/// The canary, then the batches; in sliding mode one wave with all other hosts.
fn waves(hosts: Vec<PlannedHost>, rules: &StageRules) -> Vec<Wave> {
    let mut filling = Filling::new(hosts);
    let mut waves = Vec::new();
    if rules.canary > 0 && !filling.is_empty() {
        waves.push(Wave { canary: true, hosts: filling.wave(rules.canary) });
    }
    if filling.is_empty() {
        return waves;
    }
    match rules.mode {
        Mode::Waves => waves.extend(filling.waves(&rules.sizes).into_iter().map(|hosts| Wave { canary: false, hosts })),
        Mode::Sliding => waves.push(Wave { canary: false, hosts: filling.rest() }),
    }
    waves
}

/// The value, if all have the same one.
fn common<'a, T: PartialEq + Clone + 'a>(mut values: impl Iterator<Item = &'a Option<T>>) -> Option<T> {
    let first = values.next()?.as_ref()?;
    values.all(|value| value.as_ref() == Some(first)).then(|| first.clone())
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
