//! `demo`: the story that a newcomer sees, told by the real program.

use std::time::{Duration, Instant};

use crate::support::{cli::Desk, sshd::need, terminal::Terminal, tmux::Tmux};

#[test]
fn it_shows_the_canary_the_waves_the_halt_and_the_rerun() {
    let desk = Desk::empty();
    let temporary = desk.folder().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    // About six seconds on an idle machine; benches/installed.sh measures the whole demo.
    let began = Instant::now();
    let mut command = desk.command("demo --hosts 8");
    let output = command.env("TMPDIR", &temporary).output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(180), "{:?}", began.elapsed());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    for text in [
        "SIMULATED",
        "(canary): 1 host",
        "wave 2 of",
        "halted: 1 host",
        "--limit @unfinished",
        "Every simulated host is patched",
    ] {
        assert!(err.contains(text), "{text}\n{err}");
    }
    for text in ["1 failed", "not started", "4 hosts: 4 ok"] {
        assert!(out.contains(text), "{text}\n{out}");
    }
    // Lines with a time are for logs.
    let logged = |line: &str| line.starts_with(|c: char| c.is_ascii_digit()) || line.starts_with("         ");
    let page = err.lines().filter(|line| !logged(line));
    for line in out.lines().chain(page) {
        assert!(console::measure_text_width(line) <= 80, "wider than 80 columns: {line}");
    }
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    assert!(!desk.folder().join("state").exists(), "the demo keeps its ledger to itself");
    let typed = commands(&format!("{out}\n{err}"));
    assert_eq!(typed, ["init patching"], "no command into a folder that is gone:\n{out}\n{err}");
    assert_eq!(err.lines().last(), Some("patchwave init patching"));
    desk.run(&typed[0]).ended(0);
    assert!(!err.contains(&temporary.display().to_string()), "{err}");
}

/// The printed patchwave commands that can be typed as they are, without the program name. A command with a word to
/// fill in (`PLAYBOOK`) is not one of them.
fn commands(text: &str) -> Vec<String> {
    text.lines()
        .flat_map(|line| line.match_indices("patchwave ").map(move |(at, word)| &line[at + word.len()..]))
        .map(|rest| rest.split(['`', '#']).next().unwrap().trim().to_owned())
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '-'))
        .filter(|rest| !rest.split(' ').any(|word| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase())))
        .collect()
}

