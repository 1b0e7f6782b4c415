//! The dispatcher: the only writer of events, the only one who starts hosts.
//!
//! It takes what hosts, people and time say, one after the other; appends it to the journal, folds it, tells the
//! reporter, then acknowledges. After that it asks the rollout rule what comes next.

use std::{borrow::Cow, collections::HashSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

use super::{
    Outside, Signal,
    company::Company,
    gate,
    host_task::{Walk, Walked},
    voice::{Ack, Message, Voice},
};
use crate::{
    event::{Event, HostAt, HostState, Kind, Outcome, RunState, StepResult, Stop},
    host::HostName,
    ledger::{Journal, Logs, Wanted},
    plan::Moment,
    rollout::{self, Directive, Ending, Halt, Limits, Now},
    ui::Reporter,
};

/// Messages taken from the hosts into one transaction.
const BATCH: usize = 512;

/// What a run needs besides its events.
pub struct Engine {
    /// Hosts, jump box, time.
    pub outside: Arc<Outside>,
    /// Where events become durable.
    pub journal: Box<dyn Journal>,
    /// Who shows them.
    pub reporter: Box<dyn Reporter>,
    /// Most hosts in flight.
    pub forks: usize,
    /// How often the reporter is told the time and the journal asked for requests.
    pub tick: Duration,
    /// Requests of this process: signals, the prompt.
    pub signals: mpsc::Receiver<Signal>,
    /// How this program is called in hints, with its state folder: `patchwave`.
    pub program: String,
    /// Told when the run begins to wait for a person.
    pub notices: Option<mpsc::Sender<Notice>>,
}

/// Something a person in front of the terminal may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// This stage waits for approval.
    ApprovalWanted {
        /// The stage's name.
        stage: String,
    },
}

/// How the controller's part of a run ended.
#[derive(Debug)]
pub struct Ended {
    /// All that is known.
    pub state: RunState,
    /// Why no further host was started; `None` when all were.
    pub why: Option<String>,
    /// Why events could not be recorded, if that ended the run.
    pub lost: Option<Lost>,
}

/// Events can no longer be recorded, so nothing may be done.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{why}")]
pub struct Lost {
    /// What is wrong, for people.
    pub why: String,
    /// What to type next.
    pub help: Option<String>,
}

/// Runs a run from where its events leave it: hosts that are open are settled first, then the rule is asked.
pub async fn run(engine: Engine, state: RunState) -> Ended {
    let (messages, inbox) = mpsc::channel(1024);
    let rested = Now::by_the_record(&state, engine.outside.clock.now()).rested;
    let mut dispatcher = Dispatcher {
        engine,
        state,
        messages,
        hosts: JoinSet::new(),
        gate: JoinSet::new(),
        settling: HashSet::new(),
        lost: None,
        said: None,
        asked: None,
        signals_open: true,
        company: Company::default(),
        starts: None,
        rested: (rested, Instant::now()),
    };
    dispatcher.settle();
    dispatcher.work(inbox).await
}

struct Dispatcher {
    engine: Engine,
    state: RunState,
    messages: mpsc::Sender<Message>,
    hosts: JoinSet<(HostName, Walked)>,
    gate: JoinSet<(usize, usize, bool, String)>,
    /// Hosts that were open when the run was taken over. Nothing new starts before they are done.
    settling: HashSet<HostName>,
    lost: Option<Lost>,
    /// The last sentence said about the run as a whole, so that it is said once.
    said: Option<String>,
    /// The approval that was asked for.
    asked: Option<(usize, Moment)>,
    signals_open: bool,
    company: Company,
    /// Hosts may start; until then they wait for what others say, to be recorded with it.
    starts: Option<Instant>,
    /// How long no host had been done any more at a moment, and that moment. Wall time is read once, where the run is
    /// taken over; from there on the length is measured.
    rested: (Duration, Instant),
}

enum Flow {
    GoOn { until: Option<Instant> },
    Over(Option<String>),
}

