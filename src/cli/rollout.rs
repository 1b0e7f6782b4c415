//! What `run`, `resume` and `demo` share: a state in, the engine, the summary, an exit code out.

use std::{
    borrow::Cow,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc;

use super::{Failure, World, args::ConnectArgs, roster::Hosts, typed};
use crate::{
    engine::{self, Engine, Notice, Outside, Signal},
    event::{Event, RunState, Stop},
    ledger::{Journal, LedgerError, Logs},
    playbook::{self, Playbook},
    step::JumpBox,
    target::HostKeyPolicy,
    transport::{
        Transport,
        ssh::{SshOptions, SshTransport},
    },
    ui,
    view::RunView,
};

/// A rollout that is ready to go.
pub(super) struct Rollout {
    pub(super) state: RunState,
    /// What this controller recorded before the engine began.
    pub(super) opening: Event,
    pub(super) journal: Box<dyn Journal>,
    pub(super) hosts: Hosts,
    pub(super) controller: JumpBox,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) forks: usize,
    pub(super) json: bool,
    pub(super) next: ui::CommandLines,
    pub(super) logs: Logs,
    /// How long a host that finishes stays before the next screen, in the demo.
    pub(super) tick: Duration,
}

/// Carries it out. The exit code follows product's order.
pub(super) fn carry_out(rollout: Rollout, world: &mut World) -> Result<u8, Failure> {
    let runtime = runtime()?;
    let mut reporter: Box<dyn ui::Reporter> = reporter(rollout.json, world);
    if rollout.json {
        // A script gets every event; people have been told already.
        reporter.event(&rollout.state, &rollout.opening);
    }
    let programs = rollout.logs.programs();
    let (signals, signal_inbox) = mpsc::channel(16);
    let (notices, notice_inbox) = mpsc::channel(4);
    let engine = Engine {
        outside: Arc::new(Outside {
            transport: rollout.transport,
            controller: Arc::new(rollout.controller),
            clock: Arc::clone(&world.clock),
            roster: Arc::new(rollout.hosts),
            logs: Some(rollout.logs),
        }),
        journal: rollout.journal,
        reporter,
        forks: rollout.forks,
        tick: rollout.tick,
        signals: signal_inbox,
        program: rollout.next.program.clone(),
        notices: world.stdin_is_terminal.then_some(notices),
    };
    let ended = runtime.block_on(async {
        if world.signals {
            // The task lives as long as the runtime.
            engine::listen(signals.clone())
                .map_err(|e| Failure::internal(format!("signals cannot be handled: {e}")))?;
        }
        let reply = {
            let (quiet, stderr) = (world.quiet.clone(), world.stderr.clone());
            move |line: &str| quiet.ask(|| drop(writeln!(stderr.clone(), "{line}")))
        };
        let answers = tokio::spawn(answer(notice_inbox, signals, Arc::clone(&world.hear), reply, world.by()));
        let ended = engine::run(engine, rollout.state).await;
        answers.abort();
        Ok::<_, Failure>(ended)
    })?;
    // A prompt may still wait for a line; the process must not wait for it.
    runtime.shutdown_background();
    let state = &ended.state;
    if state.tally.in_flight + state.tally.waiting() == 0 && state.stop.is_none() && ended.lost.is_none() {
        // Nobody will ask again how they ended.
        let _ = std::fs::remove_dir_all(programs);
    }
    finish(&ended, rollout.json, &rollout.next, world)
}

