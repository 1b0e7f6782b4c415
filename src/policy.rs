//! How a group of hosts is rolled out: batches, budget, soak, spread, window. Only the data, its parsing and merging.
//! Written under `patchwave:` in an inventory or in a playbook's `rollout:`; read by the planner. Start at [`Policy`].

use std::{fmt, str::FromStr, time::Duration};

use croner::Cron;
use jiff::{civil::date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    amount::Amount,
    host::{Environment, Risk},
    yaml::{
        MapReader, Node, Problems, Value, nearest, read,
        shape::{AMOUNT, DEADLINE, DURATION, Key, Number, SOME, Shape, Table, words},
    },
};

/// The keys that inventories and playbooks share.
pub static KEYS: [Key; 9] = [
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
    Key::new("window", Shape::Map(&WINDOW), "When hosts may be started."),
];

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

static WINDOW: Table = Table::new(
    "`window`",
    &[&[
        Key::needed(
            "start",
            Shape::Like(r"^\s*\S+(\s+\S+){4}\s*$", Number::No),
            "When it opens, as five cron fields: `0 2 * * SUN#2` is 02:00 on the second Sunday of the month.",
        ),
        Key::needed("duration", DEADLINE, "How long it is open."),
        Key::needed("timezone", Shape::Word, "The name of a time zone, like Europe/Berlin."),
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

/// When hosts may be started: a cron expression, a duration, a time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Cron fields with `#` and `L` (`0 2 * * SUN#2`).
    pub start: String,
    /// How long it is open.
    pub duration: Duration,
    /// IANA name.
    pub timezone: String,
}

impl fmt::Display for Window {
    /// `0 2 * * SUN#2 for 4h Europe/Berlin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.duration.as_secs();
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        let length: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
        write!(f, "{} for {length} {}", self.start, self.timezone)
    }
}

impl Policy {
    /// Merges two layers; what `above` sets wins.
    #[must_use]
    pub fn with_overrides(&self, above: &Self) -> Self {
        macro_rules! pick {
            ($($field:ident),+) => { Self { $($field: above.$field.clone().or_else(|| self.$field.clone())),+ } };
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
            window: map.read("window", Window::read),
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

impl Window {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let before = problems.0.len();
        let window = Self::of(node, problems);
        // Keys that are missing, or a text where they belong: shown once, it says more than each of them.
        if let Some(first) = problems.0[before..].iter_mut().find(|problem| problem.span.as_ref() == Some(&node.span)) {
            first.help(r#"like `window: { start: "0 2 * * SUN#2", duration: 4h, timezone: Europe/Berlin }`"#);
        }
        window
    }

    fn of(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut map = MapReader::new(node, &WINDOW, problems)?;
        let start = map.need("start", cron);
        let duration = map.need("duration", read::deadline);
        let timezone = map.need("timezone", timezone);
        map.finish();
        Some(Self { start: start?, duration: duration?, timezone: timezone? })
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

fn cron(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = read::text(node, "a cron expression in quotes", problems)?;
    let fields = text.split_whitespace().count();
    let why = if fields != 5 {
        format!("`start` needs five cron fields (minute hour day month weekday), found {fields}")
    } else {
        match Cron::from_str(text) {
            // The start time does not matter: this finds dates like 30 February, which never come.
            Ok(cron) if cron.find_next_occurrence(&date(2024, 1, 1).at(0, 0, 0, 0), true).is_ok() => {
                return Some(text.to_owned());
            }
            Ok(_) => "this window never opens".to_owned(),
            Err(error) => format!("this is not a valid cron expression: {error}"),
        }
    };
    problems.at(&node.span, why).help("\"0 2 * * SUN#2\" is 02:00 on the second Sunday of the month");
    None
}

fn timezone(node: &Node, problems: &mut Problems) -> Option<String> {
    let name = read::text(node, "the name of a time zone", problems)?;
    if TimeZone::get(name).is_ok() {
        return Some(name.to_owned());
    }
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    let message = format!("there is no time zone `{}`", name.chars().take(60).collect::<String>());
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => problems.at(&node.span, format!("{message}; did you mean `{near}`?")),
        None => problems.at(&node.span, message),
    }
    .help("names look like Europe/Berlin or UTC");
    None
}

#[cfg(test)]
mod tests;
