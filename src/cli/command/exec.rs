//! `patchwave exec`: one command on many hosts. Its output is spooled, then grouped, compared, or shown as it comes.

mod gather;
mod leftover;
mod live;

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use futures::StreamExt;
use tokio::sync::mpsc;

use crate::{
    cli::{
        Failure, World,
        args::ExecArgs,
        command::exec::{
            gather::{HostOutput, Outputs},
            leftover::{Leftover, Means},
            live::{Live, Printing},
        },
        connect::{
            roster::{ConnectOptions, Hosts},
            transport::{forks, transport},
        },
        outcome_selectors::RecordedRuns,
        rollout::prepare::load_inventory,
        terminal::counting::Counting,
        warnings::warn,
    },
    command::Command,
    engine::{self, Answer, fan_out},
    host::HostName,
    plan,
    spool::Spool,
    target::Target,
    transport::Process,
    ui,
};

/// The most bytes of standard input that go to the hosts.
const INPUT: u64 = 64 << 20;

pub(in crate::cli) fn exec(args: &ExecArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let inventory = load_inventory(&args.inventory, world)?;
    let past = RecordedRuns { state_dir: state_dir.clone(), playbook: None };
    let selected = inventory.select(&args.pattern, &past).map_err(Failure::usage)?;
    let (selected, skipped) = plan::apart(selected, &inventory).map_err(Failure::usage)?;
    plan::skipped_lines(&skipped).iter().for_each(|line| world.talk(format_args!("{line}")));
    warn(&inventory.cautions(&selected), world);
    let options = ConnectOptions::new(&args.connect, world)?;
    let hosts = Hosts::new(Arc::new(inventory), Default::default(), &selected, &options)?;
    let transport = transport(&args.connect, world)?;
    let forks = forks(args.connect.forks, world);
    let targets = hosts.targets(&selected);
    let runtime = runtime()?;
    // The sender is kept, so that the channel stays open without signals.
    let (signals, mut interrupted) = mpsc::channel(1);
    if world.signals {
        let _guard = runtime.enter();
        let _ = engine::listen(signals.clone());
    }
    let mut means =
        Means { runtime: &runtime, transport, targets, forks, interrupted: &mut interrupted, stopped: None };
    let code = match &args.end {
        Some(id) => leftover::end_recorded(id, &mut means, &state_dir, world),
        None => run(args, &selected, &mut means, &state_dir, world),
    };
    drop(signals);
    // Open connections are cut, not waited for.
    runtime.shutdown_background();
    code
}

/// Runs the command, shows what came of it, and offers to end it where there is no answer.
fn run(
    args: &ExecArgs,
    selected: &[HostName],
    means: &mut Means<'_>,
    state_dir: &Path,
    world: &mut World,
) -> Result<u8, Failure> {
    let input = if args.stdin { read_input(world)? } else { Vec::new() };
    let command = Process::telling(command(args, input));
    let targets = with_rights(means.targets.clone(), &command, args.raise);
    let log_dir = args.log_dir.as_deref().map(|dir| world.absolute(dir));
    let outputs = Outputs::new(selected, log_dir.as_deref())
        .map_err(|error| Failure::usage(format!("the output cannot be stored: {error}")))?;
    // Keeps the temporary files until the end.
    let outputs = Arc::new(outputs);
    let raised: Vec<bool> = targets.iter().map(|(_, command)| command.privileged).collect();
    let results = gather(args, targets, means, Arc::clone(&outputs), world);
    show(args, &results, world)?;
    let (mut left, mut silent) = (Vec::new(), Vec::new());
    let open = results.iter().zip(&outputs.hosts).zip(raised);
    for ((_, output), raised) in open.filter(|((result, _), _)| result.end.is_unknown()) {
        match output.process() {
            Some(process) => left.push(Leftover { host: output.host.clone(), process, raised }),
            None => silent.push(output.host.clone()),
        }
    }
    leftover::offer(args, &left, &silent, means, state_dir, world)?;
    Ok(ui::exec_exit_code(&results))
}

/// The command that runs on every host.
fn command(args: &ExecArgs, input: Vec<u8>) -> Command {
    let command = match args.command.as_slice() {
        [line] => Command::sh("the command", line, [""; 0]),
        words => Command::reads("the command", words.iter().cloned()),
    };
    // The command may change the host, so it is never sent twice.
    let mut command = command.changing().timeout(args.timeout).stdin(input);
    // The whole output goes to the spools.
    command.keep = 0;
    command
}

