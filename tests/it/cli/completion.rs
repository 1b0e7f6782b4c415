//! Completion, typed into real shells on a real terminal.

use std::path::Path;

use patchwave::demo::Fault;

use crate::support::{case::Case, sshd::need, tmux::Tmux};

/// A shell on a terminal of its own, ended with it.
struct Typed(Tmux);

impl Typed {
    /// Starts `shell`, with this program in its PATH, and gives it the lines of its start-up file.
    fn new(shell: &str, start: &str, folder: &Path) -> Self {
        let state = folder.join("state");
        let line = format!("PATCHWAVE_STATE_DIR='{}' PS1='> ' {shell}", state.display());
        let tmux = Tmux::start(120, 40, folder, &line);
        tmux.keys(&[start, "Enter"]);
        tmux.keys(&["clear; echo read''y", "Enter"]);
        tmux.until("ready");
        Self(tmux)
    }

    /// What a line becomes with the Tab key; the line is then left.
    #[track_caller]
    fn completes(&self, begun: &str, expected: &str) {
        self.0.keys(&["-l", begun]);
        self.0.keys(&["Tab"]);
        self.0.until(expected);
        self.0.keys(&["C-c"]);
        self.0.keys(&["clear", "Enter"]);
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
        typed.completes("patchwave rehearse play.yml -i inv.yml --lose web003", "--lose web003.test");
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
