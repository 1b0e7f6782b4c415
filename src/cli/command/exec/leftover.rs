//! After `exec` went without an answer: on which hosts the command may still be running, and how it is ended there. A
//! person is asked; without a terminal the command line to type is printed, and what it needs is kept in the state
//! folder. Start at [`offer`] and [`end_recorded`].

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{
    cli::{
        Failure, World,
        args::ExecArgs,
        command::run::{name_of, new_run_id},
        command_lines::program,
        connect::recorded_options,
    },
    command::{Command, quote},
    engine::{Signal, fan_out},
    host::HostName,
    inventory::is_host_list,
    names, regular,
    target::Target,
    transport::{Ending, NoSink, Process, Transport},
    ui, view,
};

/// The most bytes of a record.
const LONGEST: u64 = 16 << 20;

/// A command that may still be running on a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Leftover {
    pub(super) host: HostName,
    #[serde(flatten)]
    pub(super) process: Process,
    /// It has raised rights.
    pub(super) raised: bool,
}

/// How commands are ended: over which transport, where, and what interrupts it.
pub(super) struct Means<'a> {
    pub(super) runtime: &'a tokio::runtime::Runtime,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) targets: Vec<Arc<Target>>,
    pub(super) forks: usize,
    pub(super) interrupted: &'a mut mpsc::Receiver<Signal>,
    /// What ended the wait for answers, if something did.
    pub(super) stopped: Option<Signal>,
}

/// Says on which hosts the command may still be running, and ends it there if the person says so. `silent`: hosts on
/// which it may be running, and that did not say as which process.
pub(super) fn offer(
    args: &ExecArgs,
    left: &[Leftover],
    silent: &[HostName],
    means: &mut Means<'_>,
    state_dir: &Path,
    world: &mut World,
) -> Result<(), Failure> {
    if !silent.is_empty() {
        let hosts = folded(silent);
        world.talk(format_args!("the command may still be running on {hosts}, which did not say as which process"));
    }
    if left.is_empty() {
        return Ok(());
    }
    let hosts: Vec<HostName> = left.iter().map(|one| one.host.clone()).collect();
    // Whoever sends SIGTERM is not there to answer.
    if world.stdin_is_terminal && !args.json && !matches!(means.stopped, Some(Signal::Stop { .. })) {
        let many = view::count(hosts.len(), "host");
        world.talk(format_args!("the command may still be running on {}", folded(&hosts)));
        if asked(&format!("End it on {many}? [y/N] "), means, world) {
            let stays = end(left, means, world);
            return if stays.is_empty() { Ok(()) } else { keep(args, &stays, state_dir, world) };
        }
    }
    keep(args, left, state_dir, world)
}

/// Ends what an earlier `exec` left, as far as the pattern goes.
pub(super) fn end_recorded(
    id: &str,
    means: &mut Means<'_>,
    state_dir: &Path,
    world: &mut World,
) -> Result<u8, Failure> {
    let path = record(state_dir, id)?;
    let text = regular::read(&path, LONGEST).map_err(|error| {
        Failure::usage(format!("nothing is recorded as {id}: {}: {error}", world.shown(&path)))
            .help("its commands were ended, or it was recorded in another state folder (--state-dir)")
    })?;
    let recorded: Vec<Leftover> = serde_json::from_slice(&text)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", world.shown(&path))))?;
    let selected = |host: &HostName| means.targets.iter().any(|target| target.name == *host);
    let (left, others): (Vec<_>, Vec<_>) = recorded.into_iter().partition(|one| selected(&one.host));
    if left.is_empty() {
        return Err(Failure::usage(format!("{id} is about none of these hosts")));
    }
    let stays = end(&left, means, world);
    let code = if stays.is_empty() { 0 } else { 7 };
    let open: Vec<Leftover> = stays.into_iter().chain(others).collect();
    let saved = if open.is_empty() { fs::remove_file(&path) } else { save(&path, &open) };
    saved.map_err(|error| Failure::internal(format!("{} cannot be written: {error}", world.shown(&path))))?;
    Ok(code)
}

