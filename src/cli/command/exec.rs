//! `patchwave exec`: one command on many hosts, its output spooled, then folded, compared, or shown as it comes.

mod counting;
mod gather;
mod live;

use std::{collections::HashMap, io::Write, path::PathBuf, sync::Arc, time::Duration};

use futures::StreamExt;
use tokio::sync::mpsc;

use crate::{
    cli::{
        Failure, World,
        args::ExecArgs,
        command::exec::{
            counting::Counting,
            gather::{HostOutput, Outputs},
            live::{Live, Printing},
        },
        connect::{
            roster::{Hosts, Overlay},
            transport::{forks, transport},
        },
        outcome_selectors::Past,
        rollout::prepare::load_inventory,
    },
    command::Command,
    engine::{self, Answer, fan_out},
    spool::Spool,
    target::Target,
    transport::Transport,
    ui,
};

/// Most bytes of standard input that go to the hosts.
const INPUT: u64 = 64 << 20;

pub(in crate::cli) fn exec(args: &ExecArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let inventory = load_inventory(&args.inventory, world)?;
    let past = Past { state_dir, playbook: None };
    let selected = inventory.select(&args.pattern, &past).map_err(Failure::usage)?;
    let overlay = Overlay::new(&args.connect, world)?;
    let hosts = Hosts::new(Arc::new(inventory), Default::default(), &selected, &overlay)?;
    let targets = hosts.targets(&selected);
    let raise = args.raise || targets.iter().any(|target| target.escalation.on);
    let input = if args.stdin { read_input(world)? } else { Vec::new() };
    let command = match args.command.as_slice() {
        [line] => Command::sh("the command", line, [""; 0]),
        words => Command::reads("the command", words.iter().cloned()),
    };
    // A command of a person may change the host: it is never sent twice.
    let mut command = command.changing().privileged(raise).timeout(args.timeout).stdin(input);
    // All of it goes to the spools.
    command.keep = 0;
    let transport = transport(&args.connect, world)?;
    let forks = forks(args.connect.forks, world);
    let log_dir = args.log_dir.as_deref().map(|dir| world.absolute(dir));
    let outputs = Outputs::new(&selected, log_dir.as_deref())
        .map_err(|error| Failure::usage(format!("there is no place for the output: {error}")))?;
    // Its files live as long as it does.
    let outputs = Arc::new(outputs);
    let results = gather(args, transport, targets, command, forks, Arc::clone(&outputs), world)?;
    show(args, &results, world)?;
    Ok(ui::exec_exit_code(&results))
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

/// Runs the command everywhere, until every host has answered or somebody interrupts.
fn gather(
    args: &ExecArgs,
    transport: Arc<dyn Transport>,
    targets: Vec<Arc<Target>>,
    command: Command,
    forks: usize,
    outputs: Arc<Outputs>,
    world: &mut World,
) -> Result<Vec<ui::ExecResult>, Failure> {
    let names: Vec<_> = outputs.hosts.iter().map(|output| output.host.clone()).collect();
    let printer = (args.live || args.ordered).then(|| {
        let printing = Printing {
            stdout: world.stdout.clone(),
            stderr: world.stderr.clone(),
            most: most(world),
            paint: world.paint(world.stdout_is_terminal),
            ordered: args.ordered,
        };
        Live::start(outputs.hosts.clone(), printing)
    });
    // Lines that come as they come and a line that is drawn again and again do not share a terminal.
    let count = (world.stderr_is_terminal && printer.is_none()).then(|| {
        let stderr = Box::new(world.stderr.clone());
        Counting::start(ui::Count::new(
            stderr,
            crate::cli::world::terminal_size,
            world.paint(true),
            &world.quiet,
            &names,
        ))
    });
    let live = printer.as_ref().map(|(live, _)| Arc::clone(live));
    let mut ends: Vec<Option<(ui::ExecEnd, Duration)>> = names.iter().map(|_| None).collect();
    let runtime = runtime()?;
    runtime.block_on(async {
        let (signals, mut interrupted) = mpsc::channel(1);
        // Held, so that without signals nothing ever comes.
        let _listening = if world.signals { engine::listen(signals.clone()).ok() } else { None };
        let sink = {
            let (outputs, live) = (Arc::clone(&outputs), live.clone());
            move |host: &_| outputs.sink(host, live.as_ref())
        };
        let mut answers = std::pin::pin!(fan_out(transport, targets, Arc::new(command), forks, sink));
        let mut same: HashMap<[u8; 32], Spool> = HashMap::new();
        loop {
            tokio::select! {
                answer = answers.next() => {
                    let Some(answer) = answer else { break };
                    let at = outputs.position(&answer.host);
                    let output = &outputs.hosts[at];
                    for spool in [&output.stdout, &output.stderr] {
                        spool.close();
                        if live.is_none() {
                            spool.share(same.entry(spool.digest()).or_insert_with(|| spool.clone()));
                        }
                    }
                    let end = ended(&answer);
                    if let Some(live) = &live {
                        live.ended(at);
                    }
                    if let Some(count) = &count {
                        count.done(&answer.host, &end);
                    }
                    ends[at] = Some((end, answer.took));
                }
                _ = interrupted.recv() => break,
            }
        }
        drop(signals);
    });
    // Connections that are still open are cut, not waited for.
    runtime.shutdown_background();
    if let Some(count) = count {
        count.finish();
    }
    if let Some((live, thread)) = printer {
        live.over();
        let _ = thread.join();
    }
    let result = |(output, end): (&HostOutput, Option<(ui::ExecEnd, Duration)>)| {
        let (end, took) = end.unwrap_or_else(|| (unfinished(output.begun()), Duration::ZERO));
        let (stdout, stderr) = (output.stdout.clone(), output.stderr.clone());
        ui::ExecResult { host: output.host.clone(), end, took, stdout, stderr }
    };
    Ok(outputs.hosts.iter().zip(ends).map(result).collect())
}

/// One thread for all hosts: it has room for ten times what `--connect-rate` lets through, and to wake another costs as
/// much as the work that it would be given. Nothing in here may wait for a terminal.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let made = tokio::runtime::Builder::new_current_thread().enable_all().build();
    made.map_err(|error| Failure::internal(format!("no runtime: {error}")))
}

