//! Tests for each arm of the dispatcher, most of them without a running host.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::oneshot, time::Instant};

use super::{
    Notice, Signal,
    dispatch::{Dispatcher, Flow, Input, run},
    gate::GateEnd,
    record::{Ack, Message},
    testing::{Bench, Kept, command, hosts_started, pause, paused},
    walk::WalkEnd,
};
use crate::{
    clock::{Clock, TokioClock},
    event::{
        HostAt, Kind, Outcome, StepRef, Stop, Verdict,
        sample::{host, main_step, plan, result, time},
    },
    ledger::{Request, Wanted},
    plan::{Moment, Plan},
    rollout::{Directive, Ending},
    target::Target,
    transport::{ConnectError, Session, Transport},
};

const HOUR: Duration = Duration::from_secs(3600);

/// Stages whose hosts only wait.
fn waiting(stages: &[(&str, &[&str])], each: Duration) -> Plan {
    Plan { steps: vec![pause(each)], on_failure: vec![], ..plan(stages) }
}

fn dispatcher(bench: &Bench) -> Dispatcher {
    Dispatcher::new(bench.engine().1, bench.start())
}

fn by(who: &str) -> String {
    who.to_owned()
}

fn stops(kinds: &[Kind]) -> Vec<Stop> {
    let stop = |kind: &Kind| match kind {
        Kind::StopRequested { how, .. } => Some(*how),
        _ => None,
    };
    kinds.iter().filter_map(stop).collect()
}

/// A message from a host with these events, and the receiver of its answer.
fn says(kinds: Vec<Kind>) -> (Message, oneshot::Receiver<Ack>) {
    let (ack, answer) = oneshot::channel();
    (Message::Record { kinds, ack }, answer)
}

/// Handles a message from a host and returns the answer.
async fn hears(dispatcher: &mut Dispatcher, kinds: Vec<Kind>) -> Ack {
    let (message, answer) = says(kinds);
    dispatcher.inbox.put(message);
    dispatcher.respond(Input::Said);
    answer.await.unwrap()
}

fn begins(name: &str, step: StepRef) -> Kind {
    Kind::StepStarted { host: host(name), step, attempt: 1 }
}

fn ends(name: &str, step: StepRef) -> Kind {
    Kind::StepFinished { host: host(name), step, result: result(Verdict::Ok, "done") }
}

#[test]
fn requests_to_stop_only_rise() {
    paused(async {
        let bench = Bench::new(waiting(&[("s", &["a"])], HOUR));
        let mut dispatcher = dispatcher(&bench);
        for _ in 0..4 {
            dispatcher.respond(Input::Signal(Some(Signal::Harder { by: by("Ctrl-C") })));
        }
        dispatcher.respond(Input::Signal(Some(Signal::Stop { how: Stop::Drain, by: by("late") })));
        assert_eq!(stops(&bench.journal.kinds()), [Stop::Drain, Stop::StepBorder, Stop::Detach]);

        let bench = Bench::new(waiting(&[("s", &["a"])], HOUR));
        let mut dispatcher = self::dispatcher(&bench);
        dispatcher.respond(Input::Signal(Some(Signal::Stop { how: Stop::StepBorder, by: by("ann") })));
        let drain = Request { at: time(0), by: by("bob"), what: Wanted::Stop(Stop::Drain) };
        bench.journal.ask(drain);
        dispatcher.respond(Input::Tick);
        assert_eq!(stops(&bench.journal.kinds()), [Stop::StepBorder], "another shell asked for less");
    });
}

#[test]
fn requests_of_other_shells_are_looked_for() {
    paused(async {
        let bench = Bench::new(waiting(&[("s", &["a"])], HOUR));
        let mut dispatcher = dispatcher(&bench);
        bench.journal.ask(Request { at: time(0), by: by("bob"), what: Wanted::Stop(Stop::Drain) });
        dispatcher.respond(Input::Woken);
        assert_eq!(stops(&bench.journal.kinds()), []);
        dispatcher.respond(Input::Tick);
        assert_eq!(stops(&bench.journal.kinds()), [Stop::Drain]);
        assert!(matches!(dispatcher.decide(), Flow::Over));
        assert_eq!(bench.heard.0.lock().unwrap().last().unwrap(), "halted: asked to stop");
    });
}

#[test]
fn at_a_step_border_a_host_ends_its_step_and_begins_no_other() {
    paused(async {
        let bench = Bench::new(waiting(&[("s", &["a"])], HOUR));
        let mut dispatcher = dispatcher(&bench);
        assert!(matches!(dispatcher.decide(), Flow::GoOn { .. }));
        assert_eq!(hears(&mut dispatcher, vec![begins("a", main_step(0))]).await, Ack::Recorded);
        dispatcher.respond(Input::Signal(Some(Signal::Stop { how: Stop::StepBorder, by: by("ann") })));
        let both = vec![ends("a", main_step(0)), begins("a", main_step(1))];
        assert_eq!(hears(&mut dispatcher, both).await, Ack::StopHere);
        assert!(matches!(bench.journal.kinds().last(), Some(Kind::StepFinished { .. })));
    });
}

