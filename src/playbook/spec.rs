//! The checked form of a playbook: what each step asks for, templates unrendered.
//! Steps are serialised into the plan, so their fields are part of its digest: what a step does, never where it is
//! written. Start at [`Playbook`] and [`StepSpec`].

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Guard, Rollback, Upgrade, Written};

use crate::{
    amount::Amount,
    host::Environment,
    policy::{OnBudgetSpent, Policy},
};

/// A loaded and checked playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct Playbook {
    /// `name:`.
    pub name: String,
    /// The file; hooks, scripts and copied files are looked up beside it.
    pub path: PathBuf,
    /// `hosts:`, a host pattern. Default `all`.
    pub hosts: String,
    /// `vars:`.
    pub vars: Map<String, Value>,
    /// `rollout:`.
    pub rollout: Rollout,
    /// `steps:`, never empty.
    pub steps: Vec<StepSpec>,
    /// `on_failure:`.
    pub on_failure: Vec<StepSpec>,
    /// Where its texts are in the file.
    pub written: Written,
}

/// `rollout:`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollout {
    /// Environments in order; `None`: development, staging, production, then others by name.
    pub environments: Option<Vec<Environment>>,
    /// Order of risk levels within an environment.
    pub order: RiskOrder,
    /// Budget of the whole run. `None`: only the stages' budgets.
    pub max_failures: Option<Amount>,
    /// What a spent budget of the run stops.
    pub on_budget_spent: Option<OnBudgetSpent>,
    /// Named stages; empty: environment × risk.
    pub stages: Vec<StageSpec>,
    /// Policy for all stages, below the named stages and above the inventory.
    pub policy: Policy,
    /// `gate:` for all stages that do not have their own.
    pub gate: Vec<StepSpec>,
}

/// Order of risk levels within an environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RiskOrder {
    /// Low first.
    #[default]
    RiskAscending,
    /// Critical first, for emergencies.
    CriticalFirst,
}

/// One named stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageSpec {
    /// `name:`, else the pattern.
    pub name: String,
    /// A host pattern.
    pub hosts: String,
    /// What is set here wins over the inventory.
    pub policy: Policy,
    /// `gate:`, if given.
    pub gate: Option<Vec<StepSpec>>,
    /// 1-based line in the playbook.
    pub line: u32,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepSpec {
    /// `name:`, else made from the kind.
    pub name: String,
    /// What it does.
    pub kind: StepKind,
    /// `when:`, a Jinja expression without braces.
    pub when: Option<String>,
    /// `timeout:` of one attempt; `None`: the kind's default.
    pub timeout: Option<Duration>,
    /// `retries:` after the first attempt. A step whose outcome is unknown is never tried again.
    pub retries: u32,
    /// `retry_delay:` between attempts. Default 5 s.
    pub retry_delay: Duration,
    /// `become:`; `None`: the host's own setting.
    pub privileged: Option<bool>,
    /// `on:`.
    pub on: Side,
    /// `register:`, a variable for later steps.
    pub register: Option<String>,
    /// `guard:`, the step's own or the playbook's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
}

/// `on:`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// On the host that is being patched.
    #[default]
    Host,
    /// On the jump box.
    Controller,
}

/// A text that may hold Jinja templates; rendered for each host when the step runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(pub String);

/// A list whose items are templates, or one template that renders to a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateList {
    /// `[a, "{{ b }}"]`.
    Items(Vec<Template>),
    /// `"{{ services }}"`.
    Whole(Template),
}

