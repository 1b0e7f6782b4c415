//! The dispatcher: only it starts hosts, and every event passes through it.
//!
//! It takes one [`Input`] after the other, from hosts, people and timers, and records the consequences. After that it
//! asks the rollout rule what comes next. It writes through `event_writer`.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::{Instant, Interval, MissedTickBehavior},
};

use super::{
    Begun, Engine, Notice, RunEnd, Signal, Surroundings,
    event_writer::EventWriter,
    gate::{self, GateEnd},
    inbox::Inbox,
    record::{Ack, Channel, Message},
    walk::{Walk, WalkEnd},
};
use crate::{
    event::{HostAt, HostState, Kind, Outcome, StepResult, Stop},
    host::HostName,
    plan::Moment,
    rollout::{self, Directive, Ending, Halt, Limits},
};

/// Carries on a run from its last event: open hosts are settled first, then the rule is asked.
pub async fn run(engine: Engine, begun: Begun) -> RunEnd {
    let mut dispatcher = Dispatcher::new(engine, begun);
    dispatcher.settle();
    dispatcher.work().await
}

pub(super) struct Dispatcher {
    pub(super) writer: EventWriter,
    surroundings: Arc<Surroundings>,
    forks: usize,
    pub(super) program: String,
    pub(super) notices: Option<mpsc::Sender<Notice>>,
    signals: mpsc::Receiver<Signal>,
    signals_open: bool,
    ticks: Interval,
    /// Each host gets a clone.
    messages: mpsc::Sender<Message>,
    pub(super) inbox: Inbox,
    hosts: JoinSet<(HostName, WalkEnd)>,
    gate: JoinSet<GateEnd>,
    /// Hosts that were open when the run was taken over. Nothing new starts before they are done.
    settling: HashSet<HostName>,
    /// The approval that the run waits for.
    pub(super) asked: Option<(usize, Moment)>,
    /// Hosts are about to start. Until this moment they wait for messages from other hosts, to be recorded together.
    starts: Option<Instant>,
}

/// One thing that the dispatcher has to handle.
pub(super) enum Input {
    /// A request in this process; `None`: no more will come.
    Signal(Option<Signal>),
    /// Messages from hosts are in the inbox.
    Said,
    /// A gate is over.
    GateDone(Result<GateEnd, JoinError>),
    /// A host's task is over.
    HostDone(Result<(HostName, WalkEnd), JoinError>),
    /// Time to look for requests from other shells.
    Tick,
    /// The time at which the rule wanted to be asked again.
    Woken,
}

/// How the dispatcher goes on after asking the rule.
pub(super) enum Flow {
    /// Wait, at most until then.
    GoOn { until: Option<Instant> },
    /// The run is over for this controller.
    Over,
}