fn ended(answer: &Answer) -> ui::ExecEnd {
    match &answer.result {
        Ok(output) => output.exit.clone().into(),
        Err(error) => ui::ExecEnd::NoAnswer {
            class: error.class().to_owned(),
            unknown: error.outcome_unknown(),
            reached: !error.unreachable(),
            why: error.to_string(),
            // The same limit is a step's in a run; here it is an option.
            help: match error.class() {
                "command-timeout" => Some("`--timeout` sets how long it may take".to_owned()),
                _ => error.help().map(str::to_owned),
            },
        },
    }
}

/// The end of a host that had none when somebody interrupted.
fn unfinished(begun: bool) -> ui::ExecEnd {
    if !begun {
        return ui::ExecEnd::NotStarted;
    }
    ui::ExecEnd::NoAnswer {
        class: "interrupted".to_owned(),
        why: "interrupted before its end; the command may be running still".to_owned(),
        help: None,
        unknown: true,
        reached: true,
    }
}

/// The width of a line: a screen's reader wants no megabyte line, a file's reader may.
fn most(world: &World) -> usize {
    if world.stdout_is_terminal { 4 * usize::from(world.width()) } else { usize::MAX }
}

fn show(args: &ExecArgs, results: &[ui::ExecResult], world: &mut World) -> Result<(), Failure> {
    let look = ui::ExecLook {
        most: most(world),
        paint: world.paint(world.stdout_is_terminal),
        diff: args.diff,
        ends_only: args.live || args.ordered,
    };
    let mut stdout = std::io::BufWriter::new(world.stdout.clone());
    let shown = match () {
        () if args.json => results.iter().try_for_each(|result| writeln!(stdout, "{}", ui::exec_json(result)?)),
        () if look.ends_only => {
            // The lines were the data; this is talk.
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