fn finish(ended: &engine::Ended, json: bool, next: &ui::CommandLines, world: &mut World) -> Result<u8, Failure> {
    let terminal = if json { world.stderr_is_terminal } else { world.stdout_is_terminal };
    let page = ui::Summary { width: world.width(), paint: world.paint(terminal), verbose: false, next: next.clone() };
    let text = page.render(&RunView { state: &ended.state, running: false, now: world.clock.now() });
    if json {
        world.talk(text.trim_end());
    } else {
        super::commands::print(world, &text)?;
    }
    if let Some(lost) = &ended.lost {
        let run = &ended.state.started.run;
        let help = lost.help.as_ref().map_or_else(String::new, |help| format!("{help}; then: "));
        return Err(Failure {
            code: ended.state.exit_code().max(1),
            message: format!("the ledger cannot be written, so the run was left: {lost}\njobs that run on hosts go on"),
            help: Some(format!("{help}{} resume {run}", next.program)),
        });
    }
    if ended.state.stop == Some(Stop::Detach) && ended.state.tally.in_flight > 0 {
        world.talk(format_args!("left; go on with: {} resume {}", next.program, ended.state.started.run));
    }
    Ok(ended.state.exit_code())
}

/// Asks the person at the terminal whether a stage may go on. The answer may come from elsewhere as well.
async fn answer(
    mut notices: mpsc::Receiver<Notice>,
    signals: mpsc::Sender<Signal>,
    hear: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    reply: impl Fn(&str),
    by: String,
) {
    while let Some(Notice::ApprovalWanted { .. }) = notices.recv().await {
        // The question stands on the screen. Whatever is no yes is no answer: the run waits on, and says so once.
        let mut told = false;
        loop {
            let hear = Arc::clone(&hear);
            match tokio::task::spawn_blocking(move || hear()).await {
                Ok(Some(word)) if word.eq_ignore_ascii_case("yes") => break,
                Ok(Some(_)) if !std::mem::replace(&mut told, true) => {
                    reply("not approved: it waits on; `yes` goes on, Ctrl-C stops the run");
                }
                Ok(Some(_)) => {}
                _ => return,
            }
        }
        let _ = signals.send(Signal::Approve { by: by.clone() }).await;
    }
}

fn reporter(json: bool, world: &World) -> Box<dyn ui::Reporter> {
    if json {
        Box::new(ui::Json::new(Box::new(world.stdout.clone()), Box::new(world.stderr.clone())))
    } else if world.stderr_is_terminal {
        let stderr = Box::new(world.stderr.clone());
        let bars = ui::Bars::new(stderr, super::world::terminal_size, world.paint(true), world.zone());
        Box::new(bars.quiet(&world.quiet))
    } else {
        Box::new(ui::Lines::new(Box::new(world.stderr.clone()), world.paint(false), world.zone()))
    }
}

/// The line that starts such a run again, from its record alone: `run PLAYBOOK -i INVENTORY`, with the names of extra
/// variables, for their values may be secret, and with the way in which hosts are reached.
pub(super) fn line_of(state: &RunState, world: &World) -> String {
    let started = &state.started;
    let quote = |word: String| crate::command::quote(&word).unwrap_or(word);
    let mut words = vec!["run".to_owned(), quote(world.shown(Path::new(&started.playbook_path)))];
    for inventory in &started.inventory_paths {
        words.extend(["-i".to_owned(), quote(world.shown(Path::new(inventory)))]);
    }
    for name in &started.extra_vars {
        let word = if name.starts_with('@') { quote(name.clone()) } else { format!("{name}=…") };
        words.extend(["-e".to_owned(), word]);
    }
    words.extend(typed::shown(&state.connect, world));
    if started.check {
        words.push("--check".to_owned());
    }
    words.join(" ")
}

/// The command lines that hints are made of; `run` is `run PLAYBOOK -i INVENTORY`.
pub(super) fn next(run: String, state_dir: &Path, world: &World) -> ui::CommandLines {
    let default = super::prepare::state_dir(None, world).ok();
    let program = if default.as_deref() == Some(state_dir) {
        "patchwave".to_owned()
    } else {
        let dir = world.shown(state_dir);
        format!("patchwave --state-dir {}", crate::command::quote(&dir).unwrap_or(dir))
    };
    ui::CommandLines { run: format!("{program} {run}"), program, newest: true }
}