impl Dispatcher {
    async fn work(mut self, mut inbox: mpsc::Receiver<Message>) -> Ended {
        let mut ticks = tokio::time::interval(self.engine.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        let why = loop {
            let until = match self.decide() {
                Flow::Over(why) => break why,
                Flow::GoOn { until } => until,
            };
            let wake = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                biased;
                signal = self.engine.signals.recv(), if self.signals_open => match signal {
                    Some(signal) => self.signal(signal),
                    None => self.signals_open = false,
                },
                taken = inbox.recv_many(&mut batch, BATCH) => if taken > 0 {
                    self.gather(&mut inbox, &mut batch).await;
                    self.take(&mut batch);
                },
                Some(done) = self.gate.join_next() => self.gate_done(done),
                Some(done) = self.hosts.join_next() => self.host_done(done),
                _ = ticks.tick() => self.tick(),
                () = tokio::time::sleep_until(wake) => {}
            }
            if self.state.stop == Some(Stop::Detach) || self.lost.is_some() {
                self.hosts.shutdown().await;
                self.gate.shutdown().await;
                break self.lost.as_ref().map_or_else(
                    || rollout::halt(&self.state).map(|halt| halt.to_string()),
                    |error| Some(format!("the ledger cannot be written: {error}")),
                );
            }
        };
        if self.state.tally.in_flight == 0 && self.lost.is_none() {
            self.append(vec![Kind::RunFinished]);
        }
        self.tell_trouble(self.engine.outside.clock.now());
        self.engine.reporter.finish(&self.state);
        Ended { state: self.state, why, lost: self.lost }
    }

    /// Asks the rule and does what it says, until it says to wait or to end.
    fn decide(&mut self) -> Flow {
        loop {
            if !self.settling.is_empty() && !self.hosts.is_empty() {
                return Flow::GoOn { until: None };
            }
            match self.next() {
                Directive::Start(hosts) => match self.not_yet() {
                    Some(until) => return Flow::GoOn { until: Some(until) },
                    None => {
                        self.record_and_start(hosts, Vec::new());
                    }
                },
                Directive::WaitForHosts if self.hosts.is_empty() => return Flow::Over(self.stopped()),
                Directive::WaitForHosts => return Flow::GoOn { until: None },
                Directive::Soak { left, why } => {
                    self.say(format!("waiting: {why}"));
                    return Flow::GoOn { until: Some(Instant::now() + left) };
                }
                Directive::WaitForApproval { stage, moment } => {
                    self.want_approval(stage, moment);
                    return Flow::GoOn { until: None };
                }
                Directive::RunGate { stage, wave } => {
                    self.start_gate(stage, wave);
                    return Flow::GoOn { until: None };
                }
                Directive::Drain(why) => {
                    let rest = match why {
                        Halt::Asked(Stop::StepBorder | Stop::Detach) => "no other host starts",
                        _ => "hosts in flight finish, no other host starts",
                    };
                    self.say(format!("halted: {why}; {rest}"));
                    if self.hosts.is_empty() {
                        return Flow::Over(self.stopped());
                    }
                    return Flow::GoOn { until: None };
                }
                Directive::Finished(Ending::AllStarted) => return Flow::Over(None),
                Directive::Finished(Ending::Halted(why)) => {
                    let text = format!("halted: {why}");
                    if !self.said.as_ref().is_some_and(|said| said.starts_with(&text)) {
                        self.say(text);
                    }
                    return Flow::Over(Some(why.to_string()));
                }
                Directive::Finished(Ending::Left { why }) => {
                    self.say(format!("the rest is left: {why}"));
                    return Flow::Over(Some(why));
                }
            }
            if self.lost.is_some() {
                return Flow::GoOn { until: None };
            }
        }
    }

    /// What the rule says now.
    fn next(&self) -> Directive {
        let (rested, since) = self.rested;
        let now = Now { wall: self.engine.outside.clock.now(), rested: rested + since.elapsed() };
        rollout::next(&self.state, now, Limits { forks: self.engine.forks })
    }

    fn stopped(&self) -> Option<String> {
        rollout::halt(&self.state).map(|halt| halt.to_string())
    }

    /// Until when hosts that may start wait for company; `None`: they start now.
    fn not_yet(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let in_flight = self.state.tally.in_flight;
        let until = *self.starts.get_or_insert_with(|| match in_flight {
            0 => now,
            in_flight => now + self.company.wait(in_flight),
        });
        (now < until).then_some(until)
    }

    /// Gives these hosts their slots, and records what others said at the same moment. True when all of it is durable.
    fn record_and_start(&mut self, hosts: Vec<HostName>, said: Vec<Kind>) -> bool {
        self.starts = None;
        let started = hosts.iter().map(|host| Kind::HostStarted { host: host.clone() });
        let recorded = self.append(started.chain(said).collect());
        if recorded {
            for host in hosts {
                self.spawn(host, None);
            }
        }
        recorded
    }

