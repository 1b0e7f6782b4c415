//! What every transport promises, written against the traits: run here on OpenSSH, and on any other transport by
//! calling [`holds`]. The host must have a POSIX shell.

use std::{sync::Arc, time::Duration};

use patchwave::{
    command::{Command, Effect, Exit},
    demo::{Fleet, FleetSpec},
    inventory::Inventory,
    target::Target,
    transport::{
        Class, NoSink, Session, Sink, Stream, Transport,
        ssh::{SshOptions, SshTransport},
    },
};

use crate::support::sshd::Sshd;

/// Checks everything that a transport promises, on a healthy host.
pub async fn holds(transport: &dyn Transport, target: Arc<Target>) {
    let mut session = transport.connect(Arc::clone(&target)).await.expect("a session");
    exits_are_told(&mut *session).await;
    streams_stay_apart_and_are_bounded(&mut *session).await;
    input_comes_back_whole(&mut *session).await;
    hostile_arguments_arrive_unchanged(&mut *session).await;
    a_late_command_is_sent_and_unknown(&mut *session).await;
    session.close().await;
    // A closed session does not harm another one.
    let mut second = transport.connect(target).await.expect("a second session");
    exits_are_told(&mut *second).await;
    second.close().await;
}

async fn exits_are_told(session: &mut dyn Session) {
    for code in [0, 1, 42, 125, 255] {
        let command = Command::sh("exit", &format!("exit {code}"), [""; 0]);
        let output = session.exec(&command, &mut NoSink).await.expect("it ends");
        assert_eq!(output.exit, Exit::Code(code));
    }
    let output = session.exec(&Command::reads("absent", ["/no/such/program"]), &mut NoSink).await.expect("it ends");
    assert!(matches!(output.exit, Exit::Code(126 | 127)), "{output:?}");
}

/// Remembers everything that is written to it.
#[derive(Default)]
struct All {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Sink for All {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.stdout.extend_from_slice(bytes),
            Stream::Stderr => self.stderr.extend_from_slice(bytes),
        }
    }
}

async fn streams_stay_apart_and_are_bounded(session: &mut dyn Session) {
    let mut command = Command::sh("two-streams", "printf 12345; printf abcde >&2", [""; 0]);
    command.keep = 3;
    let mut all = All::default();
    let output = session.exec(&command, &mut all).await.expect("it ends");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"123"[..], &b"abc"[..]));
    assert_eq!(output.dropped, 4);
    assert_eq!((all.stdout.as_slice(), all.stderr.as_slice()), (&b"12345"[..], &b"abcde"[..]));
}

async fn input_comes_back_whole(session: &mut dyn Session) {
    let input: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let output =
        session.exec(&Command::reads("cat", ["cat"]).stdin(input.clone()), &mut NoSink).await.expect("it ends");
    assert_eq!(output.stdout.len(), input.len());
    assert!(output.stdout == input);
    // Without any input, a reader is at the end at once.
    let output = session.exec(&Command::reads("cat", ["cat"]), &mut NoSink).await.expect("it ends");
    assert_eq!((output.exit, output.stdout.len()), (Exit::Code(0), 0));
    // A command that does not read its input does not block the next one of the session.
    let command = Command::reads("true", ["true"]).stdin(vec![b'x'; 3 << 20]);
    assert!(session.exec(&command, &mut NoSink).await.expect("it ends").success());
}

async fn hostile_arguments_arrive_unchanged(session: &mut dyn Session) {
    let command = Command::reads("printf", ["printf", "%s\\n", "a b", "$(id)", "`id`", "'", "\"", "\\", "*", ""]);
    let output = session.exec(&command, &mut NoSink).await.expect("it ends");
    assert_eq!(output.text(), "a b\n$(id)\n`id`\n'\n\"\n\\\n*\n\n");
    let error = session.exec(&Command::reads("nul", ["a\0b"]), &mut NoSink).await.expect_err("no program can get it");
    assert_eq!((error.sent, error.class), (false, Class::Local));
}

async fn a_late_command_is_sent_and_unknown(session: &mut dyn Session) {
    let command = Command::sh("sleep", "echo begun; exec sleep 30", [""; 0]).timeout(Duration::from_secs(2));
    assert_eq!(command.effect, Effect::Reads);
    let mut all = All::default();
    let error = session.exec(&command, &mut all).await.expect_err("it is too slow");
    assert_eq!((error.sent, error.class), (true, Class::CommandTimeout));
    assert_eq!(all.stdout, b"begun\n");
}

#[tokio::test]
async fn openssh_holds_the_contract() {
    let Some(sshd) = Sshd::start("") else { return };
    holds(&sshd.transport(), sshd.shared_target()).await;
}

#[tokio::test]
async fn the_embedded_fleet_holds_the_contract() {
    let fleet = Fleet::start(FleetSpec::quick(1)).expect("a fleet");
    let inventory = Inventory::from_text("fleet.yml", &fleet.inventory()).expect("an inventory");
    let name = fleet.hosts().next().expect("a host").name().parse().expect("a name");
    let target = inventory.target(&name).expect("a target");
    let transport = SshTransport::new(SshOptions::for_user("nobody", None, None)).expect("a transport");
    holds(&transport, Arc::new(target)).await;
}