/// Each host with its command, as root if the host's `ansible_become` or `--become` says so.
fn with_rights(targets: Vec<Arc<Target>>, command: &Command, raise: bool) -> Vec<(Arc<Target>, Arc<Command>)> {
    let [plain, raised] = [false, true].map(|raise| Arc::new(command.clone().privileged(raise)));
    let choose = |target: Arc<Target>| {
        let command = if raise || target.escalation.on { &raised } else { &plain };
        (target, Arc::clone(command))
    };
    targets.into_iter().map(choose).collect()
}

fn read_input(world: &World) -> Result<Vec<u8>, Failure> {
    if world.stdin_is_terminal {
        return Err(Failure::usage("--stdin: standard input is a terminal").help("give a file: `--stdin < FILE`"));
    }
    let bytes = (world.input)(INPUT + 1).map_err(|e| Failure::usage(format!("standard input: {e}")))?;
    if bytes.len() as u64 > INPUT {
        let message = format!("standard input is longer than {} MiB", INPUT >> 20);
        return Err(Failure::usage(message).help("bring a file to the hosts with a `copy` step"));
    }
    Ok(bytes)
}

/// Runs the commands until every host has answered, or until Ctrl-C.
fn gather(
    args: &ExecArgs,
    targets: Vec<(Arc<Target>, Arc<Command>)>,
    means: &mut Means<'_>,
    outputs: Arc<Outputs>,
    world: &mut World,
) -> Vec<ui::ExecResult> {
    let shown = Shown::start(args, &outputs, world);
    let mut ends: Vec<Option<(ui::ExecEnd, Duration)>> = outputs.hosts.iter().map(|_| None).collect();
    means.runtime.block_on(async {
        let sink = {
            let (outputs, live) = (Arc::clone(&outputs), shown.live());
            move |host: &_| outputs.sink(host, live.as_ref())
        };
        let mut answers = std::pin::pin!(fan_out(Arc::clone(&means.transport), targets, means.forks, sink));
        let mut same: HashMap<[u8; 32], Spool> = HashMap::new();
        loop {
            tokio::select! {
                answer = answers.next() => {
                    let Some(answer) = answer else { break };
                    let at = outputs.position(&answer.host);
                    let output = &outputs.hosts[at];
                    for spool in [&output.stdout, &output.stderr] {
                        spool.close();
                        if shown.live().is_none() {
                            spool.share(same.entry(spool.digest()).or_insert_with(|| spool.clone()));
                        }
                    }
                    let end = ended(&answer);
                    shown.ended(at, &answer.host, &end);
                    ends[at] = Some((end, answer.took));
                }
                signal = means.interrupted.recv() => {
                    means.stopped = signal;
                    break;
                }
            }
        }
    });
    shown.finish();
    let result = |(output, end): (&HostOutput, Option<(ui::ExecEnd, Duration)>)| {
        let (end, took) = end.unwrap_or_else(|| (unfinished(output.begun()), Duration::ZERO));
        let (stdout, stderr) = (output.stdout.clone(), output.stderr.clone());
        ui::ExecResult { host: output.host.clone(), end, took, stdout, stderr }
    };
    outputs.hosts.iter().zip(ends).map(result).collect()
}

/// What is shown while commands run: their lines, a line with counts, or nothing.
enum Shown {
    Lines(Arc<Live>, JoinHandle<()>),
    Count(Counting),
    Nothing,
}

impl Shown {
    fn start(args: &ExecArgs, outputs: &Outputs, world: &World) -> Self {
        // Live lines and a line that is redrawn cannot share a terminal.
        if args.live || args.ordered {
            let printing = Printing {
                stdout: world.stdout.clone(),
                stderr: world.stderr.clone(),
                most: most(world),
                paint: world.paint(world.stdout_is_terminal),
                ordered: args.ordered,
            };
            let (live, thread) = Live::start(outputs.hosts.clone(), printing);
            return Self::Lines(live, thread);
        }
        if !world.stderr_is_terminal {
            return Self::Nothing;
        }
        let names: Vec<_> = outputs.hosts.iter().map(|output| output.host.clone()).collect();
        let stderr = Box::new(world.stderr.clone());
        let count = ui::Count::new(stderr, world.terminal(), world.paint(true), &world.screen, &names);
        Self::Count(Counting::start(count))
    }