#[test]
fn a_lost_journal_stops_everything() {
    paused(async {
        // There is room for the run and the first host, but not for the first step.
        let bench = Bench { journal: Kept::with_room(2), ..Bench::new(waiting(&[("s", &["a", "b"])], HOUR)) };
        let (_signals, engine) = bench.engine();
        let began = Instant::now();
        let end = run(engine, bench.start()).await;
        assert!(began.elapsed() < HOUR, "no host began its step");
        assert_eq!(hosts_started(&bench.journal.kinds()), ["a"]);
        assert_eq!(bench.journal.events().len(), 2, "and nothing is added afterwards");
        assert!(end.lost.is_some());
        assert_eq!(end.state.seq, 2, "the state is what the journal holds");
    });
}

#[test]
fn without_a_journal_no_host_hears_that_an_event_is_durable() {
    paused(async {
        let bench = Bench { journal: Kept::with_room(2), ..Bench::new(waiting(&[("s", &["a"])], HOUR)) };
        let mut dispatcher = dispatcher(&bench);
        dispatcher.decide();
        assert_eq!(hears(&mut dispatcher, vec![begins("a", main_step(0))]).await, Ack::Leave);
        // It stays lost, even for events that would fit again.
        bench.journal.heal();
        assert_eq!(hears(&mut dispatcher, vec![begins("a", main_step(0))]).await, Ack::Leave);
        assert_eq!(bench.journal.events().len(), 2);
    });
}

#[test]
fn a_detach_leaves_at_once_and_leaves_hosts_open() {
    paused(async {
        let bench = Bench::new(waiting(&[("s", &["a", "b"])], HOUR));
        let (signals, engine) = bench.engine();
        let begun = bench.start();
        let began = Instant::now();
        let asks = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            signals.send(Signal::Stop { how: Stop::Detach, by: by("SIGTERM") }).await.unwrap();
        };
        let (end, ()) = tokio::join!(run(engine, begun), asks);
        assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
        assert_eq!(end.state.host(&host("a")).unwrap().at, HostAt::InFlight);
        assert_eq!(end.state.stop, Some(Stop::Detach));
        assert!(end.lost.is_none() && !end.state.finished, "a host is open");
        assert!(matches!(bench.journal.kinds().last(), Some(Kind::StopRequested { .. })));

        // The next controller settles the open hosts, then the rest follows.
        let (_signals, engine) = bench.engine();
        let end = run(engine, bench.take_over()).await;
        assert_eq!((end.state.tally.ok, end.state.finished), (2, true));
        assert_eq!(hosts_started(&bench.journal.kinds()), ["a", "b"]);
    });
}

#[test]
fn an_approval_answers_the_question_that_was_asked_and_no_other() {
    paused(async {
        let (notices, mut noticed) = tokio::sync::mpsc::channel(4);
        let mut plan = waiting(&[("first", &["a"]), ("second", &["b"])], HOUR);
        plan.stages.iter_mut().for_each(|stage| stage.approve = Some(Moment::Before));
        let bench = Bench { notices: Some(notices), ..Bench::new(plan) };
        let mut dispatcher = dispatcher(&bench);
        let yes = || Input::Signal(Some(Signal::Approve { by: by("ann") }));
        let approved = || bench.journal.kinds().iter().filter(|kind| matches!(kind, Kind::Approved { .. })).count();

        dispatcher.respond(yes());
        assert_eq!(approved(), 0, "nobody was asked yet");
        for _ in 0..2 {
            assert!(matches!(dispatcher.decide(), Flow::GoOn { until: None }));
        }
        assert_eq!(noticed.recv().await, Some(Notice::ApprovalWanted { stage: "first".to_owned() }));
        assert!(noticed.try_recv().is_err(), "it is asked once");
        assert_eq!(bench.heard.0.lock().unwrap().len(), 1);

        dispatcher.respond(yes());
        dispatcher.respond(yes());
        assert_eq!(approved(), 1);
        dispatcher.decide();
        assert_eq!(hosts_started(&bench.journal.kinds()), ["a"]);
        let end = Kind::HostFinished { host: host("a"), outcome: Outcome::Ok, lost_lease: None };
        hears(&mut dispatcher, vec![end]).await;
        assert!(matches!(dispatcher.ask_the_rule(), Directive::WaitForApproval { stage: 1, .. }));
        dispatcher.respond(yes());
        assert_eq!(approved(), 1, "the second stage was not asked about");
        dispatcher.decide();
        dispatcher.respond(yes());
        assert_eq!(approved(), 2);
    });
}

