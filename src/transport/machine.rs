//! Which machine a link talks to: the first that answers, or the one that the ledger names, and no other later.

use super::{Class, ConnectError, NoSink, Phase, Session};
use crate::{
    command::{Command, Query, printable},
    event::Machine,
};

const ASK: &str = r#"r=${PATCHWAVE_ROOT-}
cat "$r/etc/machine-id" 2>/dev/null || cat "$r/var/lib/dbus/machine-id" 2>/dev/null || echo none"#;

/// What a link knows about its machine.
#[derive(Debug, Default)]
pub(super) struct Known {
    machine: Machine,
    /// Whether an earlier controller saw it; then everything that was recorded is compared.
    expected: bool,
    /// Whether it was asked for its id.
    asked: bool,
    /// Whether something is known that has not been recorded yet.
    news: bool,
}

/// Asks the host for its machine id; not every host has one.
pub(super) fn id() -> Query<Option<String>> {
    Query::new(Command::sh("machine-id", ASK, [""; 0]), |output| {
        Ok(output.text().lines().rev().find_map(|line| Machine::id_of(&printable(line))))
    })
}

impl Known {
    /// The machine that an earlier controller saw.
    pub(super) fn stay_on(&mut self, machine: Machine) {
        *self = Self { machine, expected: true, ..Self::default() };
    }

    /// Whether the machine id has not been asked for yet. A transport without host keys cannot tell machines apart.
    pub(super) fn wants_id(&self) -> bool {
        self.machine.key.is_some() && self.machine.id.is_none() && !self.asked
    }

    /// Adds the id that the machine reported, if it has one.
    pub(super) fn learn_id(&mut self, id: Option<String>) {
        self.asked = true;
        self.news |= id.is_some();
        self.machine.id = id;
    }

    /// What is known, if there is anything new since the last call.
    pub(super) fn take_news(&mut self) -> Option<Machine> {
        std::mem::take(&mut self.news).then(|| self.machine.clone())
    }

    /// Accepts a new session if it leads to the same machine as the earlier ones.
    pub(super) async fn check(&mut self, session: &mut dyn Session, address: &str) -> Result<(), ConnectError> {
        let mut seen = Machine { key: session.host_key(), id: None };
        if self.expected && self.machine.id.is_some() && self.machine.may_be(&seen) {
            // Cloned machines may share a host key. A host that cannot report its id now is identified by its key.
            let query = id();
            let answer = session.exec(&query.command, &mut NoSink).await;
            seen.id = answer.ok().and_then(|output| query.read(&output).ok()).flatten();
        }
        if !self.machine.may_be(&seen) {
            return Err(other(address, &self.machine, &seen));
        }
        if self.machine.key.is_none() && seen.key.is_some() {
            self.machine.key = seen.key;
            self.news = true;
        }
        Ok(())
    }
}

fn other(address: &str, began: &Machine, seen: &Machine) -> ConnectError {
    ConnectError {
        phase: Phase::HostKey,
        class: Class::OtherMachine,
        message: format!("another machine answers at {address}: {seen}; this host's steps started on {began}"),
        help: Some(
            "nothing was sent to it. Check the machine on which the steps started: a job may still be running there, \
             and it keeps its lease. If it is the same machine, reinstalled or with a new host key, check how far it \
             got; then run again with --limit @unknown"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;

    use super::*;
    use crate::{
        command::{Exit, Output},
        transport::{ExecError, Sink},
    };

    /// A session that shows this key; its machine id is `None` for a connection that breaks.
    struct Shown(&'static str, Option<&'static str>);

    impl Session for Shown {
        fn exec<'a>(
            &'a mut self,
            command: &'a Command,
            _: &'a mut dyn Sink,
        ) -> BoxFuture<'a, Result<Output, ExecError>> {
            assert_eq!(command.label, "machine-id");
            let lost = ExecError { sent: true, class: Class::Lost, message: String::new(), help: None };
            let output = |id: &str| Output {
                exit: Exit::Code(0),
                stdout: format!("welcome\n{id}\n").into_bytes(),
                stderr: Vec::new(),
                dropped: 0,
            };
            let answer = self.1.map(output).ok_or(lost);
            Box::pin(async { answer })
        }

        fn host_key(&self) -> Option<String> {
            (!self.0.is_empty()).then(|| self.0.to_owned())
        }

        fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
            Box::pin(async {})
        }
    }

    const ONE: &str = "11111111111111111111111111111111";
    const TWO: &str = "22222222222222222222222222222222";

    async fn passes(known: &mut Known, mut session: Shown) -> bool {
        match known.check(&mut session, "10.0.0.1").await {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.class, Class::OtherMachine);
                assert!(error.message.starts_with("another machine answers at 10.0.0.1: "), "{}", error.message);
                false
            }
        }
    }

    #[tokio::test]
    async fn a_walk_stays_on_the_machine_that_answered_first() {
        let mut known = Known::default();
        assert!(!known.wants_id(), "no session yet");
        assert!(passes(&mut known, Shown("a", None)).await);
        assert!(known.wants_id());
        known.learn_id(Machine::id_of(ONE));
        let machine = Machine { key: Some("a".to_owned()), id: Machine::id_of(ONE) };
        assert_eq!((known.take_news(), known.take_news(), known.wants_id()), (Some(machine), None, false));
        // A new connection costs no further command; it shows its key by itself.
        assert!(passes(&mut known, Shown("a", None)).await);
        assert!(!passes(&mut known, Shown("b", None)).await);
        assert!(passes(&mut known, Shown("a", None)).await, "the first one is still the one");
    }

    #[tokio::test]
    async fn a_resumed_walk_compares_all_that_the_ledger_knows() {
        for (key, id, shown, passes_through) in [
            (Some("a"), Some(ONE), Shown("a", Some(ONE)), true),
            // A copy with the same key.
            (Some("a"), Some(ONE), Shown("a", Some(TWO)), false),
            (Some("a"), Some(ONE), Shown("b", Some(ONE)), false),
            // One that cannot report its id just now is identified by its key.
            (Some("a"), Some(ONE), Shown("a", None), true),
            (Some("a"), Some(ONE), Shown("a", Some("none")), true),
            (Some("a"), None, Shown("a", Some(TWO)), true),
            (Some("a"), None, Shown("b", Some(ONE)), false),
        ] {
            let mut known = Known::default();
            known.stay_on(Machine { key: key.map(str::to_owned), id: id.and_then(Machine::id_of) });
            let what = format!("{key:?} {id:?}, {} {:?}", shown.0, shown.1);
            assert_eq!(passes(&mut known, shown).await, passes_through, "{what}");
        }
    }

    #[tokio::test]
    async fn a_transport_without_keys_tells_nothing_apart() {
        let mut known = Known::default();
        assert!(passes(&mut known, Shown("", None)).await && passes(&mut known, Shown("", None)).await);
        assert_eq!((known.wants_id(), known.take_news()), (false, None));
    }
}
