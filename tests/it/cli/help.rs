//! What the program says about itself, and about a command line that it does not understand. The pages are files in
//! `snapshots/`. `INSTA_UPDATE=always cargo test --test it cli::help` writes them again; then read the difference.

use crate::support::cli::Desk;

#[test]
fn the_program() {
    insta::assert_snapshot!(Desk::empty().run("--help").page());
}

#[test]
fn run() {
    insta::assert_snapshot!(Desk::empty().run("run --help").page());
}

#[test]
fn exec() {
    insta::assert_snapshot!(Desk::empty().run("exec --help").page());
}

#[test]
fn the_smaller_ones() {
    let desk = Desk::empty();
    let page = |command: &str| desk.run(&format!("{command} --help")).ended(0).page();
    let pages: String = [
        "plan",
        "impact",
        "rehearse",
        "resume",
        "retry",
        "runs",
        "show",
        "status",
        "report",
        "log",
        "approve",
        "stop",
        "inventory",
        "inventory hosts",
        "ledger verify",
        "ledger prune",
        "init",
        "schema",
        "demo",
        "completions",
        "man",
    ]
    .map(page)
    .concat();
    insta::assert_snapshot!(pages);
}

#[test]
fn no_line_of_help_is_wider_than_a_page() {
    let desk = Desk::empty();
    for command in ["", "run", "plan", "rehearse", "resume", "exec", "runs", "show", "log", "inventory check", "demo"] {
        let said = desk.run(&format!("{command} --help")).ended(0);
        let long: Vec<&str> = said.out.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{command}: {long:#?}");
    }
}

#[test]
fn completions_and_the_manual_page() {
    let desk = Desk::empty();
    for shell in ["bash", "zsh", "fish"] {
        desk.run(&format!("completions {shell}")).ended(0).says(&["patchwave", "PATCHWAVE_COMPLETE"]);
    }
    desk.run("man").ended(0).says(&[".TH patchwave 1", "Exit codes"]);
    desk.run("man run").ended(0).says(&[".TH patchwave-run 1", "ignore"]);
    desk.run("man ledger verify").ended(0).says(&["patchwave ledger verify", "HASH"]);
    desk.run("man rnu").ended(2).says(&["there is no manual page for `rnu`", "run"]);
    desk.run("man --dir pages").ended(0).says(&["manual pages written to pages"]);
    for page in ["patchwave.1", "patchwave-run.1", "patchwave-ledger-verify.1"] {
        assert!(desk.folder().join("pages").join(page).is_file(), "{page}");
    }
    // bash accepts it.
    let script = desk.write("patchwave.bash", &desk.run("completions bash").out);
    let bash = std::process::Command::new("bash").arg("-n").arg(script).status();
    assert!(bash.is_ok_and(|status| status.success()), "bash does not read its completion");
}

#[test]
fn a_command_line_that_is_not_understood() {
    let desk = Desk::empty();
    for (line, says) in [
        ("", "Usage: patchwave"),
        ("rnu", "tip: a similar subcommand exists: 'run"),
        ("run play.yml", "--inventory <FILE>"),
        ("run play.yml -i inv.yml --forks 0", "0 is not in 1..=100000"),
        ("run play.yml -i inv.yml --connect-timeout soon", "soon"),
        ("run play.yml -i inv.yml --host-keys maybe", "possible values: strict, accept-new"),
        ("exec -i inv.yml all", "CMD"),
        ("exec -i inv.yml all df -h", "unexpected argument 'df'"),
        ("completions csh", "possible values: bash"),
        ("approve", "<RUN>"),
        ("demo --hosts 0", "0 is not in 1..=2000"),
        ("demo --hosts 3 --fail mail", "--fail mail: no simulated host has this name"),
    ] {
        desk.run(line).ended(2).says(&[says]).prints("");
    }
}
