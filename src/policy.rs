//! How a group of hosts is rolled out: batches, budget, soak, spread, window. Only the data, its parsing and merging.
//! Written under `patchwave:` in an inventory or in a playbook's `rollout:`; read by the planner. Start at [`Policy`].

mod window;

pub(crate) use window::timezone;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    amount::Amount,
    calendar::Window,
    host::{Environment, Risk},
    yaml::{
        MapReader, Node, Problems, Value, read,
        shape::{AMOUNT, DURATION, Key, SOME, Shape, Table, words},
    },
};

/// The keys that inventories and playbooks share.
pub static KEYS: [Key; 10] = [
    Key::new("canary", Shape::Whole(0, u32::MAX as i64), "How many hosts are in the first wave of a stage."),
    Key::new(
        "batch",
        Shape::Either(&[SOME, Shape::filled(&SOME)]),
        "The sizes of the waves after the canary, as numbers of hosts or percentages; the last one repeats.",
    ),
    Key::new("max_failures", AMOUNT, "How many failed hosts are tolerated before no more are started."),
    Key::new("soak", DURATION, "How long to wait after each wave."),
    Key::new(
        "approve",
        Shape::Either(&[Shape::Bool, Shape::Words(&APPROVE_WORDS)]),
        "Ask a person: `before` the first host, or `after_canary`; `true` after the first of several waves.",
    ),
    Key::new("mode", Shape::Words(&MODE_WORDS), "Whether a wave waits for its slowest host, or slides."),
    Key::new("spread", Shape::Map(&SPREAD), "How many hosts of one failure domain may be unavailable at once."),
    Key::new("on_budget_spent", Shape::Words(&SPENT_WORDS), "What stops when `max_failures` is exceeded."),
    Key::new("window", window::SHAPE, "When hosts may be started; of several, while one of them is open."),
    Key::new("freezes", FREEZES, "Names of freezes and calendars in patchwave.yml: nothing starts while one holds."),
];

const FREEZES: Shape = Shape::Either(&[Shape::Word, Shape::list(&Shape::Word)]);

/// The keys that only an inventory has.
pub static LABELS: [Key; 2] = [
    Key::new("environment", Shape::Word, "Such as development, staging, production: stages go in this order."),
    Key::new("risk", Shape::Words(&Risk::WORDS), "How much a failure would hurt: low risk is patched first."),
];

static SPREAD: Table = Table::new(
    "`spread`",
    &[&[
        Key::needed("by", Shape::Word, "The variable of a host whose value is its failure domain, for example `rack`."),
        Key::new("max_unavailable", Shape::Whole(1, u32::MAX as i64), "The most hosts of one domain. Default 1."),
    ]],
);

const APPROVE: [(&str, Approve); 2] = [("before", Approve::Before), ("after_canary", Approve::AfterCanary)];
const APPROVE_WORDS: [&str; 2] = words(&APPROVE);
const MODES: [(&str, Mode); 2] = [("waves", Mode::Waves), ("sliding", Mode::Sliding)];
const MODE_WORDS: [&str; 2] = words(&MODES);
const SPENT: [(&str, OnBudgetSpent); 3] = [
    ("halt_run", OnBudgetSpent::HaltRun),
    ("halt_stage", OnBudgetSpent::HaltStage),
    ("continue", OnBudgetSpent::Continue),
];
const SPENT_WORDS: [&str; 3] = words(&SPENT);

/// One layer of policy; `None` leaves a field to the layer below.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The environment (inventory only).
    pub environment: Option<Environment>,
    /// The risk level (inventory only).
    pub risk: Option<Risk>,
    /// Hosts in the first wave.
    pub canary: Option<u32>,
    /// Sizes of the waves after the canary; the last repeats. Never empty, never zero.
    pub batch: Option<Vec<Amount>>,
    /// How many failed hosts the stage tolerates.
    pub max_failures: Option<Amount>,
    /// How long to wait after each wave.
    pub soak: Option<Duration>,
    /// Whether and when a person is asked.
    pub approve: Option<Approve>,
    /// Whether a wave waits for its slowest host.
    pub mode: Option<Mode>,
    /// How many hosts of one failure domain may be unavailable at once.
    pub spread: Option<Spread>,
    /// What stops when the failure budget is spent.
    pub on_budget_spent: Option<OnBudgetSpent>,
    /// When hosts may be started.
    pub window: Option<Window>,
    /// Names of freezes. Layers add to each other, so that no layer takes one away.
    pub freezes: Option<Vec<String>>,
}

/// `approve:`, from the least strict to the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approve {
    /// No approval is needed.
    #[default]
    No,
    /// `after_canary`: after the first wave of the stage.
    AfterCanary,
    /// `true`: after the first wave of a stage that has more than one, else before the stage.
    Yes,
    /// `before`: before the first host of the stage.
    Before,
}

