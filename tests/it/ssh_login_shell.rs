//! Login shells over a real sshd: what fish, tcsh, zsh and others make of a command, and how its exit code comes back
//! although another process holds its output open, or the host allows only one session.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use patchwave::{
    command::{Command, Exit},
    target::{Escalation, Method, Target},
    transport::{Class, NoSink, Sink, Stream},
};

use crate::support::sshd::{Sshd, need};

/// A server on which every user has this login shell.
fn with_shell(shell: &Path) -> Option<Sshd> {
    Sshd::start(&format!("ForceCommand exec {} -c \"$SSH_ORIGINAL_COMMAND\"", shell.display()))
}

/// Commands by which root becomes another user without a password.
fn raised(sshd: &Sshd, method: Method, user: &str) -> Target {
    let mut target = sshd.target();
    target.escalation = Escalation { on: true, method, user: Some(user.to_owned()), password: None };
    target
}

#[tokio::test]
async fn every_login_shell_runs_what_it_is_given_and_tells_the_exit_code() {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("NOT RUN: only root may become somebody else without a password");
    }
    for shell in ["bash", "dash", "zsh", "fish", "tcsh"] {
        let Some(sshd) = need(shell).and_then(|shell| with_shell(&shell)) else { continue };
        let mut targets = vec![("", sshd.target())];
        for (program, method) in [("sudo", Method::Sudo), ("su", Method::Su)] {
            if root && need(program).is_some() {
                targets.push(("nobody\n", raised(&sshd, method, "nobody")));
            }
        }
        for (who, target) in targets {
            let mut session = sshd.session(target).await;
            for code in [0, 1, 7] {
                let script = "[ -z \"$1\" ] || id -un\nprintf '%s|' \"$2\" '!\\\n'; cat\nexit $3";
                let command = Command::sh("t", script, [who, "it's\n\\here!", &code.to_string()]);
                let command = command.privileged(!who.is_empty()).stdin("the input");
                let output = session.exec(&command, &mut NoSink).await.unwrap_or_else(|e| panic!("{shell}: {e}"));
                assert_eq!(output.text(), format!("{who}it's\n\\here!|!\\\n|the input"), "{shell}");
                assert_eq!((output.exit, output.stderr.as_slice()), (Exit::Code(code), &b""[..]), "{shell}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_login_shell_does_not_run_was_not_sent_in_its_own_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let loud = folder.path().join("loud");
    // As fish does with a line that it cannot parse: it repeats the line and exits with 0.
    std::fs::write(&loud, "#!/bin/sh\nprintf 'loud: no such thing\\n%s\\n    ^\\n' \"$2\" >&2\n").expect("a shell");
    std::fs::set_permissions(&loud, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    let shells =
        [(need("rbash"), "restricted"), (need("nologin"), "not available"), (Some(loud), "loud: no such thing")];
    for (shell, words) in shells {
        let Some(sshd) = shell.as_deref().and_then(with_shell) else { continue };
        let mark = sshd.path("ran");
        for target in [sshd.target(), raised(&sshd, Method::Sudo, "nobody")] {
            let mut session = sshd.session(target.clone()).await;
            let command = Command::changes("touch", ["touch", mark.to_str().expect("a path")]);
            let command = command.privileged(target.escalation.on);
            let error = session.exec(&command, &mut NoSink).await.expect_err("it ran nothing");
            assert_eq!((error.sent, error.class), (false, Class::LoginShell), "{error}");
            assert!(error.message.ends_with(words) || error.message.contains(words), "{error}");
            assert!(!error.message.contains("sudo") && !mark.exists(), "{error}");
        }
    }
}

#[tokio::test]
async fn nothing_is_run_for_whom_standard_error_is_standard_output() {
    let Some(sshd) = Sshd::start("ForceCommand exec 2>&1; exec sh -c \"$SSH_ORIGINAL_COMMAND\"") else { return };
    let mark = sshd.path("ran");
    for target in [sshd.target(), raised(&sshd, Method::Sudo, "nobody")] {
        let mut session = sshd.session(target.clone()).await;
        let command = Command::changes("touch", ["touch", mark.to_str().expect("a path")]);
        let begun = Instant::now();
        let error = session.exec(&command.privileged(target.escalation.on), &mut NoSink).await.expect_err("refused");
        assert_eq!((error.sent, error.class), (false, Class::LoginShell), "{error}");
        assert!(error.message.contains("redirects standard output or standard error"), "{error}");
        assert!(error.help.is_some_and(|help| help.contains("exec 2>&1")) && !mark.exists());
        assert!(begun.elapsed() < Duration::from_secs(10), "it did not wait for sudo");
    }
}

/// Counts, as slowly as a slow reader.
struct Slow(usize);

impl Sink for Slow {
    fn write(&mut self, _: Stream, bytes: &[u8]) {
        self.0 += bytes.len();
        std::thread::sleep(Duration::from_millis(4));
    }
}

#[tokio::test]
async fn an_exit_code_is_not_hidden_by_who_holds_the_output_open() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = sshd.session(sshd.target()).await;
    for (left_behind, most) in [("sleep 30", 20), ("while sleep 0.1; do echo I live; done", 20)] {
        let script = format!("({left_behind}) & echo $!; echo said; exit 3");
        let mut command = Command::sh("leaves", &script, [""; 0]);
        command.timeout = Duration::from_secs(25);
        let begun = Instant::now();
        let output = session.exec(&command, &mut NoSink).await.unwrap_or_else(|e| panic!("{left_behind}: {e}"));
        let (pid, rest) = output.text().split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a pid");
        let _ = session.exec(&Command::sh("kill", "kill $1; pkill -P $1", [pid]), &mut NoSink).await;
        assert_eq!(output.exit, Exit::Code(3), "{left_behind}");
        assert!(rest.starts_with("said\n"), "{rest:?}");
        assert!(begun.elapsed() < Duration::from_secs(most), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn output_that_comes_late_is_whole_for_a_slow_reader() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = sshd.session(sshd.target()).await;
    // Enough for several windows of the channel; the sleeping process keeps the channel open.
    let script = "sleep 20 & head -c 12582912 /dev/zero; exit 5";
    let mut count = Slow(0);
    let output = session.exec(&Command::sh("much", script, [""; 0]), &mut count).await.expect("it ends");
    assert_eq!((output.exit, count.0), (Exit::Code(5), 12 << 20));
}

#[tokio::test]
async fn one_session_at_a_time_is_enough() {
    let Some(sshd) = Sshd::start("MaxSessions 1") else { return };
    let mut session = sshd.session(sshd.target()).await;
    for n in 0..20 {
        let command = Command::sh("t", "cat; exit $1", [n.to_string()]).stdin("the input");
        let output = session.exec(&command, &mut NoSink).await.unwrap_or_else(|error| panic!("command {n}: {error}"));
        assert_eq!((output.exit, output.stdout.as_slice()), (Exit::Code(n), &b"the input"[..]));
    }
    let leaves = Command::sh("leaves", "sleep 5 & exit 0", [""; 0]);
    for _ in 0..2 {
        assert!(session.exec(&leaves, &mut NoSink).await.expect("it ends").success());
    }
}

#[tokio::test]
async fn a_host_without_sessions_names_the_setting() {
    let Some(sshd) = Sshd::start("MaxSessions 0") else { return };
    let mut session = sshd.session(sshd.target()).await;
    let error = session.exec(&Command::reads("true", ["true"]), &mut NoSink).await.expect_err("refused");
    assert_eq!((error.sent, error.class), (false, Class::Protocol), "{error}");
    assert!(error.help.is_some_and(|help| help.contains("MaxSessions")));
}