#[test]
fn what_it_prints_can_be_typed_when_its_record_is_kept() {
    let desk = Desk::empty();
    let temporary = desk.folder().join("kept");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = desk.command("demo --hosts 1 --keep");
    command.env("TMPDIR", &temporary);
    let said = desk.started(command).end().ended(0);
    let printed = commands(&format!("{}\n{}", said.out, said.err));
    assert_eq!(printed.len(), 2, "{}", said.page());
    for line in &printed {
        desk.run(line).ended(0).says(&["Rolling patch"]);
    }
    let last = said.err.lines().last().unwrap();
    assert_eq!(last.strip_prefix("patchwave "), Some(printed[1].as_str()), "the last line is a command");
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().map(|entry| entry.path()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let kept: Vec<_> = std::fs::read_dir(&left[0]).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(kept, ["project"], "keys and hosts are gone");
}

#[test]
fn whoever_stops_it_is_told_so_and_nothing_is_left() {
    use rustix::process::Signal;
    let stopped = |signals: &[Signal]| {
        let desk = Desk::empty();
        let temporary = desk.folder().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let mut command = desk.command("demo --hosts 8");
        command.env("TMPDIR", &temporary);
        let running = desk.started(command);
        let until = Instant::now() + Duration::from_secs(120);
        let begun = || {
            let fleet = std::fs::read_dir(&temporary).unwrap().flatten().next()?.path();
            let line = format!("--state-dir {} runs --json", fleet.join("project/state").display());
            desk.run(&line).out.starts_with('{').then_some(())
        };
        while begun().is_none() {
            assert!(Instant::now() < until, "it does not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        for signal in signals {
            running.signal(*signal);
            std::thread::sleep(Duration::from_millis(300));
        }
        let said = running.end();
        let page = said.page();
        // 6: the host that fails had failed before the signal came.
        assert!([4, 6, 7].contains(&said.code), "{page}");
        assert!(page.contains("The demo was stopped") && !page.contains("error:"), "{page}");
        assert!(!page.contains("should have") && !page.contains("Every simulated host"), "{page}");
        assert_eq!(commands(&page), [""; 0], "{page}");
        let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    };
    std::thread::scope(|scope| {
        for signals in [&[Signal::INT][..], &[Signal::INT, Signal::INT], &[Signal::TERM]] {
            scope.spawn(move || stopped(signals));
        }
    });
}

#[test]
fn at_a_terminal_it_asks_whether_its_record_is_kept() {
    let desk = Desk::empty();
    for (answer, kept) in [("yes", 1), ("no", 0)] {
        let temporary = desk.folder().join(answer);
        std::fs::create_dir(&temporary).unwrap();
        let mut outer = std::process::Command::new("env");
        outer.args(["-u", "SSH_AUTH_SOCK"]).env("TMPDIR", &temporary).env("HOME", desk.folder());
        let line = format!("{} demo --hosts 1", env!("CARGO_BIN_EXE_patchwave"));
        let mut terminal = Terminal::start(outer, 100, &line);
        terminal.answer(0, "Keep the record of these runs, to look around in it? Type yes: ", answer);
        let (code, text) = terminal.end();
        assert_eq!(code, 0, "{text}");
        assert_eq!(text.contains("The record of these runs is kept"), kept == 1, "{text}");
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), kept, "{text}");
    }
}

#[test]
fn at_80_columns_its_guide_is_whole_and_ends_with_what_to_type() {
    if need("tmux").is_none() {
        return;
    }
    let desk = Desk::empty();
    // `cat` keeps the terminal open.
    let line = format!("TMPDIR={} sh -c 'patchwave demo --hosts 1; cat'", desk.folder().display());
    let terminal = Tmux::start(80, 40, &desk.folder(), &line);
    terminal.until("Type yes:");
    terminal.keys(&["no", "Enter"]);
    let screen = terminal.until("patchwave init patching");
    let all = console::strip_ansi_codes(&terminal.coloured()).into_owned();
    for guide in [
        "1 host on 127.0.0.1, all of them SIMULATED.",
        "Nothing is installed, nothing needs root. The hosts are gone when the demo ends.",
        "What `patchwave run PLAYBOOK -i INVENTORY --yes` does:",
        "Now an operator repairs openssl there (simulated), and runs the playbook again",
        "with --limit @unfinished: on that host and on those that were not started.",
        "What `patchwave run PLAYBOOK -i INVENTORY --yes --limit @unfinished` does:",
        "To start with your own hosts, make a project in a new folder:",
    ] {
        assert!(all.lines().any(|line| line.trim_end() == guide), "{guide}\n{all}");
    }
    let last = screen.lines().map(str::trim_end).rfind(|line| !line.is_empty());
    assert_eq!(last, Some("patchwave init patching"), "{screen}");
    for word in ["post-installation", "half-configured", "web01.prod.example.com"] {
        let (front, _) = word.split_at(word.len() - 2);
        let broken = |line: &&str| (4..=front.len()).any(|n| line.trim_end().ends_with(&format!(" {}", &word[..n])));
        assert_eq!(all.lines().find(broken), None, "{word} is broken\n{all}");
    }
}

#[test]
fn it_is_a_demo_with_one_host_and_in_json() {
    let desk = Desk::empty();
    let said = desk.really("demo --hosts 1 --json").ended(0);
    for line in said.out.lines() {
        assert!(serde_json::from_str::<patchwave::event::Event>(line).is_ok(), "{line}");
    }
}