/// What a step does. One variant per file in `step/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// `precheck:`.
    Precheck(Precheck),
    /// `snapshot:`; the last line its hook prints is `snapshot.id`.
    Snapshot(Hook),
    /// `snapshot_restore:`.
    SnapshotRestore(Hook),
    /// `upgrade:`.
    Upgrade(Upgrade),
    /// `reboot:`.
    Reboot(Reboot),
    /// `verify:`.
    Verify(Verify),
    /// `command:`.
    Command(CommandSpec),
    /// `script:`.
    Script(Script),
    /// `copy:`.
    Copy(CopySpec),
    /// `service:`.
    Service(ServiceSpec),
    /// `wait_for:`.
    WaitFor(WaitFor),
    /// `pause:`.
    Pause(Pause),
    /// `notify:`.
    Notify(Notify),
    /// `drain:`.
    Drain(Hook),
    /// `undrain:`; if its `drain` ran, it is also considered at the end of a broken walk.
    Undrain(Undrain),
    /// `cleanup:`.
    Cleanup(Cleanup),
    /// `rollback:`.
    Rollback(Rollback),
    /// The end of a guard over the whole walk. The playbook's `guard:` puts it there; it has no key of its own.
    Confirm(Guard),
}

/// `precheck:`. Every part is optional; a part that is not given is not checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Precheck {
    /// Least free bytes per mount point.
    pub disk_free: BTreeMap<String, u64>,
    /// `packages: healthy`.
    pub packages_healthy: bool,
    /// Most 1-minute load average.
    pub load_below: Option<f64>,
    /// Units that must be active.
    pub services: Option<TemplateList>,
    /// A command whose exit code 0 lets the host go on.
    pub command: Option<Template>,
}

/// A hook: a command line, split as a shell splits words, with templates in the words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    /// `run:`. On the controller a relative program is looked up beside the playbook and above it.
    pub run: Template,
}

/// `undrain:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undrain {
    /// The hook.
    #[serde(flatten)]
    pub hook: Hook,
    /// `when_failed:`: whether a broken host gets its traffic back too. Default no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub when_failed: bool,
}

/// `reboot:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reboot {
    /// When it reboots.
    pub when: RebootWhen,
    /// Time between the warning to logged-in users and the reboot. Default none.
    pub warn: Duration,
    /// The warning.
    pub message: Option<Template>,
    /// From the request until it is up and stable, `warn` not included. Default 15 min.
    pub timeout: Duration,
    /// How long it must stay up. Default 10 s.
    pub stable: Duration,
    /// `trial:`: start a new kernel once, and make it the default only after a good return. Default no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trial: bool,
    /// `lock_timeout:`: how long to wait for someone else who is changing packages. Default 10 min.
    #[serde(default = "lock_timeout", skip_serializing_if = "is_lock_timeout")]
    pub lock_timeout: Duration,
}

/// The default lock timeout is not written down, so that plans of older versions read the same.
fn lock_timeout() -> Duration {
    LOCK_TIMEOUT
}

fn is_lock_timeout(time: &Duration) -> bool {
    *time == LOCK_TIMEOUT
}

/// How long to wait for a package lock that someone else holds, if the playbook does not say.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(600);

/// When a reboot step reboots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebootWhen {
    /// When the host needs it.
    Required,
    /// Always.
    Always,
}

/// `verify:`. Every part is optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verify {
    /// Units that must be active.
    pub services: Option<TemplateList>,
    /// `kernel: newest`.
    pub kernel_newest: bool,
    /// `journal: no_new_errors`.
    pub journal_no_new_errors: bool,
    /// `packages: healthy`.
    pub packages_healthy: bool,
    /// Requests from the jump box.
    pub http: Vec<HttpCheck>,
    /// TCP ports that must accept a connection from the jump box.
    pub ports: Vec<u16>,
    /// A command whose exit code 0 means health.
    pub command: Option<Template>,
}

/// One HTTP check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// `url:`.
    pub url: Template,
    /// `status:`. Default 200.
    pub status: u16,
    /// `contains:`: a text that must be in the first MiB of the body.
    pub contains: Option<Template>,
    /// `timeout:`. Default 10 s.
    pub timeout: Duration,
}

