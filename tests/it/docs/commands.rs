//! Command lines of the pages are parsed: those of this program by its own parser, those of cargo by what they name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use clap::{CommandFactory as _, Parser as _};
use patchwave::cli::args::Cli;
use regex::Regex;

use super::page::{self, Part, root};

/// Lines of the pages that begin with this word: in blocks of `sh`, and between backquotes.
fn lines(program: &str) -> Vec<Part> {
    let mut found = Vec::new();
    for block in page::blocks("sh") {
        for (n, line) in block.text.lines().enumerate() {
            found.push(Part { page: block.page.clone(), line: block.line + n, text: line.to_owned() });
        }
    }
    found.extend(page::code(&page::pages()));
    found.retain(|line| line.text.starts_with(program) && line.text[program.len()..].starts_with(' '));
    found
}

/// The line as somebody types it: what may be left out is there, and words for values are values.
fn typed(line: &str) -> Vec<String> {
    let line = line.replace(['[', ']', '…'], "");
    let mut words = shlex::split(&line).unwrap_or_else(|| panic!("{line}: a quote is open"));
    // What follows goes to another program.
    words.truncate(words.iter().position(|word| word == "|").unwrap_or(words.len()));
    for word in &mut words {
        match word.as_str() {
            "N" => *word = "3".to_owned(),
            "TIME" => *word = "5m".to_owned(),
            "SHELL" => *word = "bash".to_owned(),
            "HASH" => *word = "0123456789abcdef".to_owned(),
            _ => {}
        }
    }
    words
}

#[test]
fn every_line_with_this_program_is_understood() {
    let mut whole = 0;
    for line in lines("patchwave") {
        let words = typed(&line.text);
        match patchwave::cli::understand(&words.iter().map(Into::into).collect::<Vec<_>>()) {
            Ok(_) => whole += 1,
            // A command that a sentence names, without what it needs: `patchwave run`, `patchwave COMMAND --help`.
            Err(error) => {
                use clap::error::ErrorKind::{
                    DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion, MissingRequiredArgument,
                };
                let named = matches!(
                    error.kind(),
                    MissingRequiredArgument | DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand
                ) || words[1] == "COMMAND";
                assert!(named, "{}: {}\n{error}", line.place(), line.text);
            }
        }
    }
    assert!(whole >= 12, "{whole} whole command lines: where are the rest?");
}

/// The options of a command, of those below it, and of the program.
fn options(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().flat_map(|arg| {
        let long = arg.get_long_and_visible_aliases().unwrap_or_default().into_iter().map(|long| format!("--{long}"));
        long.chain(arg.get_short().map(|short| format!("-{short}"))).collect::<Vec<_>>()
    });
    own.chain(command.get_subcommands().flat_map(options)).collect()
}

/// In README's table of commands each row names commands and their options; elsewhere an option alone is one of some
/// command.
#[test]
fn every_option_is_there() {
    let program = Cli::command();
    let option = Regex::new(r"(?:^|[\s(])(--[a-z][a-z-]+|-[a-zA-Z])\b").unwrap();
    let mut seen = 0;
    for row in page::table("README.md", "command") {
        let names: Vec<&str> = page::quoted(&row[0]).iter().map(|code| code.split(' ').next().unwrap()).collect();
        let mut known = options(&clap::Command::new("all"));
        for name in &names {
            let command = program.find_subcommand(name).unwrap_or_else(|| panic!("README.md: no command `{name}`"));
            known.extend(options(command));
        }
        for code in row.iter().flat_map(|cell| page::quoted(cell)) {
            for found in option.captures_iter(code).filter(|_| !code.starts_with("ssh ")) {
                seen += 1;
                assert!(known.contains(&found[1]), "README.md: {names:?} have no {}: {known:?}", &found[1]);
            }
        }
    }
    let known = options(&program);
    for code in page::code(&page::reference()).iter().filter(|code| code.text.starts_with("--")) {
        for found in option.captures_iter(&code.text) {
            seen += 1;
            assert!(known.contains(&found[1]), "{}: there is no option {}", code.place(), &found[1]);
        }
    }
    assert!(seen > 50, "{seen} options: where are the rest?");
}

