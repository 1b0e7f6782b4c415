//! Completion in a shell. The script of `completions SHELL` calls this program with the words so far, and it answers
//! with what may follow: options and commands from clap, and names from the inventory and the ledger ([`names`]).
//! Changes nothing and asks nobody. Start at [`answer`].

mod names;

use std::{ffi::OsString, sync::Arc};

use clap::{Command, CommandFactory};
use clap_complete::{
    engine::ArgValueCompleter,
    env::{EnvCompleter, Shells},
};

use super::{Failure, World, args::Cli};
use names::Names;

/// The shell that asks, set by the script.
const VARIABLE: &str = "PATCHWAVE_COMPLETE";

/// bash takes words apart at `@` and asks about `failed` instead of `@failed`.
const ONE_WORD: &str = "COMP_WORDBREAKS=${COMP_WORDBREAKS//@/}\n";

/// zsh reads a file `_patchwave` of its `fpath` as a function, when the first answer is wanted.
const AS_A_FUNCTION: &str =
    "if [[ ${funcstack[1]} == _patchwave ]]; then _clap_dynamic_completer_patchwave \"$@\"; fi\n";

/// The script that makes a shell ask this program.
pub(super) fn script(shell: clap_complete::Shell) -> Result<String, Failure> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let known = || Failure::usage(format!("no completion for {name}"));
    let shell: &dyn EnvCompleter = shells.completer(&name).ok_or_else(known)?;
    let mut text = Vec::new();
    shell.write_registration(VARIABLE, "patchwave", "patchwave", "patchwave", &mut text).map_err(Failure::internal)?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    match name.as_str() {
        "bash" => text.push_str(ONE_WORD),
        "zsh" => text.push_str(AS_A_FUNCTION),
        _ => {}
    }
    Ok(text)
}

/// Answers a shell that asks what may follow; `None` if no shell asks. `args` are the program, `--`, and the words:
/// without the `--` it is a person's command, whatever the environment says.
pub(super) fn answer(args: &[OsString], world: &mut World) -> Option<u8> {
    let shells = Shells::builtins();
    let shell = shells.completer(world.var(VARIABLE)?)?;
    let [_, mark, words @ ..] = args else { return None };
    if mark != "--" {
        return None;
    }
    let words = words.to_vec();
    let names = Arc::new(Names::of(&words, world));
    let mut command = with_names(Cli::command(), &names);
    command.build();
    let mut text = Vec::new();
    // A message here would be printed into the line that the person is typing.
    if shell.write_complete(&mut command, words, Some(&world.folder), &mut text).is_err() {
        return Some(1);
    }
    Some(world.print(&String::from_utf8_lossy(&text)).unwrap_or(1))
}

/// Gives each argument that takes a name the names that it may have.
fn with_names(command: Command, names: &Arc<Names>) -> Command {
    let (log, rehearse) = (command.get_name() == "log", command.get_name() == "rehearse");
    let command = command.mut_args(|arg| {
        let names = Arc::clone(names);
        match arg.get_id().as_str() {
            "pattern" | "also" | "limit" => arg.add(ArgValueCompleter::new(move |word: &_| names.patterns(word))),
            "fail" | "lose" | "never_back" if rehearse => {
                arg.add(ArgValueCompleter::new(move |word: &_| names.patterns(word)))
            }
            "host" if log => arg.add(ArgValueCompleter::new(move |word: &_| names.hosts_of_the_run(word))),
            "host" => arg.add(ArgValueCompleter::new(move |word: &_| names.hosts(word))),
            // `log` takes a host in this place, too.
            "run" if log => arg.add(ArgValueCompleter::new(move |word: &_| {
                names.hosts_of_the_run(word).into_iter().chain(names.runs(word)).collect()
            })),
            "run" => arg.add(ArgValueCompleter::new(move |word: &_| names.runs(word))),
            "playbook" => arg.add(ArgValueCompleter::new(names::playbooks(&names.folder))),
            _ => arg,
        }
    });
    command.mut_subcommands(|command| with_names(command, names))
}
