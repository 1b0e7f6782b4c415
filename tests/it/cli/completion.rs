//! Completion, typed into real shells on a real terminal.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use patchwave::demo::Fault;

use crate::support::{case::Case, sshd::need};

const LIMIT: Duration = Duration::from_secs(30);

/// A shell on a terminal of its own, ended with it.
struct Typed {
    socket: String,
}

impl Typed {
    /// Starts `shell`, with this program in its PATH, and gives it the lines of its start-up file.
    fn new(shell: &str, start: &str, folder: &Path) -> Self {
        let typed = Self { socket: format!("patchwave-{}-{}", std::process::id(), shell.split(' ').next().unwrap()) };
        let program = Path::new(env!("CARGO_BIN_EXE_patchwave")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let state = folder.join("state");
        let line = format!(
            "env -u TMUX PATH='{path}' HOME='{0}' PATCHWAVE_STATE_DIR='{1}' PS1='> ' {shell}",
            folder.display(),
            state.display()
        );
        typed.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "120",
            "-y",
            "40",
            "-c",
            &folder.display().to_string(),
            &line,
        ]);
        typed.keys(&[start, "Enter"]);
        typed.keys(&["clear; echo read''y", "Enter"]);
        typed.until("ready");
        typed
    }

    fn tmux(&self, words: &[&str]) -> String {
        let done = Command::new("tmux").arg("-L").arg(&self.socket).args(words).output().unwrap();
        assert!(done.status.success(), "tmux {words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Waits until the screen has this text.
    #[track_caller]
    fn until(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if screen.contains(text) {
                return screen;
            }
            assert!(began.elapsed() < LIMIT, "never on the screen: {text}\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What a line becomes with the Tab key; the line is then left.
    #[track_caller]
    fn completes(&self, begun: &str, expected: &str) {
        self.keys(&["-l", begun]);
        self.keys(&["Tab"]);
        self.until(expected);
        self.keys(&["C-c"]);
        self.keys(&["clear", "Enter"]);
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}

#[test]
fn hosts_groups_runs_and_outcomes_are_completed_in_real_shells() {
    let broken = Fault::PostinstFails { package: "openssl".into() };
    let site = Case::hosts(3).broken("web002.test", broken).site();
    site.run("run play.yml -i inv.yml").ended(6);
    let run = site.last_run();
    let (front, end) = run.rsplit_once('-').unwrap();
    for (shell, start) in [
        ("bash --norc --noprofile -i", "source <(patchwave completions bash)"),
        ("zsh -f -i", "autoload -Uz compinit; compinit -u -D; source <(patchwave completions zsh)"),
        ("fish --no-config -i", "patchwave completions fish | source"),
    ] {
        let name = shell.split(' ').next().unwrap();
        if need("tmux").is_none() || need(name).is_none() {
            continue;
        }
        let typed = Typed::new(shell, start, &site.folder());
        typed.completes("patchwave exec -i inv.yml web003", "patchwave exec -i inv.yml web003.test");
        typed.completes(
            "patchwave run play.yml -i inv.yml --limit web002.test,web003",
            "--limit web002.test,web003.test",
        );
        typed.completes("patchwave run play.yml -i inv.yml --limit @fai", "--limit @failed");
        typed.completes(&format!("patchwave show {}", &front[..12]), &format!("patchwave show {run}"));
        typed.completes("patchwave log web002", "patchwave log web002.test");
        typed.completes("patchwave run play.yml --ignore-w", "--ignore-window");
        // As a file that a package installs: zsh loads it at the first Tab.
        if name == "zsh" {
            let file = site.run("completions zsh").ended(0).out;
            site.write("functions/_patchwave", &file);
            drop(typed);
            let fresh = "fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -D";
            let typed = Typed::new(shell, fresh, &site.folder());
            typed.completes("patchwave exec -i inv.yml web003", "patchwave exec -i inv.yml web003.test");
            continue;
        }
        // A run is known by the letters at its end as well; other shells only take what begins like the word.
        if name == "fish" {
            typed.completes(&format!("patchwave status {end}"), &format!("patchwave status {run}"));
        }
    }
}

#[test]
fn what_cannot_be_read_gives_no_names_and_no_message() {
    let site = Case::hosts(1).site();
    site.write("broken.yml", "all: [");
    site.write("nodir/x", "");
    let asks = |line: &str| {
        let mut command = site.command(&format!("-- {line}"));
        command.env("PATCHWAVE_COMPLETE", "fish");
        let said = site.started(command).end().ended(0);
        assert_eq!(said.err, "", "{line}");
        said.out
    };
    assert!(asks("patchwave exec -i inv.yml web").contains("web001.test"));
    assert!(asks("patchwave exec -i inv.yml ''").contains("all\tgroup"));
    for line in ["patchwave exec -i broken.yml web", "patchwave exec -i missing.yml web", "patchwave exec web"] {
        assert_eq!(asks(line), "", "{line}");
    }
    assert_eq!(asks("patchwave show 2026"), "", "there is no ledger");
    assert!(!site.folder().join("state/ledger.db").exists(), "completion made a ledger");
    // A program that is an inventory is not started by the Tab key.
    let program = site.program("inv.sh", "#!/bin/sh\ntouch started\necho '{}'\n");
    assert_eq!(asks(&format!("patchwave exec -i {} web", program.display())), "");
    assert!(!site.folder().join("started").exists());
    // Neither is a device read: it could take what the person types next.
    for device in ["/dev/stdin", "/dev/tty", "/dev/zero"] {
        assert_eq!(asks(&format!("patchwave exec -i {device} web")), "");
    }
    assert!(asks("patchwave run ''").contains("play.yml"));
    // A variable that somebody has exported does not turn commands into questions.
    let mut command = site.command("inventory hosts -i inv.yml");
    command.env("PATCHWAVE_COMPLETE", "fish");
    site.started(command).end().ended(0).prints("web001.test\n");
}