#[test]
fn a_gate_that_does_not_pass_or_does_not_answer_stops_the_run() {
    paused(async {
        let gated = || {
            let mut plan = waiting(&[("s", &["a", "b"])], Duration::ZERO);
            plan.stages[0].gate = vec![pause(HOUR)];
            plan
        };
        let ends = |passed| Input::GateDone(Ok(GateEnd { stage: 0, wave: 0, passed, summary: "so".to_owned() }));
        let none = tokio::spawn(std::future::pending::<GateEnd>());
        none.abort();
        let none = Input::GateDone(Err(none.await.err().unwrap()));
        for (input, starts, says) in
            [(ends(true), true, "a pass"), (ends(false), false, "no pass"), (none, false, "no answer")]
        {
            let bench = Bench::new(gated());
            let mut dispatcher = dispatcher(&bench);
            dispatcher.decide();
            let end = Kind::HostFinished { host: host("a"), outcome: Outcome::Ok, lost_lease: None };
            hears(&mut dispatcher, vec![end]).await;
            assert!(matches!(dispatcher.ask_the_rule(), Directive::RunGate { .. }));
            dispatcher.respond(input);
            match dispatcher.ask_the_rule() {
                Directive::Start(_) => assert!(starts, "{says}"),
                Directive::Finished(Ending::Halted(_)) => assert!(!starts, "{says}"),
                other => panic!("{says}: {other:?}"),
            }
        }
    });
}

/// Panics when it connects to `b`.
struct Faulty(Arc<dyn Transport>);

impl Transport for Faulty {
    fn connect(&self, target: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>> {
        assert_ne!(target.name, host("b"), "a fault of this program");
        self.0.connect(target)
    }
}

#[test]
fn a_panic_costs_one_host_its_outcome_and_not_the_run_its_end() {
    paused(async {
        let mut plan = plan(&[("s", &["a b c"])]);
        plan.steps = vec![command("true", false)];
        plan.on_failure = vec![];
        plan.stages[0].max_failures = 1;
        let bench = Bench::new(plan);
        let bench = Bench { transport: Arc::new(Faulty(Arc::clone(&bench.transport))), ..bench };
        let (_signals, engine) = bench.engine();
        let end = run(engine, bench.start()).await;
        let outcome = |name: &str| end.state.host(&host(name)).unwrap().at;
        assert_eq!(outcome("a"), HostAt::Done(Outcome::Ok));
        assert_eq!(outcome("b"), HostAt::Done(Outcome::Unknown));
        assert_eq!(outcome("c"), HostAt::Done(Outcome::Ok));
        assert!(end.state.finished && end.lost.is_none());
        let (step, result) = end.state.host(&host("b")).unwrap().broke_at().unwrap();
        assert_eq!((step, result.class.as_str(), result.changed), (main_step(0), "bug", true));
    });
}

#[test]
fn a_panic_after_the_outcome_changes_nothing() {
    paused(async {
        let bench = Bench::new(waiting(&[("s", &["a"])], HOUR));
        let mut dispatcher = dispatcher(&bench);
        dispatcher.decide();
        let end = Kind::HostFinished { host: host("a"), outcome: Outcome::Ok, lost_lease: None };
        hears(&mut dispatcher, vec![end]).await;
        let before = bench.journal.events().len();
        dispatcher.respond(Input::HostDone(Ok((host("a"), WalkEnd::Panicked))));
        assert_eq!(bench.journal.events().len(), before);
    });
}

/// A clock that the test sets.
#[derive(Debug)]
struct SetClock(TokioClock, Mutex<i64>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        self.0.now() + SignedDuration::from_secs(*self.1.lock().unwrap())
    }
}

#[test]
fn a_soak_goes_on_where_the_record_leaves_it_and_is_not_moved_by_a_clock_that_is_set() {
    paused(async {
        let mut plan = waiting(&[("s", &["a", "b"])], Duration::ZERO);
        plan.stages[0].soak = Duration::from_secs(300);
        let clock = Arc::new(SetClock(TokioClock::starting_at(time(0)), Mutex::default()));
        let bench = Bench { clock: Arc::clone(&clock) as _, ..Bench::new(plan) };
        let (_signals, engine) = bench.engine();
        // The controller dies 100 s into the soak.
        let life = tokio::time::timeout(Duration::from_secs(100), run(engine, bench.start())).await;
        assert!(life.is_err());
        assert_eq!(hosts_started(&bench.journal.kinds()), ["a"]);

        let (_signals, engine) = bench.engine();
        let began = Instant::now();
        let set = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            *clock.1.lock().unwrap() = 86_400;
            tokio::time::sleep(Duration::from_secs(20)).await;
            *clock.1.lock().unwrap() = -86_400;
        };
        let (end, ()) = tokio::join!(run(engine, bench.take_over()), set);
        assert_eq!(end.state.tally.ok, 2);
        let waited = began.elapsed().as_secs();
        assert!((199..=202).contains(&waited), "{waited} s of the 200 that were left");
        assert!(bench.heard.0.lock().unwrap().iter().any(|said| said.starts_with("waiting: soak after wave 1")));
    });
}
