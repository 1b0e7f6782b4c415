//! Command lines as people write them who know Ansible. `exec all uptime` is understood without `--`; the error of an
//! option that is called otherwise here says what to type. Start at [`parse`].

use std::ffi::OsString;

use clap::{
    FromArgMatches as _,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::args::{Cli, Command};
use crate::command::quote;

/// Options, with what there is here.
const OPTIONS: [(&str, Instead); 20] = [
    ("--list-hosts", Instead::Plan(&["--all"], "lists the hosts, wave by wave")),
    ("--list-tasks", Instead::Plan(&[], "lists the steps")),
    ("--syntax-check", Instead::Plan(&[], "checks both files, without a connection")),
    ("--list-tags", NO_TAGS),
    ("--tags", NO_TAGS),
    ("-t", NO_TAGS),
    ("--skip-tags", NO_TAGS),
    ("-C", Instead::Words("write --check")),
    ("--diff", DIFF),
    ("-D", DIFF),
    (
        "--start-at-task",
        Instead::Words("`patchwave resume RUN` goes on where a run stopped; a `when:` leaves steps out"),
    ),
    ("--step", Instead::Words("`approve: before` in the inventory or a stage asks before its hosts are touched")),
    ("--flush-cache", Instead::Words("nothing is cached: every run looks at the hosts itself")),
    ("--force-handlers", Instead::Words("there are no handlers; `on_failure:` is for a host that failed")),
    ("--become-user", Instead::Words("`ansible_become_user` in the inventory; steps need root")),
    ("--become-method", Instead::Words("`ansible_become_method` in the inventory: sudo, doas or su")),
    ("--module-name", NO_MODULES),
    ("-m", NO_MODULES),
    ("-a", NO_MODULES),
    ("--args", NO_MODULES),
];

const NO_TAGS: Instead = Instead::Words("there are no tags; use a `when:` and a variable that -e sets");
const NO_MODULES: Instead = Instead::Words("there are no modules: `patchwave exec -i INV PATTERN -- COMMAND`");
const DIFF: Instead = Instead::Words("--check says for each host what would change");

/// What there is here instead of an option.
#[derive(Clone, Copy)]
enum Instead {
    /// It is said in words.
    Words(&'static str),
    /// `plan` with these options, and what it does.
    Plan(&'static [&'static str], &'static str),
}

/// Reads a command line. `command` is that of the program, with its defaults.
///
/// # Errors
/// What clap says, with what to type for what people know from Ansible.
pub fn parse(words: &[OsString], command: &clap::Command) -> Result<(Cli, clap::ArgMatches), clap::Error> {
    try_parse(words, command).or_else(|error| match before_command(&error, words, command) {
        Some(found) => Ok(found),
        None => Err(advise(error, words, command)),
    })
}

/// As [`parse`], without settings.
///
/// # Errors
/// As [`parse`].
#[cfg(any(test, feature = "testing"))]
pub fn understand(words: &[OsString]) -> Result<Cli, clap::Error> {
    parse(words, &<Cli as clap::CommandFactory>::command()).map(|(cli, _)| cli)
}

fn try_parse(words: &[OsString], command: &clap::Command) -> Result<(Cli, clap::ArgMatches), clap::Error> {
    let matches = command.clone().try_get_matches_from(words)?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok((cli, matches))
}

/// `exec all uptime` as `exec all -- uptime`, if no word from there on could be an option.
fn before_command(error: &clap::Error, words: &[OsString], program: &clap::Command) -> Option<(Cli, clap::ArgMatches)> {
    let unknown = unknown(error).filter(|_| of_exec(error))?;
    let mut places = (0..words.len()).filter(|at| words[*at] == unknown);
    places.find_map(|at| {
        let (before, command) = words.split_at(at);
        if command.iter().any(|word| word.as_encoded_bytes().starts_with(b"-")) {
            return None;
        }
        let marked: Vec<OsString> = before.iter().cloned().chain(["--".into()]).chain(command.iter().cloned()).collect();
        let (cli, matches) = try_parse(&marked, program).ok()?;
        // The mark may be the value of an option instead.
        let understood = matches!(&cli.command, Command::Exec(args) if args.command.iter().map(OsString::from).eq(command.iter().cloned()));
        understood.then_some((cli, matches))
    })
}

/// The word that was not expected.
fn unknown(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => Some(word),
        _ => None,
    }
}

fn of_exec(error: &clap::Error) -> bool {
    matches!(error.get(ContextKind::Usage), Some(usage) if usage.to_string().contains(" exec "))
}

/// Puts what there is here in the place of clap's guess.
fn advise(mut error: clap::Error, words: &[OsString], command: &clap::Command) -> clap::Error {
    if error.kind() == ErrorKind::MissingRequiredArgument && error.to_string().contains("--inventory <FILE>") {
        let advice = "or name it once, with `inventory:` in the project's patchwave.yml (`patchwave init` makes one)";
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice.into()]));
        return error;
    }
    let Some(option) = unknown(&error) else { return error };
    let name = option.split(['=', ' ']).next().unwrap_or_default();
    let advice = match OPTIONS.iter().find(|(known, _)| *known == name) {
        Some((_, Instead::Words(words))) => (*words).to_owned(),
        Some((_, Instead::Plan(more, does))) => format!("`{}` {does}", plan(words, name, more, command)),
        None if of_exec(&error) && !name.starts_with('-') => {
            "the command comes behind `--`: exec -i INV PATTERN -- COMMAND".to_owned()
        }
        None => return error,
    };
    error.remove(ContextKind::SuggestedArg);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice.into()]));
    error
}

