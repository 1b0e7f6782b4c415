//! Where the rules of each stage come from, for the people who read a plan. Not a part of the plan: it says why, not
//! what. Start at [`origins`].

use std::collections::BTreeSet;

use super::{
    build::drafts,
    stage_rules::{needs_canary, quarter},
    stages::Draft,
};
use crate::{amount::Amount, host::HostName, inventory::Inventory, playbook::Playbook, policy::Policy, yaml::Problems};

/// For each stage of the plan of these hosts, in its order: its name, and `canary 1 (default: risk critical), batch 25%
/// (default), max_failures 0 (inventory)`.
pub fn origins(inventory: &Inventory, playbook: &Playbook, selected: &[HostName]) -> Vec<(String, String)> {
    // What is wrong was reported when the plan was made.
    let mut problems = Problems::default();
    let drafts = drafts(inventory, playbook, selected, &mut problems);
    drafts.iter().map(|draft| (draft.name.clone(), of_stage(draft))).collect()
}

fn of_stage(draft: &Draft<'_>) -> String {
    let canary = |policy: &Policy| policy.canary.map(|hosts| hosts.to_string());
    let batch = |policy: &Policy| policy.batch.as_deref().map(listed);
    let tolerated = |policy: &Policy| policy.max_failures.map(|amount| amount.to_string());
    let risk = draft.hosts.iter().filter_map(|host| host.policy.risk).max();
    let needs = draft.hosts.iter().any(|host| needs_canary(host.policy.risk));
    let because = risk.map_or("no risk is set".to_owned(), |risk| format!("risk {risk}"));
    let first = format!("canary {} (default: {because})", u8::from(needs));
    [
        origin(draft, "canary", canary, first),
        origin(draft, "batch", batch, format!("batch {} (default)", quarter())),
        origin(draft, "max_failures", tolerated, "max_failures 0 (default)".to_owned()),
    ]
    .join(", ")
}

/// One rule with its origin; `default` if nobody sets it.
fn origin(draft: &Draft<'_>, name: &str, read: impl Fn(&Policy) -> Option<String>, default: String) -> String {
    if let Some(value) = read(&draft.above) {
        return format!("{name} {value} (playbook)");
    }
    let values: BTreeSet<Option<String>> = draft.hosts.iter().map(|host| read(&host.policy)).collect();
    match values.iter().collect::<Vec<_>>()[..] {
        [] | [None] => default,
        [Some(value)] => format!("{name} {value} (inventory)"),
        _ => format!("{name}: the strictest of its hosts counts (inventory)"),
    }
}

fn listed(sizes: &[Amount]) -> String {
    match sizes {
        [one] => one.to_string(),
        many => format!("[{}]", many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}
