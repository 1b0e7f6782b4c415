//! The only fold: what is known about a run after its events so far.
//!
//! Total and strict: an event that cannot happen in a state is an error, never a guess. Nothing here is stored; it is
//! computed from the events whenever it is needed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Event, Kind, LostLease, Machine, Outcome, RunStarted, StepPhase, StepRef, StepResult, Stop, TakenLease, Tally,
    Verdict,
};
use crate::{
    calendar::Dates,
    host::HostName,
    plan::{Domain, Moment, Plan},
};

/// A run, as its events describe it.
#[derive(Clone, Debug)]
pub struct RunState {
    /// What was asked for; from the first event.
    pub started: Arc<RunStarted>,
    /// When the first event was recorded.
    pub started_at: Timestamp,
    /// When the newest event was recorded.
    pub last_at: Timestamp,
    /// When the last host that is done was done.
    pub last_done_at: Option<Timestamp>,
    /// The stage and the wave of that host.
    pub last_done_in: Option<(usize, usize)>,
    /// Sequence number of the newest event.
    pub seq: u64,
    /// The hosts, in the plan's order.
    pub hosts: Vec<HostState>,
    /// The stages, in the plan's order.
    pub stages: Vec<StageState>,
    /// Counts over all hosts.
    pub tally: Tally,
    /// The hardest request to stop so far.
    pub stop: Option<Stop>,
    /// True after `RunFinished`, until it is resumed.
    pub finished: bool,
    /// How many controllers took the run over after the first.
    pub resumes: u32,
    /// How hosts are reached: [`RunStarted::connect`], or what a later resume said instead.
    pub connect: Vec<String>,
    /// The SHA-256 that each file of the jump box must have: those of the plan, or what a resume accepted instead.
    pub files: BTreeMap<String, String>,
    /// The freezes and calendars that a resume found, if they are not those of the plan.
    pub(super) dates: Option<Box<Dates>>,
    /// The version of the program that last ran it.
    pub written_by: String,
    /// Why the end of the record is lost, if it is. What happened after the recorded events is then not known.
    pub cut: Option<String>,
    index: HashMap<HostName, usize>,
    domains: HashMap<(Arc<str>, Arc<str>), usize>,
}

/// One host of a run.
#[derive(Clone, Debug)]
pub struct HostState {
    /// Its name.
    pub name: HostName,
    /// Index of its stage.
    pub stage: usize,
    /// Index of its wave in the stage.
    pub wave: usize,
    /// Whether it waits, is in flight or is done.
    pub at: HostAt,
    /// It waits and does not start: it is outside the limit of the newest resume.
    pub left_out: bool,
    /// When it got its slot.
    pub started_at: Option<Timestamp>,
    /// When it was done.
    pub finished_at: Option<Timestamp>,
    /// Finished steps in the order in which they ended.
    pub steps: Vec<(StepRef, StepResult)>,
    /// The step that is running, or was when the controller ended.
    pub current: Option<CurrentStep>,
    /// The machine that its walk began on.
    pub machine: Option<Machine>,
    /// Leases that were taken from other runs for this host.
    pub leases: Vec<TakenLease>,
    /// Another run took the host's lease from this one; it was noticed at the end.
    pub lost_lease: Option<LostLease>,
    /// It was in flight where the record is cut, and what happened on it after that is lost.
    pub cut: bool,
    domain: Option<Domain>,
}

/// Whether a host waits, is in flight or is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAt {
    /// It has no slot yet.
    Waiting,
    /// It walks its steps.
    InFlight,
    /// It is done.
    Done(Outcome),
}

/// A step that has begun and has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentStep {
    /// The step.
    pub step: StepRef,
    /// From 1.
    pub attempt: u32,
    /// When this attempt began.
    pub since: Timestamp,
    /// What it noted.
    pub notes: Map<String, Value>,
}

/// One stage of a run.
#[derive(Clone, Debug, Default)]
pub struct StageState {
    /// Who approved it and at which moment, in the order of the record.
    pub approvals: Vec<(Moment, String)>,
    /// Per wave.
    pub waves: Vec<WaveState>,
    /// Counts over its hosts.
    pub tally: Tally,
}

/// One wave of a stage.
#[derive(Clone, Debug, Default)]
pub struct WaveState {
    /// Counts over its hosts.
    pub tally: Tally,
    /// The gate after it, once it ran: whether it passed, and what it said.
    pub gate: Option<(bool, String)>,
    /// Waiting hosts that do not start.
    pub left_out: usize,
    /// Every host before this index in the wave is past `Waiting`. For cheap scans; derived.
    pub cursor: usize,
    first: usize,
}

