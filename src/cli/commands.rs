//! Chooses the command, and turns its result into an exit code.

use std::ffi::OsString;

use clap::CommandFactory as _;

use super::{
    Failure, World,
    args::{Cli, Command},
    command::{
        advisories, ask, assets, cve, demo, exec, facts, impact, init, inventory, known_hosts, ledger, log, man, plan,
        rehearse, report, resume, retry, rollback, run, runs, scan, schema, show, ssh_config, status, windows,
    },
    command_lines, completion, from_ansible,
    settings::Settings,
    state_dir::state_dir,
};

/// Runs one command line; returns the exit code of the process.
pub fn main(args: impl IntoIterator<Item = OsString>, mut world: World) -> u8 {
    let words: Vec<OsString> = args.into_iter().collect();
    if let Some(code) = completion::answer(&words, &mut world) {
        return code;
    }
    let settings = Settings::find(&world);
    let words = settings.expand(&words);
    let (cli, matches) = match from_ansible::parse(&words, &settings.as_defaults(Cli::command())) {
        Ok(read) => read,
        Err(error) => return not_understood(&error, &settings, &mut world),
    };
    if takes_settings(&cli.command) {
        if !settings.problems.is_empty() {
            world.complain(Failure::usage(settings.problems.clone()).render("patchwave"));
            return 2;
        }
        settings.ignored.iter().for_each(|line| world.complain(format_args!("warning: {line}")));
        world.fallbacks = settings.fallbacks.clone();
        world.dates = settings.dates.clone();
        settings.used(&matches, &world).iter().for_each(|line| world.talk(line));
    }
    let ended = dispatch(&cli, &settings, &mut world);
    world.prompt.restore();
    match ended {
        Ok(code) => code,
        Err(failure) => {
            // The failure knows neither the program's name nor where the ledger is.
            let program = match state_dir(cli.state_dir.as_deref(), &world) {
                Ok(dir) => command_lines::program(&dir, &world),
                Err(_) => "patchwave".to_owned(),
            };
            world.complain(failure.render(&program));
            failure.code
        }
    }
}

fn not_understood(error: &clap::Error, settings: &Settings, world: &mut World) -> u8 {
    let text = if world.paint(world.stderr_is_terminal).colours() {
        error.render().ansi().to_string()
    } else {
        error.render().to_string()
    };
    if !error.use_stderr() {
        return world.print(&text).unwrap_or(0);
    }
    world.talk(text.trim_end());
    // What is missing in the line may be in a file that cannot be read.
    for problem in &settings.problems.0 {
        world.complain(format_args!("warning: {problem}"));
    }
    settings.ignored.iter().for_each(|line| world.complain(format_args!("warning: {line}")));
    2
}

/// Whether the command reads an inventory or reaches hosts. The others work with a broken file, too.
fn takes_settings(command: &Command) -> bool {
    matches!(
        command,
        Command::Run(_)
            | Command::Plan(_)
            | Command::Impact(_)
            | Command::Rehearse(_)
            | Command::Resume(_)
            | Command::Retry(_)
            | Command::Rollback(_)
            | Command::Exec(_)
            | Command::Scan(_)
            | Command::Assets(_)
            | Command::Windows(_)
            | Command::Inventory(_)
    )
}

fn dispatch(cli: &Cli, settings: &Settings, world: &mut World) -> Result<u8, Failure> {
    let needs_state = !matches!(
        cli.command,
        Command::Completions { .. }
            | Command::Man(_)
            | Command::Demo(_)
            | Command::Init(_)
            | Command::Schema(_)
            | Command::KnownHosts(_)
            | Command::SshConfig(_)
    );
    let state = if needs_state { state_dir(cli.state_dir.as_deref(), world)? } else { Default::default() };
    match &cli.command {
        Command::Run(args) => {
            super::trace::to_file(&state, cli.verbose);
            run::run(args, state, world)
        }
        Command::Impact(args) => {
            super::trace::to_file(&state, cli.verbose);
            impact::impact(args, state, world)
        }
        Command::Resume(args) => {
            super::trace::to_file(&state, cli.verbose);
            resume::resume(args, state, world)
        }
        Command::Retry(args) => {
            super::trace::to_file(&state, cli.verbose);
            retry::retry(args, state, world)
        }
        Command::Rollback(args) => {
            super::trace::to_file(&state, cli.verbose);
            rollback::rollback(args, state, world)
        }
        Command::Exec(args) => exec::exec(args, state, world),
        Command::Scan(args) => scan::scan(args, state, world),
        Command::Facts(args) => facts::facts(args, state, world),
        Command::Assets(args) => assets::assets(args, state, world),
        Command::Windows(args) => windows::windows(args, state, world),
        Command::Cve(args) => cve::cve(args, state, world),
        Command::Advisories(command) => advisories::advisories(command, state, world),
        Command::Rehearse(args) => rehearse::rehearse(args, state, world),
        Command::Plan(args) => plan::show_plan(args, state, world),
        Command::Inventory(command) => inventory::inventory(command, settings, state, world),
        Command::Runs(args) => runs::runs(args, state, world),
        Command::Show(args) => show::show(args, state, world),
        Command::Log(args) => log::log(args, state, world),
        Command::Status(args) => status::status(args, state, world),
        Command::Report(args) => report::report(args, state, world),
        Command::Ledger(command) => ledger::ledger(command, state, world),
        Command::Approve(args) => ask::approve(&args.run, state, world),
        Command::Stop(args) => ask::stop(&args.run, state, world),
        Command::KnownHosts(command) => known_hosts::known_hosts(command, world),
        Command::SshConfig(args) => ssh_config::ssh_config(args, world),
        Command::Init(args) => init::init(args, world),
        Command::Schema(args) => schema::schema(args, world),
        Command::Demo(args) => demo::demo(args, world),
        Command::Completions { shell } => world.print(&completion::script(*shell)?),
        Command::Man(args) => man::man(args, world),
    }
}