/// The table of what may go wrong in a rehearsal has all that can be asked for.
#[test]
fn every_fault_of_a_rehearsal_is_explained() {
    let program = Cli::command();
    let rehearse = program.find_subcommand("rehearse").unwrap();
    let faults = rehearse.get_arguments().filter(|arg| arg.get_help_heading() == Some("What goes wrong"));
    let usage = |arg: &clap::Arg| {
        let value =
            arg.get_value_names().filter(|_| arg.get_action().takes_values()).map(|names| format!(" {}", names[0]));
        format!("--{}{}", arg.get_long().unwrap(), value.unwrap_or_default())
    };
    let faults: Vec<String> = faults.map(usage).collect();
    let rows = page::table("docs/rollout.md", "option");
    assert_eq!(rows.iter().map(|row| page::quoted(&row[0])[0]).collect::<Vec<_>>(), faults);
}

/// What a line of cargo names is there: test targets and their modules, benches, examples, fuzz targets.
#[test]
fn every_line_of_cargo_names_what_is_there() {
    let exists = |paths: &[String]| paths.iter().any(|path| root().join(path).exists());
    let mut seen = 0;
    for line in lines("cargo") {
        let words = shlex::split(&line.text.replace(['[', ']'], "")).unwrap();
        let after = |key: &str| words.iter().position(|word| word == key).and_then(|at| words.get(at + 1));
        for (key, folder) in [("--test", "tests"), ("--bench", "benches"), ("--example", "examples")] {
            if let Some(name) = after(key) {
                seen += 1;
                let files = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/main.rs")];
                assert!(exists(&files), "{}: {folder} has no {name}", line.place());
            }
        }
        let module = after("--test").and_then(|test| Some((format!("tests/{test}"), after(test)?)));
        for (folder, name) in module.into_iter().chain(after("--lib").map(|name| ("src".to_owned(), name))) {
            if !name.starts_with('-') {
                seen += 1;
                let path = name.replace("::", "/");
                let files = [format!("{folder}/{path}.rs"), format!("{folder}/{path}")];
                assert!(exists(&files), "{}: {folder} has no {name}", line.place());
            }
        }
        if let Some(name) = words.iter().position(|word| word == "fuzz").and_then(|at| words.get(at + 2)) {
            seen += 1;
            assert!(exists(&[format!("fuzz/fuzz_targets/{name}.rs")]), "{}: no fuzz target {name}", line.place());
        }
        if words.iter().any(|word| word == "demo") {
            seen += 1;
            let ours = words.iter().skip_while(|word| *word != "--").skip(1).cloned();
            let line = std::iter::once("patchwave".to_owned()).chain(ours);
            Cli::try_parse_from(line.take_while(|word| word != "#")).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    assert!(seen >= 12, "{seen} names: where are the rest?");
}

/// A part of the benchmark that a page names is one that the benchmark knows.
#[test]
fn every_part_of_the_benchmark_is_there() {
    let mut sources = Vec::new();
    all_files(&root().join("benches/exec"), &mut sources);
    let code: String = sources.iter().flat_map(fs::read_to_string).collect();
    for row in page::table("benches/README.md", "part") {
        let part = row[0].trim_matches('`');
        assert!(code.contains(&format!("\"{part}\"")), "benches/exec knows no part `{part}`");
    }
}

#[test]
fn no_text_names_a_command_that_is_not_there() {
    let mut files = page::pages();
    for folder in ["src", "inventories", "playbooks", "hooks"] {
        all_files(&root().join(folder), &mut files);
    }
    let named = Regex::new(r"(?:`|: |\$ )patchwave ([a-z]+(?:-[a-z]+)*)").unwrap();
    let known: Vec<String> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut seen = 0;
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (n, line) in text.lines().enumerate() {
            for found in named.captures_iter(line) {
                seen += 1;
                let command = &found[1];
                assert!(
                    known.iter().any(|name| name == command),
                    "{}:{}: there is no command `patchwave {command}`",
                    path.display(),
                    n + 1
                );
            }
        }
    }
    assert!(seen > 20, "{seen} commands: where are the rest?");
}

pub fn all_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all_files(&path, found) } else { found.push(path) }
    }
}