/// Whether the person says yes. A signal says no.
fn asked(question: &str, means: &mut Means<'_>, world: &World) -> bool {
    // A second Ctrl-C from before the question does not answer it.
    while means.interrupted.try_recv().is_ok() {}
    let (prompt, question) = (Arc::clone(&world.prompt), question.to_owned());
    let answer = means.runtime.block_on(async {
        let asking = tokio::task::spawn_blocking(move || prompt.line(&question));
        tokio::select! {
            answer = asking => answer.ok().flatten(),
            _ = means.interrupted.recv() => None,
        }
    });
    answer.is_some_and(|answer| ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Ends the commands, and says for each host what came of it. Returns those that may still be running.
fn end(left: &[Leftover], means: &mut Means<'_>, world: &mut World) -> Vec<Leftover> {
    let of = |target: &Arc<Target>| {
        let one = left.iter().find(|one| one.host == target.name)?;
        Some((Arc::clone(target), Arc::new(one.process.end().privileged(one.raised))))
    };
    let targets: Vec<(Arc<Target>, Arc<Command>)> = means.targets.iter().filter_map(of).collect();
    let mut became: BTreeMap<String, Vec<HostName>> = BTreeMap::new();
    let mut over = Vec::new();
    means.runtime.block_on(async {
        let mut answers = std::pin::pin!(fan_out(Arc::clone(&means.transport), targets, means.forks, |_| NoSink));
        loop {
            let answer = tokio::select! {
                answer = answers.next() => answer,
                _ = means.interrupted.recv() => None,
            };
            let Some(answer) = answer else { break };
            let ending = answer.result.as_ref().ok().and_then(Ending::read);
            let (is_over, what) = match (ending, &answer.result) {
                (Some(Ending::Terminated), _) => (true, "ended (SIGTERM)".to_owned()),
                (Some(Ending::Killed), _) => (true, "ended (SIGKILL, after 5 s)".to_owned()),
                (Some(Ending::Over), _) => (true, "had ended by itself; nothing was signalled".to_owned()),
                (Some(Ending::Stays), _) => (false, "still running after SIGKILL".to_owned()),
                (Some(Ending::Shared), _) => {
                    (false, "may still be running: it has no process group of its own, so it was left".to_owned())
                }
                (None, Ok(_)) => (false, "may still be running: the answer cannot be read".to_owned()),
                (None, Err(error)) => (false, format!("may still be running: {}", ui::clean(&error.to_string(), 200))),
            };
            over.extend(is_over.then(|| answer.host.clone()));
            became.entry(what).or_default().push(answer.host);
        }
    });
    let told: Vec<&HostName> = became.values().flatten().collect();
    let rest: Vec<HostName> = left.iter().map(|one| &one.host).filter(|host| !told.contains(host)).cloned().collect();
    if !rest.is_empty() {
        became.insert("may still be running: interrupted before it answered".to_owned(), rest);
    }
    for (what, hosts) in &became {
        world.talk(format_args!("{}: {what}", folded(hosts)));
    }
    left.iter().filter(|one| !over.contains(&one.host)).cloned().collect()
}

/// Records what is needed to end the commands, and prints the command line for it.
fn keep(args: &ExecArgs, left: &[Leftover], state_dir: &Path, world: &mut World) -> Result<(), Failure> {
    let id = new_run_id(world).0;
    let path = record(state_dir, &id)?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap_or(state_dir));
    let hosts: Vec<HostName> = left.iter().map(|one| one.host.clone()).collect();
    if let Err(error) = made.and_then(|()| save(&path, left)) {
        world.talk(format_args!(
            "the command may still be running on {}; the file to end it with cannot be written: {}: {error}",
            folded(&hosts),
            world.shown(&path)
        ));
        return Ok(());
    }
    let line = line(args, &hosts, &id, state_dir, world);
    world.talk(format_args!("the command may still be running on {}; to end it there:\n{line}", folded(&hosts)));
    Ok(())
}

/// `patchwave exec 'web[01-03]' -i inv.yml --end ID`, with everything that says how the hosts are reached.
fn line(args: &ExecArgs, hosts: &[HostName], id: &str, state_dir: &Path, world: &World) -> String {
    let quoted = |word: &str| quote(word).unwrap_or_else(|_| word.to_owned());
    let mut words = vec![program(state_dir, world), "exec".to_owned(), quoted(&names::fold(hosts))];
    for inventory in &args.inventory.inventory {
        let shown = match is_host_list(inventory) {
            true => inventory.display().to_string(),
            false => world.shown(&world.absolute(inventory)),
        };
        words.extend(["-i".to_owned(), quoted(&shown)]);
    }
    words.extend(args.inventory.lenient.then(|| "--lenient".to_owned()));
    for variable in &args.inventory.extra_vars {
        // Its value may be secret.
        let name = name_of(variable);
        words.extend(["-e".to_owned(), if name.starts_with('@') { quoted(&name) } else { format!("{name}=…") }]);
    }
    for file in &args.inventory.vault.vault_password_file {
        words.extend(["--vault-password-file".to_owned(), quoted(&file.display().to_string())]);
    }
    for label in &args.inventory.vault.vault_id {
        words.extend(["--vault-id".to_owned(), quoted(label)]);
    }
    words.extend(args.inventory.vault.ask_vault_password.then(|| "-J".to_owned()));
    words.extend(recorded_options::shown(&recorded_options::words(&args.connect, world), world));
    words.extend(["--end".to_owned(), id.to_owned()]);
    words.join(" ")
}

/// The file of a record.
fn record(state_dir: &Path, id: &str) -> Result<PathBuf, Failure> {
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Failure::usage("--end: the id is the one that an interrupted `exec` printed"));
    }
    Ok(state_dir.join("exec").join(format!("{id}.json")))
}

fn save(path: &Path, left: &[Leftover]) -> std::io::Result<()> {
    let text = serde_json::to_vec(left).map_err(std::io::Error::other)?;
    let next = path.with_extension("next");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    file.write_all(&text).and_then(|()| file.sync_all())?;
    fs::rename(next, path)
}

fn folded(hosts: &[HostName]) -> String {
    names::fold(hosts).replace(',', ", ")
}
