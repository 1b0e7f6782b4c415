//! Commands over a real sshd: big output, lost connections, silent peers, raised rights.

use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use patchwave::{
    command::{Command, Exit},
    target::{Escalation, Method, Target},
    transport::{Class, NoSink, Sink, Stream},
};
use rustix::process::Signal;
use secrecy::SecretString;

use crate::support::sshd::{Sshd, signal};

/// Counts bytes, and can keep two streams apart.
#[derive(Default)]
struct Count {
    stdout: usize,
    stderr: usize,
}

impl Sink for Count {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.stdout += bytes.len(),
            Stream::Stderr => self.stderr += bytes.len(),
        }
    }
}

#[tokio::test]
async fn floods_on_both_streams_arrive_whole() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = sshd.session(sshd.target()).await;
    let script = "(head -c 8388608 /dev/zero >&2) & head -c 8388608 /dev/zero; wait";
    let mut command = Command::sh("flood", script, [""; 0]);
    command.keep = 1000;
    let mut count = Count::default();
    let output = session.exec(&command, &mut count).await.expect("it ends");
    assert_eq!((count.stdout, count.stderr), (8 << 20, 8 << 20));
    assert_eq!((output.stdout.len(), output.stderr.len()), (1000, 1000));
    assert_eq!(output.dropped, 2 * ((8 << 20) - 1000));
}

#[tokio::test]
async fn much_input_comes_back_through_cat() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = sshd.session(sshd.target()).await;
    let input: Vec<u8> = (0..5 << 20).map(|n: u32| (n % 253) as u8).collect();
    let mut command = Command::reads("cat", ["cat"]).stdin(input.clone());
    command.keep = 8 << 20;
    let output = session.exec(&command, &mut NoSink).await.expect("it ends");
    assert!(output.stdout == input, "{} bytes came back", output.stdout.len());
}

#[tokio::test]
async fn a_signal_is_told_by_its_name() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = sshd.session(sshd.target()).await;
    for name in ["KILL", "TERM", "SEGV"] {
        let command = Command::sh("suicide", &format!("kill -{name} $$"), [""; 0]);
        let output = session.exec(&command, &mut NoSink).await.expect("it ends");
        assert_eq!(output.exit, Exit::Signal(name.to_owned()));
    }
}

#[tokio::test]
async fn a_command_whose_connection_dies_is_lost_and_was_sent() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut session = sshd.session(sshd.target()).await;
    let command = Command::reads("sleep", ["sleep", "30"]);
    let kill = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        sshd.session_pids().into_iter().for_each(|pid| signal(pid, Signal::KILL));
    };
    let mut sink = NoSink;
    let (result, ()) = tokio::join!(session.exec(&command, &mut sink), kill);
    let error = result.expect_err("lost");
    assert_eq!((error.sent, error.class), (true, Class::Lost), "{error}");
    // Later commands on this session were never sent.
    let error = session.exec(&command, &mut NoSink).await.expect_err("lost");
    assert_eq!((error.sent, error.class), (false, Class::Lost), "{error}");
    session.close().await;
}

#[tokio::test]
async fn a_peer_that_stands_still_is_found_by_keepalives() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut target = sshd.target();
    target.limits.silence = Duration::from_secs(2);
    let mut session = sshd.session(target).await;
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        sshd.session_pids().into_iter().for_each(|pid| signal(pid, Signal::STOP));
        Instant::now()
    };
    let command = Command::reads("sleep", ["sleep", "30"]);
    let mut sink = NoSink;
    let (result, stopped) = tokio::join!(session.exec(&command, &mut sink), stop);
    let error = result.expect_err("lost");
    assert_eq!((error.sent, error.class), (true, Class::Lost), "{error}");
    assert!(error.message.ends_with("no sign of life for 2 s"), "{error}");
    assert!(stopped.elapsed() < Duration::from_secs(15));
    let begun = Instant::now();
    session.close().await;
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_silent_command_is_not_taken_for_a_dead_peer() {
    let Some(sshd) = Sshd::start("") else { return };
    let mut target = sshd.target();
    target.limits.silence = Duration::from_secs(1);
    let mut session = sshd.session(target).await;
    let output = session.exec(&Command::reads("sleep", ["sleep", "4"]), &mut NoSink).await.expect("it ends");
    assert!(output.success());
}

#[tokio::test]
async fn closing_a_dead_session_is_quick() {
    let Some(sshd) = Sshd::start("") else { return };
    let session = sshd.session(sshd.target()).await;
    sshd.session_pids().into_iter().for_each(|pid| signal(pid, Signal::STOP));
    let begun = Instant::now();
    session.close().await;
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// What `sudo -S` does, as far as it can be seen from outside; the password is "pass".
const SUDO: &str = r#"#!/bin/sh
prompt= ask=yes user=root
while [ $# -gt 0 ]; do
  case $1 in
    -H|-S) shift ;;
    -n) ask=no; shift ;;
    -p) prompt=$2; shift 2 ;;
    -u) user=$2; shift 2 ;;
    --) shift; break ;;
    *) echo "usage: $1" >&2; exit 1 ;;
  esac
done
mode=$(cat "${0%/*}/../sudo-mode")
case $mode in
  password)
    [ $ask = yes ] || { echo "sudo: a password is required" >&2; exit 1; }
    tries=0
    printf '\nWe trust you have received the usual lecture.\n\n' >&2
    while :; do
      printf "$prompt" >&2
      IFS= read -r answer || { echo "sudo: no password was provided" >&2; exit 1; }
      echo >&2
      [ "$answer" = pass ] && break
      tries=$((tries + 1))
      [ $tries -ge 3 ] && { echo "sudo: 3 incorrect password attempts" >&2; exit 1; }
      echo "Sorry, try again." >&2
    done ;;
  denied) echo "$(id -un) is not in the sudoers file." >&2; exit 1 ;;
  slow) sleep 3 ;;
  free) ;;