impl Dispatcher {
    pub(super) fn new(engine: Engine, begun: Begun) -> Self {
        let mut ticks = tokio::time::interval(engine.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (messages, inbox) = Inbox::new();
        Self {
            writer: EventWriter::new(begun, engine.reporter, Arc::clone(&engine.surroundings.clock)),
            surroundings: engine.surroundings,
            forks: engine.forks,
            program: engine.program,
            notices: engine.notices,
            signals: engine.signals,
            signals_open: true,
            ticks,
            messages,
            inbox,
            hosts: JoinSet::new(),
            gate: JoinSet::new(),
            settling: HashSet::new(),
            asked: None,
            starts: None,
        }
    }

    async fn work(mut self) -> RunEnd {
        loop {
            let until = match self.decide() {
                Flow::Over => break,
                Flow::GoOn { until } => until,
            };
            let input = self.next_input(until).await;
            self.respond(input);
            if self.writer.lost().is_some() || self.writer.state().stop == Some(Stop::Detach) {
                self.abandon().await;
                break;
            }
        }
        if self.writer.state().tally.in_flight == 0 && self.writer.lost().is_none() {
            self.writer.append(vec![Kind::RunFinished]);
        }
        self.report_log_trouble();
        let (state, lost) = self.writer.finish();
        RunEnd { state, lost }
    }

    /// Waits for the next input. If this is dropped, no input is lost.
    async fn next_input(&mut self, until: Option<Instant>) -> Input {
        let wake = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        let input = tokio::select! {
            biased;
            signal = self.signals.recv(), if self.signals_open => Input::Signal(signal),
            () = self.inbox.wait() => Input::Said,
            Some(done) = self.gate.join_next() => Input::GateDone(done),
            Some(done) = self.hosts.join_next() => Input::HostDone(done),
            _ = self.ticks.tick() => Input::Tick,
            () = tokio::time::sleep_until(wake) => Input::Woken,
        };
        if matches!(input, Input::Said) {
            let until = Instant::now() + self.writer.group_wait();
            self.inbox.gather(self.writer.state().tally.in_flight, until).await;
        }
        input
    }

    /// Records the consequences.
    pub(super) fn respond(&mut self, input: Input) {
        match input {
            Input::Signal(Some(signal)) => self.signal(signal),
            Input::Signal(None) => self.signals_open = false,
            Input::Said => self.take_batch(),
            Input::GateDone(done) => self.gate_done(done),
            Input::HostDone(Ok((host, end))) => self.host_done(&host, end),
            // The task was aborted.
            Input::HostDone(Err(_)) | Input::Woken => {}
            Input::Tick => {
                self.writer.tick();
                self.report_log_trouble();
                self.look_for_requests();
            }
        }
    }

    /// Ends all tasks at once. Jobs on hosts go on.
    async fn abandon(&mut self) {
        self.hosts.shutdown().await;
        self.gate.shutdown().await;
    }

    /// Asks the rule and does what it says, until it says to wait or to end.
    pub(super) fn decide(&mut self) -> Flow {
        loop {
            if !self.settling.is_empty() && !self.hosts.is_empty() {
                return Flow::GoOn { until: None };
            }
            match self.ask_the_rule() {
                Directive::Start(hosts) => match self.not_yet() {
                    Some(until) => return Flow::GoOn { until: Some(until) },
                    None => {
                        self.record_and_start(hosts, Vec::new());
                    }
                },
                Directive::WaitForHosts if self.hosts.is_empty() => return Flow::Over,
                Directive::WaitForHosts => return Flow::GoOn { until: None },
                Directive::Soak { left, why } => {
                    self.writer.say(format!("waiting: {why}"));
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
                Directive::Drain(why) => return self.drain(&why),
                Directive::Finished(ending) => return self.over(ending),
            }
            if self.writer.lost().is_some() {
                return Flow::GoOn { until: None };
            }
        }
    }

    fn drain(&mut self, why: &Halt) -> Flow {
        let rest = match why {
            Halt::Asked(Stop::StepBorder | Stop::Detach) => "no other host starts",
            _ => "hosts in flight finish, no other host starts",
        };
        self.writer.say(format!("halted: {why}; {rest}"));
        if self.hosts.is_empty() { Flow::Over } else { Flow::GoOn { until: None } }
    }

    fn over(&mut self, ending: Ending) -> Flow {
        match ending {
            Ending::AllStarted => {}
            Ending::Halted(why) => {
                let text = format!("halted: {why}");
                if !self.writer.has_said(&text) {
                    self.writer.say(text);
                }
            }
            Ending::Left { why } => self.writer.say(format!("remaining hosts not started: {why}")),
        }
        Flow::Over
    }

    /// What the rule says now.
    pub(super) fn ask_the_rule(&self) -> Directive {
        rollout::next(self.writer.state(), self.writer.present(), Limits { forks: self.forks })
    }

    /// Until when hosts that may start wait for messages from others; `None`: they start now.
    fn not_yet(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let writer = &self.writer;
        let until = *self.starts.get_or_insert_with(|| match writer.state().tally.in_flight {
            0 => now,
            _ => now + writer.group_wait(),
        });
        (now < until).then_some(until)
    }

    /// Starts these hosts, and records what other hosts said at the same time. True when all of it is durable.
    fn record_and_start(&mut self, hosts: Vec<HostName>, said: Vec<Kind>) -> bool {
        self.starts = None;
        let started = hosts.iter().map(|host| Kind::HostStarted { host: host.clone() });
        let recorded = self.writer.append(started.chain(said).collect());
        if recorded {
            for host in hosts {
                self.spawn(host, None);
            }
        }
        recorded
    }

    /// The hosts that are about to start and still may.
    fn starting(&self) -> Vec<HostName> {
        match self.ask_the_rule() {
            Directive::Start(hosts) if self.starts.is_some() => hosts,
            _ => Vec::new(),
        }
    }

    /// Continues every host that was open when the last controller ended.
    pub(super) fn settle(&mut self) {
        let hosts = &self.writer.state().hosts;
        let open: Vec<HostState> = hosts.iter().filter(|h| h.at == HostAt::InFlight).cloned().collect();
        for host in open {
            self.settling.insert(host.name.clone());
            self.spawn(host.name.clone(), Some(host));
        }
    }

    fn spawn(&mut self, host: HostName, before: Option<HostState>) {
        let walk = Walk {
            surroundings: Arc::clone(&self.surroundings),
            started: Arc::clone(&self.writer.state().started),
            record: Box::new(Channel { host: host.clone(), messages: self.messages.clone() }),
            host: host.clone(),
            before,
        };
        self.hosts.spawn(async move {
            // A panic in a step is a bug. It must cost one host its outcome, not end the run.
            let end = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(walk.run())).await;
            (host, end.unwrap_or(WalkEnd::Panicked))
        });
    }

    fn start_gate(&mut self, stage: usize, wave: usize) {
        if !self.gate.is_empty() {
            return;
        }
        let (surroundings, started) = (Arc::clone(&self.surroundings), Arc::clone(&self.writer.state().started));
        self.writer.say(format!("gate after wave {} of stage {}", wave + 1, started.plan.stages[stage].name));
        self.gate.spawn(gate::run(surroundings, started, stage, wave));
    }

    fn gate_done(&mut self, done: Result<GateEnd, JoinError>) {
        let kind = match done {
            Ok(GateEnd { stage, wave, passed, summary }) => Kind::GateFinished { stage, wave, passed, summary },
            Err(error) => {
                tracing::error!(%error, "a gate ended without an answer");
                Kind::StopRequested { how: Stop::Drain, by: "a gate without an answer".to_owned() }
            }
        };
        self.writer.append(vec![kind]);
    }

    fn host_done(&mut self, host: &HostName, end: WalkEnd) {
        if end == WalkEnd::Panicked {
            self.close_after_panic(host);
        }
        self.settling.remove(host);
    }

    fn close_after_panic(&mut self, host: &HostName) {
        let state = self.writer.state();
        let Some(HostState { at: HostAt::InFlight, current, .. }) = state.host(host) else { return };
        let mut kinds = Vec::new();
        if let Some(current) = current {
            let result = StepResult::unknown("bug", "patchwave itself failed in this step (a bug); its log says where")
                .changed(true)
                .help("report it with the log of this run; look at the host before it is patched again");
            kinds.push(Kind::StepFinished { host: host.clone(), step: current.step, result });
        }
        kinds.push(Kind::HostFinished { host: host.clone(), outcome: Outcome::Unknown, lost_lease: None });
        self.writer.append(kinds);
    }

    /// Records a batch of messages from hosts in one transaction, then answers them.
    fn take_batch(&mut self) {
        let said = self.inbox.take(self.writer.state().stop >= Some(Stop::StepBorder));
        said.progress.iter().for_each(|progress| self.writer.progress(progress));
        let recorded = said.kinds.is_empty() || self.record_and_start(self.starting(), said.kinds);
        for (ack, answer) in said.acks {
            let _ = ack.send(if recorded { answer } else { Ack::Leave });
        }
    }

    /// Output that cannot be logged does not stop the run; it is reported once.
    fn report_log_trouble(&mut self) {
        if let Some(trouble) = self.surroundings.logs.as_ref().and_then(|logs| logs.take_trouble()) {
            self.writer.note(&trouble);
        }
    }
}
