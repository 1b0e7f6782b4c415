//! `rollout:`: the order of the stages, the budget of the run, and policy for all stages or for named ones.

use std::collections::BTreeSet;

use super::{
    RiskOrder, Rollout, StageSpec, StepSpec,
    steps::{self, Place},
    values::Context,
};
use crate::{
    host::Environment,
    policy::{self, OnBudgetSpent, Policy},
    yaml::{
        MapReader, Node, Problems, Value, read,
        shape::{Key, Shape, Table, words},
    },
};

/// `rollout:`.
pub(super) static ROLLOUT: Table = Table::new(
    "`rollout`",
    &[
        &[
            Key::new("environments", Shape::filled(&Shape::Word), "The order of the environments."),
            Key::new(
                "order",
                Shape::Words(&ORDER_WORDS),
                "Low risk first, or the most exposed hosts first for an emergency.",
            ),
            Key::new(
                "stages",
                Shape::List { of: &Shape::Map(&STAGE), least: 1, null: true },
                "Stages by name, in their order. Default: a stage for each environment and risk.",
            ),
            GATE,
        ],
        &policy::KEYS,
    ],
);

static STAGE: Table = Table::new(
    "a stage",
    &[
        &[
            Key::new("name", Shape::Word, "The name on the screen. Default: the pattern."),
            Key::needed("hosts", PATTERN, "Which hosts: a pattern as in Ansible."),
            GATE,
        ],
        &policy::KEYS,
    ],
);

static GATE_STEPS: Shape = Shape::Map(&steps::GATE_STEP);
const GATE: Key =
    Key::new("gate", Shape::list(&GATE_STEPS), "Steps on the jump box after each wave; one that fails halts the run.");

/// What [`pattern`] reads.
pub(super) const PATTERN: Shape = Shape::Either(&[Shape::Word, Shape::filled(&Shape::Word)]);

const ORDERS: [(&str, RiskOrder); 2] =
    [("risk_ascending", RiskOrder::RiskAscending), ("critical_first", RiskOrder::CriticalFirst)];
const ORDER_WORDS: [&str; 2] = words(&ORDERS);

/// Reads `rollout:`.
pub(super) fn rollout(node: &Node, context: &Context, problems: &mut Problems) -> Option<Rollout> {
    let mut map = MapReader::new(node, &ROLLOUT, problems)?;
    let environments = map.read("environments", environments);
    let order_at = map.take("order");
    let order = order_at.and_then(|node| read::one_of(node, &ORDERS, map.problems));
    let stages_at = map.take("stages");
    let stages = stages_at.and_then(|node| stages(node, context, map.problems)).unwrap_or_default();
    let gate = map.read("gate", |node, problems| gate(node, context, problems)).unwrap_or_default();
    let mut policy = Policy::read(&mut map);
    map.finish();
    if let (Some(_), Some(order), Some(_)) = (stages_at, order_at, order) {
        problems
            .at(&order.span, "`order` has no effect with `stages`, which run in the order in which they are written");
    }
    // Here the budget is that of the whole run; stages and the inventory have their own.
    let max_failures = policy.max_failures.take();
    let on_budget_spent = policy.on_budget_spent.take();
    if let Some(at) = node.get("on_budget_spent") {
        run_budget(at, max_failures.is_some(), on_budget_spent, problems);
    }
    let order = order.unwrap_or_default();
    Some(Rollout { environments, order, max_failures, on_budget_spent, stages, policy, gate })
}

/// What a spent budget of the whole run may do.
fn run_budget(at: &Node, there_is_one: bool, spent: Option<OnBudgetSpent>, problems: &mut Problems) {
    let stage = "for the budget of a stage, write `on_budget_spent` under `patchwave` in the inventory or in an entry of `stages`";
    // `continue` without a budget would have no effect, but its author expects one.
    let (why, help) = match spent {
        Some(OnBudgetSpent::HaltStage) => (
            "`halt_stage` is for the budget of a stage; the budget of the run halts the run",
            "use one of: halt_run, continue",
        ),
        Some(OnBudgetSpent::Continue) if !there_is_one => (
            "this is for the budget of the run, and the run has none: every stage keeps its own",
            "give the run a budget: add `max_failures` to `rollout`",
        ),
        _ => return,
    };
    problems.at(&at.span, why).help(format!("{help}; {stage}"));
}

fn environments(node: &Node, problems: &mut Problems) -> Option<Vec<Environment>> {
    let mut seen = BTreeSet::new();
    let environments = read::list(node, "a list of environments", problems, |node, problems| {
        let name = read::name(node, problems)?;
        if !seen.insert(name.clone()) {
            problems.at(&node.span, format!("`{name}` is listed twice"));
        }
        Some(Environment::new(&name))
    })?;
    if environments.is_empty() {
        problems.at(&node.span, "`environments` is empty");
    }
    Some(environments)
}

fn gate(node: &Node, context: &Context, problems: &mut Problems) -> Option<Vec<StepSpec>> {
    steps::list(node, Place::Gate, context, problems)
}

fn stages(node: &Node, context: &Context, problems: &mut Problems) -> Option<Vec<StageSpec>> {
    if matches!(&node.value, Value::Seq(items) if items.is_empty()) {
        problems.at(&node.span, "`stages` is empty").help("remove it to get one stage per environment and risk level");
        return None;
    }
    let mut names = BTreeSet::new();
    read::list(node, "a list of stages", problems, |node, problems| {
        let stage = stage(node, context, problems)?;
        if !names.insert(stage.name.clone()) {
            problems
                .at(&node.span, format!("there are two stages `{}`", stage.name))
                .help("give one of them another `name`");
        }
        Some(stage)
    })
}

fn stage(node: &Node, context: &Context, problems: &mut Problems) -> Option<StageSpec> {
    let mut map = MapReader::new(node, &STAGE, problems)?;
    let name = map.read("name", read::name);
    let hosts = map.need("hosts", pattern);
    let gate = map.read("gate", |node, problems| gate(node, context, problems));
    let policy = Policy::read(&mut map);
    map.finish();
    let hosts = hosts?;
    Some(StageSpec { name: name.unwrap_or_else(|| hosts.clone()), hosts, policy, gate, line: node.span.line })
}

/// A host pattern: one text, or a list of them.
pub(super) fn pattern(node: &Node, problems: &mut Problems) -> Option<String> {
    let parts = read::list_or_single(node, "a host pattern", problems, read::name)?;
    if parts.is_empty() {
        problems.at(&node.span, "this pattern selects no host").help("`all` is every host of the inventory");
        return None;
    }
    Some(parts.join(","))
}