    fn live(&self) -> Option<Arc<Live>> {
        match self {
            Self::Lines(live, _) => Some(Arc::clone(live)),
            Self::Count(_) | Self::Nothing => None,
        }
    }

    fn ended(&self, at: usize, host: &HostName, end: &ui::ExecEnd) {
        match self {
            Self::Lines(live, _) => live.ended(at),
            Self::Count(count) => count.done(host, end),
            Self::Nothing => {}
        }
    }

    fn finish(self) {
        match self {
            Self::Lines(live, thread) => {
                live.over();
                let _ = thread.join();
            }
            Self::Count(count) => count.finish(),
            Self::Nothing => {}
        }
    }
}

/// One thread for all hosts: it can do ten times what `--connect-rate` allows, and waking a second thread costs as much
/// as the work it would get. Nothing on it may wait for a terminal.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let made = tokio::runtime::Builder::new_current_thread().enable_all().build();
    made.map_err(|error| Failure::internal(format!("the async runtime cannot be started: {error}")))
}

fn ended(answer: &Answer) -> ui::ExecEnd {
    match &answer.result {
        Ok(output) => output.exit.clone().into(),
        Err(error) => ui::ExecEnd::NoAnswer {
            class: error.class().to_owned(),
            unknown: error.outcome_unknown(),
            reached: !error.unreachable(),
            why: error.to_string(),
            // In a run, the step sets this limit; here it is an option.
            help: match error.class() {
                "command-timeout" => Some("`--timeout` sets how long it may take".to_owned()),
                _ => error.help().map(str::to_owned),
            },
        },
    }
}

/// The result of a host that had none when `exec` was interrupted.
fn unfinished(begun: bool) -> ui::ExecEnd {
    if !begun {
        return ui::ExecEnd::NotStarted;
    }
    ui::ExecEnd::NoAnswer {
        class: "interrupted".to_owned(),
        why: "interrupted; the command may still be running".to_owned(),
        help: None,
        unknown: true,
        reached: true,
    }
}

/// The longest line: a line of a megabyte is useless on a screen, but may be needed in a file.
fn most(world: &World) -> usize {
    if world.stdout_is_terminal { 4 * usize::from(world.width()) } else { usize::MAX }
}

fn show(args: &ExecArgs, results: &[ui::ExecResult], world: &mut World) -> Result<(), Failure> {
    let look = ui::ExecLook {
        width: world.stdout_is_terminal.then(|| world.width()),
        most: most(world),
        paint: world.paint(world.stdout_is_terminal),
        diff: args.diff,
        ends_only: args.live || args.ordered,
    };
    let mut stdout = std::io::BufWriter::new(world.stdout.clone());
    let shown = match () {
        () if args.json => results.iter().try_for_each(|result| writeln!(stdout, "{}", ui::exec_json(result)?)),
        () if look.ends_only => {
            // The lines were the data; this is for people.
            let mut ends = Vec::new();
            let look = ui::ExecLook { paint: world.paint(world.stderr_is_terminal), ..look };
            let shown = ui::exec_blocks(results, look, &mut ends);
            let _ = world.stderr.write_all(&ends);
            shown
        }
        () => ui::exec_blocks(results, look, &mut stdout),
    };
    let shown = shown.and_then(|()| stdout.flush());
    drop(stdout);
    match shown {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(Failure::internal(format!("the output cannot be shown: {error}")));
        }
        _ => {}
    }
    if !args.json {
        world.talk(ui::exec_tally(results));
    }
    if let Some(dir) = &args.log_dir {
        world.talk(format_args!("output: {}/HOST.out, HOST.err", dir.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_raised_where_the_host_says_so_and_nowhere_else() {
        let target = |name: &str, on: bool| {
            let mut target = Target::plain(HostName::new(name).unwrap(), name);
            target.escalation.on = on;
            Arc::new(target)
        };
        let targets = || vec![target("a", false), target("b", true), target("c", false)];
        let command = Command::sh("the command", "id", [""; 0]);
        let raised = |all: bool| {
            let with = with_rights(targets(), &command, all);
            with.iter().map(|(_, command)| command.privileged).collect::<Vec<_>>()
        };
        assert_eq!(raised(false), [false, true, false]);
        assert_eq!(raised(true), [true; 3]);
    }
}
