//! The facts of a run, in the past tense: durable [`Event`]s, and [`Progress`] that may be dropped.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Forecast, LeftBehind, LostLease, Outcome, Person};
use crate::{
    calendar::Dates,
    host::HostName,
    mask::Secrets,
    pkg::{PackageChange, WayBack},
    plan::{Moment, Plan},
};

/// One durable fact. `seq` starts at 1 and has no gaps within a run. New ones are numbered by the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the run.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

impl Event {
    /// An event read from a ledger, with the number and the time that it was recorded with.
    pub fn read_back(seq: u64, at: Timestamp, kind: Kind) -> Self {
        Self { seq, at, kind }
    }

    /// The event in a salvaged ledger that says: the record of the run after event number `last` is lost.
    pub fn cut_after(last: u64, at: Timestamp, why: String) -> Self {
        Self { seq: last + 1, at, kind: Kind::RecordCut { why } }
    }

    /// The event as it may be shown: a plan without the addresses of its webhooks, which are secret.
    pub fn shown(&self) -> Cow<'_, Self> {
        let Kind::RunStarted(started) = &self.kind else { return Cow::Borrowed(self) };
        let started = RunStarted { plan: started.plan.shown(), ..RunStarted::clone(started) };
        Cow::Owned(Self { kind: Kind::RunStarted(Box::new(started)), ..*self })
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Kind {
    /// Always the first event.
    RunStarted(Box<RunStarted>),
    /// A controller took over a run that had been interrupted.
    RunResumed(Box<RunResumed>),
    /// The rest of the record was lost, and a salvaged ledger starts again after its last good event. What happened
    /// since then is not known.
    RecordCut {
        /// What was wrong with the next event.
        why: String,
    },
    /// A host got its slot.
    HostStarted {
        /// The host.
        host: HostName,
    },
    /// A host begins a step, or another attempt at it.
    StepStarted {
        /// The host.
        host: HostName,
        /// The step.
        step: StepRef,
        /// From 1.
        attempt: u32,
    },
    /// Something that a step must find again after an interruption (a boot id, a job, a package set). The last value
    /// counts.
    StepNoted {
        /// The host.
        host: HostName,
        /// The step.
        step: StepRef,
        /// A name that the step chose.
        key: String,
        /// Its value. Never a secret.
        value: Value,
    },
    /// A step, with all its attempts, is over on a host.
    StepFinished {
        /// The host.
        host: HostName,
        /// The step.
        step: StepRef,
        /// Its result.
        result: StepResult,
    },
    /// A host is done; recorded once for each host of the plan that was started.
    HostFinished {
        /// The host.
        host: HostName,
        /// How. Never `Paused` or `NotStarted`.
        outcome: Outcome,
        /// Another run took the host's lease before this one was done. It was noticed when the lease was to be given
        /// back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost_lease: Option<LostLease>,
    },
    /// A stage's gate ran after a wave.
    GateFinished {
        /// Index of the stage.
        stage: usize,
        /// Index of the wave before it.
        wave: usize,
        /// Whether it lets the rollout go on.
        passed: bool,
        /// Why not, or what it said.
        summary: String,
    },
    /// A person let a stage begin, or go on after its first wave.
    Approved {
        /// Index of the stage.
        stage: usize,
        /// Which of the two. Older ledgers have only the second.
        #[serde(default)]
        moment: Moment,
        /// Who approved it.
        by: String,
    },
    /// A person or the system asked the run to stop. The hardest request counts.
    StopRequested {
        /// How to stop.
        how: Stop,
        /// By whom or what.
        by: String,
    },
    /// The controller left; nothing more will be recorded unless the run is resumed.
    RunFinished,
}

/// The first event: everything that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The run's id.
    pub run: RunId,
    /// What is to be done.
    pub plan: Plan,
    /// The plan's digest.
    pub digest: String,
    /// The playbook's path, absolute.
    pub playbook_path: String,
    /// The inventories' paths, absolute; lists of hosts as typed.
    pub inventory_paths: Vec<String>,
    /// `--lenient`: the inventories were read as leniently as Ansible reads them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lenient: bool,
    /// `--limit`, as typed.
    pub limit: Option<String>,
    /// `-e`, names only: values may be secret.
    pub extra_vars: Vec<String>,
    /// Options that say how hosts are reached, as words (`--user`, `deploy`). Of passwords, and of commands that print
    /// them, only the option's name is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connect: Vec<String>,
    /// Where else it is written how hosts are reached, the strongest first: names of Ansible's environment variables,
    /// and the absolute path of its `ansible.cfg`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    /// How many seconds the walk of a host takes, from earlier walks; only if a window has `last_start: auto`, and only
    /// of hosts of which enough is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub walks: BTreeMap<HostName, u64>,
    /// `--check`: nothing is changed.
    pub check: bool,
    /// `rehearse`: every host was simulated. Nothing that the events say happened to a real one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearsal: bool,
    /// Who started it: the account of the process. (In ledgers without `person`: what the environment said.)
    pub operator: String,
    /// The person behind that account, as far as known.
    #[serde(default, skip_serializing_if = "Person::is_unknown")]
    pub person: Person,
    /// The machine it was started on.
    pub controller: String,
    /// The version of this program.
    pub version: String,
}

impl RunStarted {
    /// A run of `plan` with nothing else set: no paths, no options, no person.
    #[cfg(feature = "testing")]
    pub fn of(run: RunId, plan: Plan) -> Self {
        Self {
            run,
            digest: plan.digest(),
            plan,
            playbook_path: String::new(),
            inventory_paths: Vec::new(),
            lenient: false,
            limit: None,
            extra_vars: Vec::new(),
            connect: Vec::new(),
            settings: Vec::new(),
            walks: BTreeMap::new(),
            check: false,
            rehearsal: false,
            operator: String::new(),
            person: Person::default(),
            controller: String::new(),
            version: String::new(),
        }
    }