    /// The hosts that wait for company and may start still.
    fn starting(&self) -> Vec<HostName> {
        match self.next() {
            Directive::Start(hosts) if self.starts.is_some() => hosts,
            _ => Vec::new(),
        }
    }

    /// Takes up every host that was open when the last controller ended.
    fn settle(&mut self) {
        let open: Vec<HostState> = self.state.hosts.iter().filter(|h| h.at == HostAt::InFlight).cloned().collect();
        for host in open {
            self.settling.insert(host.name.clone());
            self.spawn(host.name.clone(), Some(host));
        }
    }

    fn spawn(&mut self, host: HostName, before: Option<HostState>) {
        let walk = Walk {
            outside: Arc::clone(&self.engine.outside),
            started: Arc::clone(&self.state.started),
            voice: Voice { host: host.clone(), messages: self.messages.clone() },
            before,
        };
        self.hosts.spawn(async move {
            // A panic in a step is our fault; it must cost one host its outcome, not the run its end.
            let walked = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(walk.run())).await;
            (host, walked.unwrap_or(Walked::Panicked))
        });
    }

    fn start_gate(&mut self, stage: usize, wave: usize) {
        if !self.gate.is_empty() {
            return;
        }
        let (outside, started) = (Arc::clone(&self.engine.outside), Arc::clone(&self.state.started));
        self.say(format!("gate after wave {} of stage {}", wave + 1, started.plan.stages[stage].name));
        self.gate.spawn(async move {
            let (passed, summary) = gate::run(outside, started, stage, wave).await;
            (stage, wave, passed, summary)
        });
    }

    fn gate_done(&mut self, done: Result<(usize, usize, bool, String), tokio::task::JoinError>) {
        match done {
            Ok((stage, wave, passed, summary)) => {
                self.append(vec![Kind::GateFinished { stage, wave, passed, summary }]);
            }
            Err(error) => {
                tracing::error!(%error, "a gate ended without an answer");
                self.append(vec![Kind::StopRequested { how: Stop::Drain, by: "a gate without an answer".to_owned() }]);
            }
        }
    }

    fn host_done(&mut self, done: Result<(HostName, Walked), tokio::task::JoinError>) {
        let Ok((host, walked)) = done else { return };
        if walked == Walked::Panicked {
            self.close_after_panic(&host);
        }
        self.settling.remove(&host);
    }

    fn close_after_panic(&mut self, host: &HostName) {
        let Some(HostState { at: HostAt::InFlight, current, .. }) = self.state.host(host) else { return };
        let mut kinds = Vec::new();
        if let Some(current) = current {
            let result = StepResult::unknown("bug", "patchwave itself failed in this step; its log says where")
                .changed(true)
                .help("report it with the log of this run; look at the host before it is patched again");
            kinds.push(Kind::StepFinished { host: host.clone(), step: current.step, result });
        }
        kinds.push(Kind::HostFinished { host: host.clone(), outcome: Outcome::Unknown, lost_lease: None });
        self.append(kinds);
    }

    /// Takes what other hosts say at the same moment; there is no waiting for hosts that have spoken.
    async fn gather(&self, inbox: &mut mpsc::Receiver<Message>, batch: &mut Vec<Message>) {
        let most = self.state.tally.in_flight.min(BATCH);
        let until = Instant::now() + self.company.wait(self.state.tally.in_flight);
        while batch.len() < most {
            let more = inbox.recv_many(batch, most - batch.len());
            if !matches!(tokio::time::timeout_at(until, more).await, Ok(n) if n > 0) {
                return;
            }
        }
    }

    /// Records a batch of what hosts said, in one transaction, then answers.
    fn take(&mut self, batch: &mut Vec<Message>) {
        let mut said = Vec::with_capacity(2 * batch.len());
        let mut acks: Vec<(oneshot::Sender<Ack>, Ack)> = Vec::with_capacity(batch.len());
        let at_border = self.state.stop >= Some(Stop::StepBorder);
        for message in batch.drain(..) {
            match message {
                Message::Progress(progress) => self.engine.reporter.progress(&progress),
                Message::Record { mut kinds, ack } => {
                    let next = kinds.iter().position(|kind| matches!(kind, Kind::StepStarted { .. }));
                    let answer = match next.filter(|_| at_border) {
                        Some(border) => {
                            kinds.truncate(border);
                            Ack::StopHere
                        }
                        None => Ack::Recorded,
                    };
                    said.append(&mut kinds);
                    acks.push((ack, answer));
                }
            }
        }
        let recorded = said.is_empty() || self.record_and_start(self.starting(), said);
        for (ack, answer) in acks {
            let _ = ack.send(if recorded { answer } else { Ack::Leave });
        }
    }

    /// Appends, folds, shows. False when the ledger is lost; then nothing was done.
    fn append(&mut self, kinds: Vec<Kind>) -> bool {
        if self.lost.is_some() {
            return false;
        }
        let at = self.engine.outside.clock.now();
        let first = self.state.seq + 1;
        let events: Vec<Event> = kinds.into_iter().zip(first..).map(|(kind, seq)| Event { seq, at, kind }).collect();
        if let Err(error) = self.engine.journal.append(&events) {
            tracing::error!(%error, "the ledger is lost");
            self.lost = Some(Lost { why: error.to_string(), help: error.help().map(Cow::into_owned) });
            return false;
        }
        for event in &events {
            if let Err(error) = self.state.apply(event) {
                // What was recorded cannot be taken back, and a state that is not the fold of its events must not decide.
                tracing::error!(%error, "an event does not fit the state");
                self.lost = Some(Lost { why: error.to_string(), help: None });
                return false;
            }
            if let Kind::HostFinished { host, .. } = &event.kind {
                self.rested = (Duration::ZERO, Instant::now());
                if let Some(took) = self.state.host(host).and_then(|host| host.took(at)) {
                    self.company.ended(took);
                }
            }
            self.engine.reporter.event(&self.state, event);
        }
        true
    }

    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Harder { by } => {
                let how = match self.state.stop {
                    None => Stop::Drain,
                    Some(Stop::Drain) => Stop::StepBorder,
                    Some(Stop::StepBorder | Stop::Detach) => Stop::Detach,
                };
                self.stop(how, by);
            }
            Signal::Stop { how, by } => self.stop(how, by),
            Signal::Approve { by } => self.approve(by),
        }
    }

    fn stop(&mut self, how: Stop, by: String) {
        if self.state.stop < Some(how) {
            self.append(vec![Kind::StopRequested { how, by }]);
        }
    }

    fn approve(&mut self, by: String) {
        // A second yes to one question must not answer the next, which nobody has seen yet.
        if let Directive::WaitForApproval { stage, moment } = self.next()
            && self.asked == Some((stage, moment))
        {
            self.append(vec![Kind::Approved { stage, moment, by }]);
        }
    }

    fn want_approval(&mut self, stage: usize, moment: Moment) {
        if self.asked.replace((stage, moment)) == Some((stage, moment)) {
            return;
        }
        let name = self.state.plan().stages[stage].name.clone();
        let run = self.state.started.run.clone();
        let now = self.engine.outside.clock.now();
        let elsewhere = format!("{} approve {run}", self.engine.program);
        match &self.engine.notices {
            Some(notices) => {
                let question = format!("stage {name} waits for approval {moment}: type yes, or elsewhere: {elsewhere}");
                self.engine.reporter.ask(now, &question);
                let _ = notices.try_send(Notice::ApprovalWanted { stage: name });
            }
            None => self.say(format!("stage {name} waits for approval {moment}: {elsewhere}")),
        }
    }

    fn tick(&mut self) {
        let now = self.engine.outside.clock.now();
        self.engine.reporter.tick(&self.state, now);
        self.tell_trouble(now);
        for request in self.engine.journal.requests() {
            match request.what {
                Wanted::Stop(how) => self.stop(how, request.by),
                Wanted::Approve { .. } => self.approve(request.by),
            }
        }
    }

    /// Output that could not be logged stops nothing; it is told once.
    fn tell_trouble(&mut self, now: Timestamp) {
        if let Some(trouble) = self.engine.outside.logs.as_ref().and_then(Logs::take_trouble) {
            self.engine.reporter.note(now, &trouble);
        }
    }

    fn say(&mut self, sentence: String) {
        if self.said.as_ref() != Some(&sentence) {
            let now = self.engine.outside.clock.now();
            self.engine.reporter.note(now, &sentence);
            self.said = Some(sentence);
        }
    }
}
