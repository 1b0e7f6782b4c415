//! Puts the selected hosts into ordered stages: those that the playbook names, or else one per environment and risk.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::{
    host::{Environment, HostName, Risk},
    inventory::{Inventory, NoRuns},
    names,
    playbook::{Playbook, RiskOrder, Rollout, StepSpec},
    policy::Policy,
    yaml::Problems,
};

/// The order of environments if the playbook does not give one.
const USUAL: [&str; 3] = ["development", "staging", "production"];

/// A host with what the inventory says about it.
pub(super) struct Candidate {
    pub name: HostName,
    /// From the inventory only.
    pub policy: Policy,
}

/// A stage before its waves are made.
pub(super) struct Draft<'p> {
    pub name: String,
    pub hosts: Vec<Candidate>,
    /// The playbook's policy for this stage, which wins over the inventory's.
    pub above: Policy,
    pub gate: &'p [StepSpec],
}

/// Named stages: each host goes to the first stage whose pattern it matches.
pub(super) fn named<'p>(
    hosts: Vec<Candidate>,
    inventory: &Inventory,
    playbook: &'p Playbook,
    problems: &mut Problems,
) -> Vec<Draft<'p>> {
    let rollout = &playbook.rollout;
    let mut first: HashMap<HostName, usize> = HashMap::new();
    for (at, stage) in rollout.stages.iter().enumerate() {
        match inventory.select(&stage.hosts, &NoRuns) {
            Ok(matching) => matching.into_iter().for_each(|host| {
                first.entry(host).or_insert(at);
            }),
            Err(error) => {
                let place = format!("{}:{}", playbook.path.display(), stage.line);
                for problem in error.problems.0 {
                    let added = problems.nowhere(format!("{place}: stage `{}`: {}", stage.name, problem.message));
                    added.help = problem.help;
                }
            }
        }
    }
    if !problems.is_empty() {
        return Vec::new();
    }
    let mut drafts: Vec<Draft> = rollout
        .stages
        .iter()
        .map(|stage| Draft {
            name: stage.name.clone(),
            hosts: Vec::new(),
            above: rollout.policy.with_overrides(&stage.policy),
            gate: stage.gate.as_deref().unwrap_or(&rollout.gate),
        })
        .collect();
    let mut homeless = Vec::new();
    for host in hosts {
        match first.get(&host.name) {
            Some(at) => drafts[*at].hosts.push(host),
            None => homeless.push(host.name),
        }
    }
    if !homeless.is_empty() {
        let verb = if homeless.len() == 1 { "is" } else { "are" };
        problems
            .nowhere(format!("{} {verb} selected but in no stage of the playbook", names::fold(&homeless)))
            .help("add a stage for them, or leave them out with `--limit`");
    }
    drafts.retain(|draft| !draft.hosts.is_empty());
    drafts
}

/// Environment × risk. Every host has both (checked before).
pub(super) fn by_label<'p>(hosts: Vec<Candidate>, rollout: &'p Rollout, problems: &mut Problems) -> Vec<Draft<'p>> {
    let mut groups: IndexMap<(Environment, Risk), Vec<Candidate>> = IndexMap::new();
    for host in hosts {
        if let (Some(environment), Some(risk)) = (host.policy.environment.clone(), host.policy.risk) {
            groups.entry((environment, risk)).or_default().push(host);
        }
    }
    let unlisted =
        |environment: &Environment| rollout.environments.as_ref().is_some_and(|all| !all.contains(environment));
    let mut strangers: IndexMap<&Environment, Vec<HostName>> = IndexMap::new();
    for ((environment, _), hosts) in groups.iter().filter(|((environment, _), _)| unlisted(environment)) {
        strangers.entry(environment).or_default().extend(hosts.iter().map(|host| host.name.clone()));
    }
    for (environment, hosts) in strangers {
        problems
            .nowhere(format!(
                "environment `{environment}` ({}) is not among the `environments` of the playbook",
                names::fold(&hosts)
            ))
            .help("add it where it belongs in the order, or leave its hosts out with `--limit`");
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|((a, a_risk), _), ((b, b_risk), _)| {
        let risks = match rollout.order {
            RiskOrder::RiskAscending => a_risk.cmp(b_risk),
            RiskOrder::CriticalFirst => b_risk.cmp(a_risk),
        };
        rank(a, rollout).cmp(&rank(b, rollout)).then_with(|| a.cmp(b)).then(risks)
    });
    groups
        .into_iter()
        .map(|((environment, risk), hosts)| Draft {
            name: format!("{environment}/{risk}"),
            hosts,
            above: rollout.policy.clone(),
            gate: &rollout.gate,
        })
        .collect()
}

fn rank(environment: &Environment, rollout: &Rollout) -> usize {
    let place = match &rollout.environments {
        Some(order) => order.iter().position(|other| other == environment),
        None => USUAL.iter().position(|name| *name == environment.as_str()),
    };
    place.unwrap_or(usize::MAX)
}
