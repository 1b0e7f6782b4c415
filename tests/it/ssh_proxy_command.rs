//! Connections over a program's standard streams: it works, fails with its own message, hangs, and leaves nothing
//! behind.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use patchwave::{
    command::Command,
    target::{Proxy, Target},
    transport::{Class, ConnectError, NoSink, Phase, Transport},
};

use crate::support::sshd::{Sshd, need};

/// Copies bytes between its streams and a TCP connection, and has a child process, which must end with it.
const RELAY: &str = r#"
import os, socket, subprocess, sys, threading
mark = sys.argv[3]
child = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
open(mark, "w").write(f"{os.getpid()} {child.pid}")
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def out():
    while (data := s.recv(65536)):
        sys.stdout.buffer.write(data); sys.stdout.buffer.flush()
threading.Thread(target=out, daemon=True).start()
while (data := os.read(0, 65536)):
    s.sendall(data)
"#;

fn over(sshd: &Sshd, line: &str) -> Target {
    let mut target = sshd.target();
    target.proxy = Some(Proxy::Command(line.to_owned()));
    target.limits.connect = Duration::from_millis(500);
    target.limits.handshake = Duration::from_millis(1000);
    target
}

async fn fails(sshd: &Sshd, line: &str) -> ConnectError {
    let begun = Instant::now();
    let error = sshd.transport().connect(Arc::new(over(sshd, line))).await.err().expect("no session");
    assert!(begun.elapsed() < Duration::from_secs(10), "{error}");
    error
}

/// The process ids in the file, once it exists.
fn noted(mark: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(mark).expect("the program has started");
    text.split_whitespace().map(|pid| pid.parse().expect("a number")).collect()
}

/// True once none of them is running.
async fn gone(pids: &[i32]) -> bool {
    let runs = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The state follows the name. Zombies of other processes do not count as running.
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    };
    for _ in 0..200 {
        if !pids.iter().any(runs) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn a_session_runs_over_it_and_ends_it_with_all_its_kin() {
    let Some(sshd) = Sshd::start("") else { return };
    if need("python3").is_none() {
        return;
    }
    std::fs::write(sshd.path("relay.py"), RELAY).expect("a file");
    let mark = sshd.path("mark");
    let line = format!("python3 {} %h %p {}", sshd.path("relay.py").display(), mark.display());
    let mut target = over(&sshd, &line);
    target.limits.handshake = Duration::from_secs(15);
    let transport = sshd.transport();
    let mut session = transport.connect(Arc::new(target)).await.expect("a session");
    let command = Command::sh("many", "head -c 3000000 /dev/zero | tr '\\0' x; echo done >&2", [""; 0]);
    let output = session.exec(&command.timeout(Duration::from_secs(30)), &mut NoSink).await.expect("an answer");
    assert_eq!(output.stderr, b"done\n");
    let pids = noted(&mark);
    assert_eq!(pids.len(), 2);
    assert!(!gone(&pids[..1]).await, "the program runs while the session is open");
    session.close().await;
    assert!(gone(&pids).await, "{pids:?} still run");
}

#[tokio::test]
async fn ssh_itself_can_be_the_command() {
    let Some(sshd) = Sshd::start("") else { return };
    if need("ssh").is_none() {
        return;
    }
    let _ = sshd.options();
    let line = format!(
        "ssh -F none -i {} -o UserKnownHostsFile={} -p {} -W %h:%p 127.0.0.1",
        sshd.path("user").display(),
        sshd.path("known_hosts").display(),
        sshd.port
    );
    let mut target = over(&sshd, &line);
    target.limits.handshake = Duration::from_secs(15);
    let mut session = sshd.transport().connect(Arc::new(target)).await.expect("a session");
    let command = Command::sh("hello", "echo hello", [""; 0]).timeout(Duration::from_secs(20));
    assert_eq!(session.exec(&command, &mut NoSink).await.expect("an answer").text(), "hello\n");
    session.close().await;
}

#[tokio::test]
async fn a_command_that_fails_is_told_in_its_own_words() {
    let Some(sshd) = Sshd::start("") else { return };
    let error = fails(&sshd, "echo first >&2; echo 'no way to %h' >&2; exit 3").await;
    // The line ends with its first command (`exec`), as with ssh, so this needs a shell.
    assert_eq!((error.phase, error.class), (Phase::Banner, Class::Closed), "{error}");
    let error = fails(&sshd, "sh -c \"echo first >&2; printf 'no way to %%s\\033[31m' %h >&2; exit 3\"").await;
    assert_eq!((error.phase, error.class), (Phase::Banner, Class::Closed));
    assert_eq!(error.message, "web01: ProxyCommand sh ended with exit code 3; it said \"no way to 127.0.0.1[31m\"");

    let error = fails(&sshd, "no-such-program --token=hunter2 %h").await;
    assert_eq!((error.phase, error.class), (Phase::Connect, Class::Local));
    assert!(
        error.message.starts_with("web01: ProxyCommand no-such-program ended with exit code 127; it said"),
        "{error}"
    );
    assert!(!error.message.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_command_that_hangs_is_late_and_does_not_outlive_it() {
    let Some(sshd) = Sshd::start("") else { return };
    let mark = sshd.path("mark");
    let line = format!("sh -c 'sleep 600 & echo $$ $! > {}; echo waiting for the tunnel >&2; wait'", mark.display());
    let error = fails(&sshd, &line).await;
    assert_eq!((error.phase, error.class), (Phase::Banner, Class::TimedOut));
    assert_eq!(
        error.message,
        "web01: no SSH banner from ProxyCommand sh within 1.5 s; it said \"waiting for the tunnel\""
    );
    assert!(gone(&noted(&mark)).await);
}

#[tokio::test]
async fn an_abandoned_attempt_leaves_no_process() {
    let Some(sshd) = Sshd::start("") else { return };
    let mark = sshd.path("mark");
    let line = format!("sh -c 'sleep 600 & echo $$ $! > {}; wait'", mark.display());
    let mut target = over(&sshd, &line);
    target.limits.handshake = Duration::from_secs(60);
    let transport = sshd.transport();
    let attempt = transport.connect(Arc::new(target));
    assert!(tokio::time::timeout(Duration::from_millis(800), attempt).await.is_err());
    assert!(gone(&noted(&mark)).await);
}

#[tokio::test]
async fn a_flood_on_its_standard_error_is_bounded_and_blocks_nothing() {
    let Some(sshd) = Sshd::start("") else { return };
    let error = fails(&sshd, "sh -c 'head -c 20000000 /dev/zero | tr \"\\0\" e >&2; exit 1'").await;
    assert_eq!(error.class, Class::Closed, "{error}");
    assert!(error.message.len() < 400, "{} bytes", error.message.len());
}