/// An event that cannot follow the state: the ledger is damaged, or this program has a bug.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("event {seq} cannot follow: {why}")]
pub struct IllegalEvent {
    /// Its sequence number.
    pub seq: u64,
    /// What does not fit.
    pub why: String,
}

impl RunState {
    /// The state after the first event, which must be `RunStarted` with sequence number 1.
    ///
    /// # Errors
    /// [`IllegalEvent`] for any other event, or a plan that names a host twice.
    pub fn begin(event: &Event) -> Result<Self, IllegalEvent> {
        let illegal = |why: &str| IllegalEvent { seq: event.seq, why: why.to_owned() };
        let Kind::RunStarted(started) = &event.kind else {
            return Err(illegal("the first event of a run must be run_started"));
        };
        if event.seq != 1 {
            return Err(illegal("the first event of a run must have number 1"));
        }
        let mut state = Self {
            started: Arc::new((**started).clone()),
            started_at: event.at,
            last_at: event.at,
            last_done_at: None,
            last_done_in: None,
            seq: 1,
            hosts: Vec::new(),
            stages: Vec::new(),
            tally: Tally::default(),
            stop: None,
            finished: false,
            resumes: 0,
            connect: started.connect.clone(),
            files: started.plan.pinned.files.clone(),
            dates: None,
            written_by: started.version.clone(),
            cut: None,
            index: HashMap::new(),
            domains: HashMap::new(),
        };
        state.lay_out().map_err(|why| illegal(&why))?;
        Ok(state)
    }