    /// What is said behind the playbook's name if no host was changed; `None`: it was a real run.
    pub fn unreal(&self) -> Option<&'static str> {
        match (self.check, self.rehearsal) {
            (true, _) => Some("check only"),
            (false, true) => Some("REHEARSAL, simulated hosts"),
            (false, false) => None,
        }
    }

    /// Who started it and where: `root@jump1 (login ann)`.
    pub fn owner(&self) -> String {
        self.person.beside(&format!("{}@{}", self.operator, self.controller))
    }
}

/// How a controller took over a run: who, with which program, and which parts of the first event it replaces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunResumed {
    /// Who: the account of the process. (In ledgers without `person`: what the environment said.)
    pub operator: String,
    /// The person behind that account, as far as known.
    #[serde(default, skip_serializing_if = "Person::is_unknown")]
    pub person: Person,
    /// On which machine.
    pub controller: String,
    /// The version of that controller's program; empty if it was too old to record it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// `--limit`, as typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Hosts that have not started and do not start until the run is resumed again: they are outside the limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<HostName>,
    /// What had changed in the files since the run started, and was accepted. The recorded plan stays in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// Files of the jump box whose new text was accepted, with its SHA-256. These replace the ones in the plan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// The freezes and calendars of the plan as they are defined now, if that has changed. These replace the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<Box<Dates>>,
    /// How it reaches hosts, if options of the resume say so; as in [`RunStarted::connect`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Vec<String>>,
}

/// A run's id: its start in UTC and four random letters (`20261122-020003-kxfa`). Sorts by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Which step of a host's walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepRef {
    /// Which list.
    pub phase: StepPhase,
    /// 0-based place in it.
    pub index: usize,
}

/// Which list of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepPhase {
    /// `steps`.
    Main,
    /// `on_failure`.
    OnFailure,
    /// Steps of `steps` that also run at the end of a broken walk (`undrain`).
    Always,
    /// A stage's `gate`.
    Gate,
}

/// How a step ended on a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// In one word.
    pub verdict: Verdict,
    /// Stable short name of the failure (`lock`, `host-key-changed`), for grouping; empty if the step ended well.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub class: String,
    /// What happened, one line.
    pub summary: String,
    /// More lines about a failure: excerpts of output.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub detail: Vec<String>,
    /// What to type next, if there is something to type.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
    /// Whether the host was changed.
    pub changed: bool,
    /// `--check` found that this step has work to do here; the summary says what.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub found_work: bool,
    /// `--check`: what the step would do, as data.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forecast: Option<Box<Forecast>>,
    /// Packages that changed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub packages: Vec<PackageChange>,
    /// Services that were restarted or stopped, without `.service`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub restarted: Vec<String>,
    /// What is left for a person, although the step may be ok.
    #[serde(skip_serializing_if = "LeftBehind::is_empty", default)]
    pub left_behind: Box<LeftBehind>,
    /// What is at hand to undo the step's changes of packages.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub way_back: Option<Box<WayBack>>,
    /// True if the host rebooted.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub rebooted: bool,
    /// Variables for later steps (`snapshot`, `register`). Never a secret.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub vars: Map<String, Value>,
    /// How long it took, over all attempts.
    #[serde(default)]
    pub took: Duration,
}

/// The class of a step that is ok although its message was not sent.
const NOT_SENT: &str = "not-sent";

impl StepResult {
    /// The result of a host that stays ok although its message was not sent.
    #[must_use]
    pub fn unsent(self) -> Self {
        let summary = format!("not sent: {}", self.summary);
        Self { verdict: Verdict::Ok, class: NOT_SENT.to_owned(), summary, ..self }
    }

    /// Whether this is a message that was not sent.
    pub fn is_unsent(&self) -> bool {
        self.verdict == Verdict::Ok && self.class == NOT_SENT
    }

    /// Hides secrets in the texts that people read. Variables that the program itself uses (`guard`, `baseline`) stay
    /// as they are, since later steps compare them.
    pub fn hide(&mut self, secrets: &Secrets, register: Option<&str>) {
        secrets.hide_in(&mut self.summary);
        self.detail.iter_mut().for_each(|line| secrets.hide_in(line));
        self.help.iter_mut().for_each(|help| secrets.hide_in(help));
        self.left_behind.reboot.iter_mut().for_each(|reason| secrets.hide_in(reason));
        self.left_behind.files.iter_mut().for_each(|file| secrets.hide_in(file));
        self.forecast.iter_mut().for_each(|forecast| forecast.hide(secrets));
        for (name, value) in &mut self.vars {
            if Some(name.as_str()) == register || name == "snapshot" {
                secrets.hide_in_json(value);
            }
        }
    }
}

/// A step's end in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Done, and checked.
    Ok,
    /// `when` was false, or there was nothing to do.
    Skipped,
    /// The host did not do it.
    Failed,
    /// The host cannot be reached.
    Unreachable,
    /// It may or may not have been carried out.
    Unknown,
}

/// How a run is asked to stop. A later request can only be harder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// No new host; hosts in flight finish.
    Drain,
    /// Hosts stop at their next step border.
    StepBorder,
    /// The controller leaves at once; detached jobs go on.
    Detach,
}

impl Stop {
    /// The next harder request: what another Ctrl-C or `stop` means.
    pub fn harder(asked: Option<Self>) -> Self {
        match asked {
            None => Self::Drain,
            Some(Self::Drain) => Self::StepBorder,
            Some(Self::StepBorder | Self::Detach) => Self::Detach,
        }
    }
}

/// What a host is doing just now, for the screen. May be dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The host.
    pub host: HostName,
    /// One line.
    pub text: String,
}