/// The jump box of a playbook: files are looked up beside it, and above it up to the project's root. Its programs are
/// recorded beside the run's logs.
pub(super) fn jump_box(playbook: &Playbook, world: &World) -> JumpBox {
    let path = world.absolute(&playbook.path);
    let folder = path.parent().unwrap_or(&world.folder).to_path_buf();
    let root = playbook::root(&path);
    JumpBox::new(folder, root)
}

/// The runtime of a command: a few workers are enough, cryptography is the only work.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(4))
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("no runtime: {error}")))
}

/// The real transport, or the one that a test put into the world.
pub(super) fn transport(args: &ConnectArgs, world: &World) -> Result<Arc<dyn Transport>, Failure> {
    if let Some(transport) = &world.transport {
        return Ok(Arc::clone(transport));
    }
    let home = world.var("HOME").map(PathBuf::from);
    let agent = world.var("SSH_AUTH_SOCK").map(PathBuf::from);
    let user = world.var("USER").or_else(|| world.var("LOGNAME")).unwrap_or("root").to_owned();
    let mut options = SshOptions::for_user(user, home.as_deref(), agent);
    options.host_keys = match args.host_keys {
        super::args::HostKeys::Strict => HostKeyPolicy::Strict,
        super::args::HostKeys::AcceptNew => HostKeyPolicy::AcceptNew,
        super::args::HostKeys::Ask if !world.stdin_is_terminal => {
            return Err(Failure::refused("--host-keys ask: nobody can be asked, standard input is no terminal")
                .help("--host-keys accept-new records the keys of new hosts without a question"));
        }
        super::args::HostKeys::Ask => HostKeyPolicy::Ask,
    };
    options.connects_per_second = args.connect_rate;
    if let Some(file) = &args.known_hosts {
        options.known_hosts = vec![world.absolute(file)];
        options.global_known_hosts.clear();
    }
    if world.stdin_is_terminal {
        let (ask, quiet) = (Arc::clone(&world.ask_secret), world.quiet.clone());
        options.passphrase = Some(Arc::new(move |path, again| {
            let wrong = if again { "That was not it. " } else { "" };
            quiet.ask(|| ask(&format!("{wrong}Passphrase of {}: ", path.display())))
        }));
        let (ask, quiet) = (Arc::clone(&world.ask), world.quiet.clone());
        options.question = Some(Arc::new(move |question| quiet.ask(|| ask(question))));
        let (ask, secret, quiet) = (Arc::clone(&world.ask), Arc::clone(&world.ask_secret), world.quiet.clone());
        options.dialogue = Some(Arc::new(move |prompt, echo| {
            quiet.ask(|| if echo { ask(prompt).map(Into::into) } else { secret(prompt) })
        }));
    }
    SshTransport::new(options).map(|t| Arc::new(t) as Arc<dyn Transport>).map_err(Failure::usage)
}

/// Raises the limit of open files to what the system allows, and bounds `forks` by it.
pub(super) fn forks(wanted: u32, world: &mut World) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    // A host in flight may hold a connection, a log file and a hook's pipes; some files are ours.
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = usize::try_from(files.saturating_sub(64) / 4).unwrap_or(usize::MAX).max(1);
    let wanted = wanted as usize;
    if wanted > most {
        world.talk(format_args!(
            "note: {files} open files are allowed, so at most {most} hosts are in flight (--forks {wanted})"
        ));
    }
    wanted.min(most)
}

/// A ledger that cannot be used is a refusal that says what to do; a lock is one as well. A run that is not there was
/// misspelt.
pub(super) fn ledger_failure(error: LedgerError) -> Failure {
    let help = error.help().map(Cow::into_owned);
    let mut failure = match error {
        LedgerError::Absent { .. } | LedgerError::UnknownRun { .. } | LedgerError::Ambiguous { .. } => {
            Failure::usage(error)
        }
        _ => Failure::refused(error),
    };
    failure.help = help;
    failure
}