/// The `plan` of a command line with `run`, without `option` and with `more`; in general words if the line is not so
/// simple, or has variables: these may be secret.
fn plan(words: &[OsString], option: &str, more: &[&str], command: &clap::Command) -> String {
    let general = || [&["patchwave plan PLAYBOOK -i INV"], more].concat().join(" ");
    let Some(typed) = words.iter().skip(1).map(|word| word.to_str()).collect::<Option<Vec<&str>>>() else {
        return general();
    };
    let typed: Vec<&str> = typed.into_iter().filter(|word| *word != option).collect();
    let simple = matches!(typed.first(), Some(&("run" | "plan")));
    let line: Vec<&str> =
        ["patchwave", "plan"].into_iter().chain(typed.into_iter().skip(1)).chain(more.iter().copied()).collect();
    let has_values = line.iter().any(|word| word.starts_with("-e") || word.starts_with("--extra-vars"));
    if !simple || has_values || command.clone().try_get_matches_from(&line).is_err() {
        return general();
    }
    line.iter().map(|word| quote(word).unwrap_or_else(|_| (*word).to_owned())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        std::iter::once("patchwave").chain(line.split(' ')).map(OsString::from).collect()
    }

    #[test]
    fn who_knows_ansible_is_told_what_to_type() {
        for (line, expected) in [
            ("run p.yml -i i.yml --tags a", "there are no tags"),
            ("run p.yml -i i.yml --tags=a", "there are no tags"),
            ("run p.yml -i i.yml --list-hosts", "`patchwave plan p.yml -i i.yml --all` lists the hosts"),
            ("run --list-tasks p.yml -i i.yml -l web", "`patchwave plan p.yml -i i.yml -l web` lists the steps"),
            ("run p.yml -i i.yml -e pw=x --list-hosts", "`patchwave plan PLAYBOOK -i INV --all` lists"),
            ("run p.yml -i i.yml --yes --list-hosts", "`patchwave plan PLAYBOOK -i INV --all` lists"),
            ("plan p.yml -i i.yml --syntax-check", "`patchwave plan p.yml -i i.yml` checks both files"),
            ("plan p.yml -i i.yml -C", "write --check"),
            ("run p.yml -i i.yml --start-at-task x", "resume RUN"),
            ("run p.yml -i i.yml --step", "approve: before"),
            ("exec -i i.yml all -m ping", "there are no modules"),
            ("exec -i i.yml all df -h", "the command comes behind `--`"),
            ("exec all uptime -i i.yml", "the command comes behind `--`"),
            ("run p.yml -i i.yml --chek", "similar argument exists: '--check'"),
        ] {
            let text = understand(&words(line)).unwrap_err().render().to_string();
            assert!(text.contains(expected) && !text.contains("as a value"), "{line}: {text}");
        }
    }

    #[test]
    fn a_command_of_exec_needs_no_mark_if_no_word_of_it_could_be_an_option() {
        for (line, expected) in [
            ("exec -i i.yml all uptime", vec!["uptime"]),
            ("exec -i i.yml all -b cat /etc/hostname", vec!["cat", "/etc/hostname"]),
            ("exec -i uptime all uptime", vec!["uptime"]),
            ("exec -i i.yml all uptime uptime", vec!["uptime", "uptime"]),
            ("exec -i i.yml all -- df -h", vec!["df", "-h"]),
        ] {
            let cli = understand(&words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
            let Command::Exec(args) = cli.command else { panic!("{line}") };
            assert_eq!((args.pattern.as_str(), args.command), ("all", expected.iter().map(|w| (*w).into()).collect()));
        }
    }

    #[test]
    fn check_has_the_letter_of_ansible() {
        let cli = understand(&words("run p.yml -i i.yml -C")).unwrap();
        assert!(matches!(cli.command, Command::Run(args) if args.check));
    }
}