/// `command:`: a command line for `/bin/sh`, or an argument list without a shell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// What to run.
    pub run: CommandLine,
    /// `changes: false` says that it only reads: then it may be repeated, and `--check` runs it.
    pub changes: bool,
    /// `environment:`.
    pub environment: BTreeMap<String, Template>,
    /// `ok_codes:`: exit codes that are success. Default `[0]`.
    pub ok_codes: Vec<u32>,
}

/// The two forms of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandLine {
    /// A line for `/bin/sh -c`.
    Shell(Template),
    /// Program and arguments.
    Argv(Vec<Template>),
}

impl CommandLine {
    /// As it is written, on one line, for people.
    pub fn shown(&self) -> String {
        match self {
            Self::Shell(line) => line.0.lines().map(str::trim).collect::<Vec<_>>().join("; "),
            Self::Argv(words) => words.iter().map(|word| word.0.as_str()).collect::<Vec<_>>().join(" "),
        }
    }
}

/// `script:`: a file beside the playbook, run on the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// `file:`.
    pub file: Template,
    /// `args:`.
    pub args: Vec<Template>,
    /// As for a command.
    pub changes: bool,
    /// As for a command.
    pub environment: BTreeMap<String, Template>,
}

/// `copy:`: a file, or a text, put on the host atomically.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CopySpec {
    /// Where from.
    pub from: CopyFrom,
    /// `dest:`, an absolute path.
    pub dest: Template,
    /// `mode:`, octal permission bits. `None`: those of the file that is there, 0644 for a new one.
    pub mode: Option<u32>,
    /// `owner:`.
    pub owner: Option<Template>,
    /// `group:`.
    pub group: Option<Template>,
}

/// Where a copied file comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyFrom {
    /// `src:`, a file beside the playbook, copied as it is. At most 16 MiB.
    File(Template),
    /// `content:`, a template.
    Content(Template),
}

/// `service:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// `names:` (or `name:`).
    pub names: TemplateList,
    /// `state:`.
    pub state: ServiceState,
}

/// The state that a service should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// Running.
    Started,
    /// Not running.
    Stopped,
    /// Stopped and started.
    Restarted,
    /// Reread its configuration.
    Reloaded,
}

/// `wait_for:`: one condition, polled until it holds or the step's timeout is over (default 5 min).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitFor {
    /// The condition.
    pub condition: Condition,
    /// `interval:`. Default 2 s.
    pub interval: Duration,
}

/// A condition to wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A TCP port accepts a connection from the jump box.
    Port {
        /// Default: the host's address.
        host: Option<Template>,
        /// The port.
        port: u16,
    },
    /// An HTTP answer, from the jump box.
    Http(HttpCheck),
    /// A file exists on the host.
    Path(Template),
    /// A command returns 0 on the step's side.
    Command(Template),
}

/// `pause:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    /// How long.
    pub duration: Duration,
}

/// `notify:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notify {
    /// `command:`, on the jump box; the message is its standard input and `PATCHWAVE_MESSAGE`.
    Command {
        /// The command line.
        run: Template,
        /// The text.
        message: Template,
        /// `required:`: a message that is not sent fails the step.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        required: bool,
    },
    /// `webhook:`: a POST of JSON.
    Webhook {
        /// Where.
        url: Template,
        /// The JSON body; strings in it are templates. Default `{"text": message}`.
        body: Option<Value>,
        /// The text.
        message: Template,
        /// `required:`: a message that is not sent fails the step.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        required: bool,
    },
}

/// `cleanup:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cleanup {
    /// `old_kernels:`: how many to keep besides the running one (at least 1).
    pub old_kernels: Option<u32>,
    /// `package_cache: true`.
    pub package_cache: bool,
    /// `lock_timeout:`: how long to wait for someone else who is changing packages. Default 10 min.
    #[serde(default = "lock_timeout", skip_serializing_if = "is_lock_timeout")]
    pub lock_timeout: Duration,
}