esac
RAISED=$user; export RAISED
exec "$@"
"#;

/// A server whose sessions find the fake sudo first, in this mode.
fn with_sudo(mode: &str) -> Option<Sshd> {
    let bin = tempfile::tempdir().expect("a temporary folder").keep();
    let sshd = Sshd::start(&format!("SetEnv PATCHWAVE_ROOT={}", bin.display()));
    let root = bin.as_path();
    std::fs::create_dir(root.join("bin")).expect("bin");
    std::fs::write(root.join("bin/sudo"), SUDO).expect("sudo");
    std::fs::set_permissions(root.join("bin/sudo"), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    std::fs::write(root.join("sudo-mode"), mode).expect("mode");
    let mut sshd = sshd?;
    sshd.also(bin);
    Some(sshd)
}

fn raised(sshd: &Sshd, password: Option<&str>) -> Target {
    let mut target = sshd.target();
    let password = password.map(|p| SecretString::from(p.to_owned()));
    // Not the user who runs the tests: root needs no sudo to become root.
    target.escalation = Escalation { on: true, method: Method::Sudo, user: Some("operator".to_owned()), password };
    target.limits.escalate = Duration::from_secs(2);
    target
}

fn privileged() -> Command {
    let input = (0..100_000u32).map(|n| b'a' + (n % 26) as u8).collect::<Vec<u8>>();
    Command::sh("count", "wc -c; echo \"$RAISED\"; echo to-stderr >&2; exit 3", [""; 0]).privileged(true).stdin(input)
}

#[tokio::test]
async fn sudo_raises_with_and_without_a_password() {
    for (mode, password) in [("free", None), ("free", Some("pass")), ("password", Some("pass"))] {
        let Some(sshd) = with_sudo(mode) else { return };
        let mut session = sshd.session(raised(&sshd, password)).await;
        for _ in 0..2 {
            let output = session.exec(&privileged(), &mut NoSink).await.unwrap_or_else(|e| panic!("{mode}: {e}"));
            assert_eq!(output.exit, Exit::Code(3));
            // The command got exactly its input; the exchange with sudo is not in its output.
            assert_eq!(output.text(), "100000\noperator\n");
            assert_eq!(output.stderr, b"to-stderr\n");
        }
    }
}

#[tokio::test]
async fn a_sudo_that_refuses_is_told_and_the_command_was_not_sent() {
    for (mode, password, part) in [
        ("password", None, "a password is required"),
        ("password", Some("wrong"), "did not accept the password"),
        ("denied", None, "is not in the sudoers file"),
        ("slow", None, "within 2 s"),
    ] {
        let Some(sshd) = with_sudo(mode) else { return };
        let mut session = sshd.session(raised(&sshd, password)).await;
        let mark = sshd.path("ran");
        let command = Command::changes("touch", ["touch", mark.to_str().expect("a path")]).privileged(true);
        let error = session.exec(&command, &mut NoSink).await.expect_err("refused");
        assert_eq!((error.sent, error.class), (false, Class::Escalation), "{mode}: {error}");
        assert!(error.message.contains(part), "{mode}: {error}");
        assert!(error.help.is_some());
        // However late sudo wakes up, the command does not run.
        tokio::time::sleep(Duration::from_secs(if mode == "slow" { 3 } else { 0 })).await;
        assert!(!mark.exists(), "{mode}");
    }
}

#[tokio::test]
async fn nothing_is_raised_for_whom_it_is_already() {
    let Some(sshd) = with_sudo("denied") else { return };
    let mut target = raised(&sshd, None);
    target.escalation.user = Some(crate::support::sshd::me());
    let mut session = sshd.session(target).await;
    assert_eq!(session.exec(&privileged(), &mut NoSink).await.expect("it ends").exit, Exit::Code(3));
}

/// The real programs, as root may use them: to become another user, without a password.
#[tokio::test]
async fn the_real_programs_lead_to_other_users() {
    let Some(sshd) = Sshd::start("") else { return };
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT RUN: only root may become somebody else without a password");
        return;
    }
    for (program, method) in [("sudo", Method::Sudo), ("su", Method::Su)] {
        if crate::support::sshd::need(program).is_none() {
            continue;
        }
        let mut target = sshd.target();
        target.escalation = Escalation { on: true, method, user: Some("nobody".to_owned()), password: None };
        let mut session = sshd.session(target).await;
        let command = Command::sh("who", "id -un; cat; exit 4", [""; 0]).privileged(true).stdin("the input");
        let output = session.exec(&command, &mut NoSink).await.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert_eq!((output.exit, output.stdout.as_slice()), (Exit::Code(4), &b"nobody\nthe input"[..]), "{program}");
    }
    // A user that does not exist.
    let mut target = sshd.target();
    target.escalation =
        Escalation { on: true, method: Method::Su, user: Some("no-such-user".to_owned()), password: None };
    let mut session = sshd.session(target).await;
    let command = Command::reads("true", ["true"]).privileged(true);
    let error = session.exec(&command, &mut NoSink).await.expect_err("nobody is called so");
    assert_eq!((error.sent, error.class), (false, Class::Escalation), "{error}");
    assert!(error.message.contains("no-such-user"), "{error}");
}
