//! What `run`, `resume` and `demo` share: a run that has begun in, the engine, the summary, an exit code out.

use std::{io::Write as _, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{
    cli::{
        Failure, World,
        connect::{roster::Hosts, runtime::runtime},
    },
    engine::{self, Begun, Engine, Notice, Signal, Surroundings},
    event::{RunId, Stop},
    hint::Hint,
    ledger::{Ledger, Logs},
    plan::{Estimate, Experience},
    prompt::Prompt,
    step::JumpBox,
    transport::Transport,
    ui,
    view::{Record, RunView},
};

/// A rollout that is ready to go.
pub(in crate::cli) struct Rollout {
    pub(in crate::cli) begun: Begun,
    pub(in crate::cli) hosts: Hosts,
    pub(in crate::cli) controller: JumpBox,
    pub(in crate::cli) transport: Arc<dyn Transport>,
    pub(in crate::cli) forks: usize,
    pub(in crate::cli) json: bool,
    /// The last page begins with the packages of a check.
    pub(in crate::cli) impact: bool,
    /// How long the plan will take, if earlier runs say it.
    pub(in crate::cli) estimate: Option<Estimate>,
    /// How long hosts and steps took in earlier runs.
    pub(in crate::cli) past: Experience,
    /// What can be typed next; `None` where the ledger is removed when the program ends, so that nothing could be.
    pub(in crate::cli) next: Option<ui::CommandLines>,
    pub(in crate::cli) logs: Logs,
    /// How far the record goes, read from the ledger when the run is over.
    pub(in crate::cli) record: Box<dyn FnOnce() -> Option<Record>>,
    /// How long a host that finishes stays before the next screen, in the demo.
    pub(in crate::cli) tick: Duration,
}

/// Reads how far the record of `run` goes. A ledger that cannot be read has been complained about.
pub(in crate::cli) fn record_of(state_dir: PathBuf, run: RunId) -> Box<dyn FnOnce() -> Option<Record>> {
    Box::new(move || Ledger::open_read_only(&state_dir).and_then(|ledger| ledger.record(&run)).ok())
}

/// Carries it out. The exit code follows product's order.
pub(in crate::cli) fn carry_out(rollout: Rollout, world: &mut World) -> Result<u8, Failure> {
    let runtime = runtime()?;
    let program = rollout.next.as_ref().map_or("patchwave", |next| &next.program).to_owned();
    let mut reporter: Box<dyn ui::Reporter> = reporter(rollout.json, &program, (rollout.past, rollout.forks), world);
    if rollout.json {
        // A script gets every event; people have been told already.
        reporter.event(rollout.begun.state(), rollout.begun.opening());
    }
    let programs = rollout.logs.programs();
    let (signals, signal_inbox) = mpsc::channel(16);
    let (notices, notice_inbox) = mpsc::channel(4);
    let engine = Engine {
        surroundings: Arc::new(Surroundings {
            transport: rollout.transport,
            controller: Arc::new(rollout.controller),
            clock: Arc::clone(&world.clock),
            gate_scope: rollout.hosts.gate_scope(),
            inputs: Arc::new(rollout.hosts),
            logs: Some(Arc::new(rollout.logs)),
        }),
        reporter,
        forks: rollout.forks,
        tick: rollout.tick,
        signals: signal_inbox,
        program,
        notices: world.stdin_is_terminal.then_some(notices),
    };
    let ended = runtime.block_on(async {
        if world.signals {
            // The task lives as long as the runtime.
            engine::listen(signals.clone())
                .map_err(|e| Failure::internal(format!("signals cannot be handled: {e}")))?;
        }
        let reply = {
            let (screen, stderr) = (world.screen.clone(), world.stderr.clone());
            move |line: &str| screen.ask(|| drop(writeln!(stderr.clone(), "{line}")))
        };
        let answers = tokio::spawn(answer(notice_inbox, signals, Arc::clone(&world.prompt), reply, world.by()));
        let ended = engine::run(engine, rollout.begun).await;
        answers.abort();
        Ok::<_, Failure>(ended)
    })?;
    tracing::debug!("the run is over for this controller");
    // A prompt may still wait for a line; the process must not wait for it.
    runtime.shutdown_background();
    let state = &ended.state;
    let record = (rollout.record)();
    if state.tally.in_flight + state.tally.waiting() == 0 && state.stop.is_none() && ended.lost.is_none() {
        // Nobody will ask again how they ended.
        let _ = std::fs::remove_dir_all(programs);
    }
    let looks = Looks { json: rollout.json, impact: rollout.impact, estimate: rollout.estimate };
    finish(&ended, looks, (rollout.next, record), world)
}

/// How the last page looks.
struct Looks {
    json: bool,
    impact: bool,
    estimate: Option<Estimate>,
}

fn finish(
    ended: &engine::RunEnd,
    Looks { json, impact, estimate }: Looks,
    (next, record): (Option<ui::CommandLines>, Option<Record>),
    world: &mut World,
) -> Result<u8, Failure> {
    let terminal = if json { world.stderr_is_terminal } else { world.stdout_is_terminal };
    let (width, paint) = (world.width(), world.paint(terminal));
    let page = ui::Summary { width, paint, verbose: false, impact, estimate, next: next.clone(), record };
    let text = page.render(&RunView { state: &ended.state, running: false, now: world.clock.now() });
    if json {
        world.talk(text.trim_end());
    } else {
        world.print(&text)?;
    }
    // A check has nothing to resume.
    let next = next.filter(|_| !ended.state.started.check);
    if let Some(lost) = &ended.lost {
        let run = &ended.state.started.run;
        let mut help = lost.help.clone();
        if next.is_some() {
            let before = help.map_or_else(Hint::default, |help| help.and("; then: "));
            help = Some(before.and_command("resume", &[&run.0]));
        }
        return Err(Failure {
            code: ended.state.exit_code().max(1),
            message: format!("the ledger cannot be written, so the run was left: {lost}\njobs that run on hosts go on"),
            help,
        });
    }
    if let Some(next) = next
        && ended.state.stop == Some(Stop::Detach)
        && ended.state.tally.in_flight > 0
    {
        world.talk(format_args!("left; go on with: {} resume {}", next.program, ended.state.started.run));
    }
    Ok(ended.state.exit_code())
}

/// Asks the person at the terminal whether a stage may go on. The answer may come from elsewhere as well.
async fn answer(
    mut notices: mpsc::Receiver<Notice>,
    signals: mpsc::Sender<Signal>,
    prompt: Arc<dyn Prompt>,
    reply: impl Fn(&str),
    by: String,
) {
    while let Some(Notice::ApprovalWanted { .. }) = notices.recv().await {
        // The question is on the screen. Anything but yes does not answer it: the run goes on waiting, and says so
        // once.
        let mut told = false;
        loop {
            let prompt = Arc::clone(&prompt);
            match tokio::task::spawn_blocking(move || prompt.listen()).await {
                Ok(Some(word)) if word.eq_ignore_ascii_case("yes") => break,
                Ok(Some(_)) if !std::mem::replace(&mut told, true) => {
                    reply("not approved: the run keeps waiting; `yes` continues it, Ctrl-C stops it");
                }
                Ok(Some(_)) => {}
                _ => return,
            }
        }
        let _ = signals.send(Signal::Approve { by: by.clone() }).await;
    }
}

fn reporter(json: bool, program: &str, (past, forks): (Experience, usize), world: &World) -> Box<dyn ui::Reporter> {
    if json {
        Box::new(ui::Json::new(Box::new(world.stdout.clone()), Box::new(world.stderr.clone())))
    } else if world.stderr_is_terminal {
        let stderr = Box::new(world.stderr.clone());
        let bars = ui::Bars::new(stderr, world.terminal(), world.paint(true), world.zone());
        Box::new(bars.called(program).expecting(past, forks).sharing(&world.screen))
    } else {
        let lines = ui::Lines::new(Box::new(world.stderr.clone()), world.paint(false), world.zone());
        Box::new(lines.called(program))
    }
}
