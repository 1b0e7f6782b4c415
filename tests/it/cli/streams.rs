//! Where the output goes, and that it may disappear: a pipe that is closed early, a terminal that is gone.

use std::process::{Command, Stdio};

use patchwave::event::{Event, Kind};

use crate::support::{case::Case, cli::Desk};

/// Runs a line of bash in the project with the real program as `$PATCHWAVE`; returns what it printed.
fn bash(desk: &Desk, line: &str) -> String {
    let mut command = desk.command("");
    let env: Vec<_> = command.get_envs().map(|(k, v)| (k.to_owned(), v.unwrap().to_owned())).collect();
    command = Command::new("bash");
    command.args(["-c", line]).current_dir(desk.folder()).env_clear().envs(env).stdin(Stdio::null());
    command.env("PATCHWAVE", env!("CARGO_BIN_EXE_patchwave"));
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn over(events: &[Event]) -> bool {
    matches!(events.last().map(|event| &event.kind), Some(Kind::RunFinished))
}

#[test]
fn a_reader_that_wants_one_line() {
    let site = Case::hosts(3).play("name: Look\nsteps:\n  - command: \"true\"\n  - command: sleep 1\n").site();
    for (line, code) in [
        ("plan play.yml -i inv.yml", 0),
        ("inventory list -i inv.yml", 0),
        ("exec -i inv.yml all -- 'seq 100000; exit 3'", 6),
        ("help run", 0),
    ] {
        let said = bash(&site, &format!("\"$PATCHWAVE\" {line} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"));
        assert!(said.lines().any(|last| last == code.to_string()), "{line}: {said}");
        assert!(!said.contains("panicked"), "{line}: {said}");
    }
    // A run goes on without its reader.
    let said = bash(
        &site,
        "\"$PATCHWAVE\" run play.yml -i inv.yml --json 2>/dev/null | head -1 | wc -l; echo ${PIPESTATUS[0]}",
    );
    assert_eq!(said, "1\n0\n");
    let run = site.last_run();
    assert!(over(&site.events(&run)));
    let said = bash(&site, "\"$PATCHWAVE\" run play.yml -i inv.yml 2>&1 >/dev/full | tail -1; echo ${PIPESTATUS[0]}");
    insta::assert_snapshot!(said, @r#"
    error: standard output cannot be written: No space left on device (os error 28)
    1
    "#);
}

#[test]
fn a_terminal_that_disappears() {
    let site = Case::hosts(2).steps("  - command: sleep 2\n").site();
    let Some(script) = crate::support::sshd::need("script") else { return };
    let line = format!("{} run play.yml -i inv.yml", env!("CARGO_BIN_EXE_patchwave"));
    let environment = site.command("");
    let mut terminal = Command::new(script)
        .args(["-qfec", &line, "/dev/null"])
        .current_dir(site.folder())
        .env_clear()
        .envs(environment.get_envs().map(|(k, v)| (k.to_owned(), v.unwrap().to_owned())))
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    site.until("a host that works", |events| events.len() > 2);
    // The master side closes with it, so the kernel hangs up the terminal.
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    let run = site.until("the end of the run", over);
    site.run(&format!("show {run}")).ended(0).says(&["2 hosts: 2 ok"]);
}

#[test]
fn streams_that_are_closed_from_the_beginning() {
    let site = Case::hosts(1).play("name: Look\nsteps:\n  - command: \"true\"\n").site();
    let said = bash(&site, "\"$PATCHWAVE\" run play.yml -i inv.yml <&- >&- 2>&-; echo $?");
    assert_eq!(said, "0\n");
    assert!(over(&site.events(&site.last_run())));
}