/// Whether a batch is a wave or a sliding window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A wave ends before the next one starts.
    #[default]
    Waves,
    /// After the canary, a host that is done is replaced at once.
    Sliding,
}

/// `spread: {by: LABEL, max_unavailable: N}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The host variable whose value names the failure domain.
    pub by: String,
    /// The most hosts of one value in flight or failed at once, over all stages. At least 1.
    pub max_unavailable: u32,
}

/// What happens when failures exceed the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBudgetSpent {
    /// No more hosts of the run are started.
    #[default]
    HaltRun,
    /// No more hosts of this stage are started; later stages continue.
    HaltStage,
    /// The failure is recorded, nothing stops.
    Continue,
}

impl Policy {
    /// Merges two layers; what `above` sets wins, except that freezes are added.
    #[must_use]
    pub fn with_overrides(&self, above: &Self) -> Self {
        let freezes = match (&self.freezes, &above.freezes) {
            (Some(below), Some(above)) => {
                let more = above.iter().filter(|name| !below.contains(name));
                Some(below.iter().chain(more).cloned().collect())
            }
            (below, above) => above.clone().or_else(|| below.clone()),
        };
        macro_rules! pick {
            ($($field:ident),+) => {
                Self { freezes, $($field: above.$field.clone().or_else(|| self.$field.clone())),+ }
            };
        }
        pick!(environment, risk, canary, batch, max_failures, soak, approve, mode, spread, on_budget_spent, window)
    }
}

impl Policy {
    /// Takes out of `map` the keys of a policy that inventories and playbooks share: all but the labels.
    pub fn read(map: &mut MapReader<'_, '_>) -> Self {
        Self {
            environment: None,
            risk: None,
            canary: map.read("canary", read::u32),
            batch: map.read("batch", batch),
            max_failures: map.read("max_failures", read::amount),
            soak: map.read("soak", read::duration),
            approve: map.read("approve", Approve::read),
            mode: map.read("mode", |node, problems| read::one_of(node, &MODES, problems)),
            spread: map.read("spread", Spread::read),
            on_budget_spent: map.read("on_budget_spent", OnBudgetSpent::read),
            window: map.read("window", window::read),
            freezes: map.read("freezes", freezes),
        }
    }

    /// Takes the labels of a host out of `map`: `environment` and `risk`, which only an inventory has.
    pub fn read_labels(&mut self, map: &mut MapReader<'_, '_>) {
        self.environment = map.read("environment", read::name).map(|name| Environment::new(&name));
        self.risk = map
            .read("risk", |node, problems| read::one_of(node, &Risk::ALL.map(|risk| (risk.as_str(), risk)), problems));
    }
}

impl Approve {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Value::Bool(wanted) = node.value
            && node.tag.is_none()
        {
            return Some(if wanted { Self::Yes } else { Self::No });
        }
        read::one_of(node, &APPROVE, problems).or_else(|| {
            let last = problems.0.last_mut()?;
            last.help = Some("use one of: before, after_canary, yes, no".to_owned());
            None
        })
    }
}

impl OnBudgetSpent {
    /// Reads `halt_run`, `halt_stage` or `continue`.
    pub fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        read::one_of(node, &SPENT, problems)
    }
}

impl Spread {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut map = MapReader::new(node, &SPREAD, problems)?;
        let by = map.need("by", read::name);
        let max_unavailable = match map.take("max_unavailable") {
            Some(node) => read::whole(node, 1, u32::MAX, map.problems),
            None => Some(1),
        };
        map.finish();
        Some(Self { by: by?, max_unavailable: max_unavailable? })
    }
}

fn batch(node: &Node, problems: &mut Problems) -> Option<Vec<Amount>> {
    let sizes = read::list_or_single(node, "a number, a percentage or a list of them", problems, |node, problems| {
        let size = read::amount(node, problems)?;
        if size.is_zero() {
            problems
                .at(&node.span, "a batch needs at least one host")
                .help("1 is one host at a time, 100% all at once");
            return None;
        }
        Some(size)
    })?;
    if sizes.is_empty() {
        problems.at(&node.span, "`batch` is empty").help("1 is one host at a time, 100% all at once");
        return None;
    }
    Some(sizes)
}

fn freezes(node: &Node, problems: &mut Problems) -> Option<Vec<String>> {
    let names = read::list_or_single(node, "names of freezes", problems, read::name)?;
    let mut once: Vec<String> = Vec::new();
    names.into_iter().for_each(|name| {
        if !once.contains(&name) {
            once.push(name);
        }
    });
    (!once.is_empty()).then_some(once)
}

#[cfg(test)]
mod tests;