    /// The state after all of `events`.
    ///
    /// # Errors
    /// [`IllegalEvent`] at the first event that does not fit, and for no events at all.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, IllegalEvent> {
        let mut events = events.into_iter();
        let first = events.next().ok_or_else(|| IllegalEvent { seq: 0, why: "the run has no events".to_owned() })?;
        let mut state = Self::begin(first)?;
        for event in events {
            state.apply(event)?;
        }
        Ok(state)
    }

    /// The plan of the run.
    pub fn plan(&self) -> &Plan {
        &self.started.plan
    }

    /// The state of one host.
    pub fn host(&self, name: &HostName) -> Option<&HostState> {
        self.index.get(name).map(|&i| &self.hosts[i])
    }

    /// The hosts of one wave, in starting order.
    pub fn wave_hosts(&self, stage: usize, wave: usize) -> &[HostState] {
        let wave = &self.stages[stage].waves[wave];
        &self.hosts[wave.first..wave.first + wave.tally.total]
    }

    /// Hosts of this failure domain that are in flight or broken in this run.
    pub fn out_of_service(&self, domain: &Domain) -> usize {
        self.domains.get(&domain_key(domain)).copied().unwrap_or(0)
    }

    /// Every host with its outcome if nothing more happened ([`HostState::outcome`]).
    pub fn outcomes(&self) -> impl Iterator<Item = (&HostState, Outcome)> {
        self.hosts.iter().map(|host| (host, host.outcome()))
    }

    /// Applies one more event.
    ///
    /// # Errors
    /// [`IllegalEvent`]; the state is then unchanged.
    pub fn apply(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        if event.seq != self.seq + 1 {
            return Err(IllegalEvent { seq: event.seq, why: format!("it should have number {}", self.seq + 1) });
        }
        self.apply_kind(event).map_err(|why| IllegalEvent { seq: event.seq, why })?;
        self.seq = event.seq;
        self.last_at = event.at;
        Ok(())
    }

    // long: one arm for each kind, so that none is forgotten; what takes more than a few lines is a method.
    fn apply_kind(&mut self, event: &Event) -> Result<(), String> {
        if self.finished && !matches!(event.kind, Kind::RunResumed(_) | Kind::RecordCut { .. }) {
            return Err("the run is finished".to_owned());
        }
        match &event.kind {
            Kind::RunStarted(_) => Err("the run has started before".to_owned()),
            Kind::RunResumed(resumed) => {
                self.leave_out(&resumed.left_out)?;
                self.files.extend(resumed.files.clone());
                self.dates.clone_from(&resumed.dates);
                if !resumed.version.is_empty() {
                    self.written_by.clone_from(&resumed.version);
                }
                if let Some(connect) = &resumed.connect {
                    self.connect.clone_from(connect);
                }
                self.finished = false;
                self.stop = None;
                self.resumes += 1;
                Ok(())
            }
            Kind::RecordCut { why } => {
                self.cut = Some(why.clone());
                self.hosts.iter_mut().for_each(|host| host.cut = host.at == HostAt::InFlight);
                Ok(())
            }
            Kind::HostStarted { host } => self.host_started(host, event.at),
            Kind::StepStarted { host, step, attempt } => self.step_started(host, *step, *attempt, event.at),
            Kind::StepNoted { host, step, key, value } => {
                let host_state = self.in_flight(host)?;
                let current = host_state.current.as_mut().filter(|c| c.step == *step);
                let current = current.ok_or_else(|| format!("{host} is not in that step"))?;
                current.notes.insert(key.clone(), value.clone());
                TakenLease::keep(&mut host_state.leases, key, value);
                Machine::keep(&mut host_state.machine, key, value);
                Ok(())
            }
            Kind::StepFinished { host, step, result } => {
                let host_state = self.in_flight(host)?;
                match &host_state.current {
                    Some(current) if current.step == *step => {}
                    // A skipped step need not begin.
                    None if result.verdict == Verdict::Skipped => host_state.not_done(*step)?,
                    _ => return Err(format!("{host} is not in that step")),
                }
                host_state.current = None;
                host_state.steps.push((*step, result.clone()));
                Ok(())
            }
            Kind::HostFinished { host, outcome, lost_lease } => {
                self.in_flight(host)?.lost_lease.clone_from(lost_lease);
                self.host_finished(host, *outcome, event.at)
            }
            Kind::GateFinished { stage, wave, passed, summary } => {
                let wave = self.wave_mut(*stage, *wave)?;
                wave.gate = Some((*passed, summary.clone()));
                Ok(())
            }
            Kind::Approved { stage, moment, by } => {
                let stage = self.stages.get_mut(*stage).ok_or("there is no such stage")?;
                if !stage.approved(*moment) {
                    stage.approvals.push((*moment, by.clone()));
                }
                Ok(())
            }
            Kind::StopRequested { how, .. } => {
                self.stop = self.stop.max(Some(*how));
                Ok(())
            }
            Kind::RunFinished => {
                self.finished = true;
                Ok(())
            }
        }
    }

    fn lay_out(&mut self) -> Result<(), String> {
        let started = Arc::clone(&self.started);
        for (s, stage) in started.plan.stages.iter().enumerate() {
            let mut stage_state = StageState::default();
            for (w, wave) in stage.waves.iter().enumerate() {
                let tally = Tally { total: wave.hosts.len(), ..Tally::default() };
                stage_state.waves.push(WaveState { tally, first: self.hosts.len(), ..WaveState::default() });
                stage_state.tally.total += wave.hosts.len();
                for host in &wave.hosts {
                    if self.index.insert(host.name.clone(), self.hosts.len()).is_some() {
                        return Err(format!("{} is in the plan twice", host.name));
                    }
                    self.hosts.push(HostState {
                        name: host.name.clone(),
                        stage: s,
                        wave: w,
                        at: HostAt::Waiting,
                        left_out: false,
                        started_at: None,
                        finished_at: None,
                        steps: Vec::new(),
                        current: None,
                        machine: None,
                        leases: Vec::new(),
                        lost_lease: None,
                        cut: false,
                        domain: host.domain.clone(),
                    });
                }
            }
            self.tally.total += stage_state.tally.total;
            self.stages.push(stage_state);
        }
        Ok(())
    }

    fn known(&self, name: &HostName) -> Result<usize, String> {
        self.index.get(name).copied().ok_or_else(|| format!("{name} is not in the plan"))
    }

    fn in_flight(&mut self, name: &HostName) -> Result<&mut HostState, String> {
        let at = self.known(name)?;
        let host = &mut self.hosts[at];
        if host.at == HostAt::InFlight { Ok(host) } else { Err(format!("{name} is not in flight")) }
    }

    /// From now on these hosts, and no others, do not start.
    fn leave_out(&mut self, left_out: &[HostName]) -> Result<(), String> {
        let places = left_out.iter().map(|name| self.known(name)).collect::<Result<Vec<_>, _>>()?;
        if let Some(&i) = places.iter().find(|&&i| self.hosts[i].at != HostAt::Waiting) {
            return Err(format!("{} has already started", self.hosts[i].name));
        }
        self.hosts.iter_mut().for_each(|host| host.left_out = false);
        self.stages.iter_mut().flat_map(|stage| &mut stage.waves).for_each(|wave| wave.left_out = 0);
        for i in places {
            let host = &mut self.hosts[i];
            if !std::mem::replace(&mut host.left_out, true) {
                self.stages[host.stage].waves[host.wave].left_out += 1;
            }
        }
        Ok(())
    }

    fn wave_mut(&mut self, stage: usize, wave: usize) -> Result<&mut WaveState, String> {
        self.stages.get_mut(stage).and_then(|s| s.waves.get_mut(wave)).ok_or_else(|| "there is no such wave".to_owned())
    }

    fn host_started(&mut self, name: &HostName, at: Timestamp) -> Result<(), String> {
        let i = self.known(name)?;
        if self.hosts[i].at != HostAt::Waiting {
            return Err(format!("{name} has already started"));
        }
        if self.hosts[i].left_out {
            return Err(format!("{name} is left out"));
        }
        let host = &mut self.hosts[i];
        host.at = HostAt::InFlight;
        host.started_at = Some(at);
        let (stage, wave, domain) = (host.stage, host.wave, host.domain.clone());
        if let Some(domain) = domain {
            *self.domains.entry(domain_key(&domain)).or_default() += 1;
        }
        self.tally.start();
        let stage = &mut self.stages[stage];
        stage.tally.start();
        let wave = &mut stage.waves[wave];
        wave.tally.start();
        // The gate has not seen this host.
        wave.gate.take_if(|(passed, _)| *passed);
        while wave.cursor < wave.tally.total && self.hosts[wave.first + wave.cursor].at != HostAt::Waiting {
            wave.cursor += 1;
        }
        Ok(())
    }

    fn step_started(&mut self, name: &HostName, step: StepRef, attempt: u32, at: Timestamp) -> Result<(), String> {
        let host = self.in_flight(name)?;
        let same = host.current.as_ref().filter(|current| current.step == step);
        if attempt < same.map_or(1, |current| current.attempt) {
            return Err(format!("{name} has had a later attempt than {attempt}"));
        }
        match &mut host.current {
            Some(current) if current.step != step => Err(format!("{name} is in another step")),
            Some(current) => {
                current.attempt = attempt;
                current.since = at;
                Ok(())
            }
            None => {
                host.not_done(step)?;
                host.current = Some(CurrentStep { step, attempt, since: at, notes: Map::new() });
                Ok(())
            }
        }
    }

    fn host_finished(&mut self, name: &HostName, outcome: Outcome, at: Timestamp) -> Result<(), String> {
        if matches!(outcome, Outcome::NotStarted | Outcome::Paused) {
            return Err(format!("{name} was started"));
        }
        let host = self.in_flight(name)?;
        if matches!(outcome, Outcome::Ok | Outcome::RolledBack) {
            // Success is checked, never assumed.
            if host.current.is_some() {
                return Err(format!("{name} is in a step"));
            }
            if host.broke_at().is_some_and(|(step, _)| step.phase == StepPhase::Main) {
                return Err(format!("a step of {name} did not end well"));
            }
        }
        host.at = HostAt::Done(outcome);
        host.finished_at = Some(at);
        host.current = None;
        let (stage, wave, domain) = (host.stage, host.wave, host.domain.clone());
        if let Some(domain) = domain
            && !outcome.uses_budget()
            && let Some(out) = self.domains.get_mut(&domain_key(&domain))
        {
            *out -= 1;
        }
        self.tally.finish(outcome);
        (self.last_done_at, self.last_done_in) = (Some(at), Some((stage, wave)));
        let stage = &mut self.stages[stage];
        stage.tally.finish(outcome);
        let wave = &mut stage.waves[wave];
        wave.tally.finish(outcome);
        Ok(())
    }
}

impl StageState {
    /// Whether a person has approved this.
    pub fn approved(&self, moment: Moment) -> bool {
        self.approvals.iter().any(|(given, _)| *given == moment)
    }
}

fn domain_key(domain: &Domain) -> (Arc<str>, Arc<str>) {
    (Arc::from(domain.spread.by.as_str()), Arc::clone(&domain.value))
}

impl HostState {
    fn not_done(&self, step: StepRef) -> Result<(), String> {
        match self.result(step) {
            Some(_) => Err(format!("{} has done that step", self.name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
