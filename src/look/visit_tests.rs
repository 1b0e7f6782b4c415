use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;

use super::*;
use crate::{
    command::Output,
    host::HostName,
    sim::{Fault, Faults, SimFleet},
    target::Target,
    transport::{ConnectError, ExecError, Session, Sink, Transport},
};

/// Simulated hosts, and how often a session was asked for something.
struct Counted {
    fleet: SimFleet,
    asked: Arc<AtomicUsize>,
}

struct CountedSession {
    inner: Box<dyn Session>,
    asked: Arc<AtomicUsize>,
}

impl Transport for Counted {
    fn connect(&self, target: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>> {
        Box::pin(async move {
            let (inner, asked) = (self.fleet.connect(target).await?, Arc::clone(&self.asked));
            Ok(Box::new(CountedSession { inner, asked }) as Box<dyn Session>)
        })
    }
}

impl Session for CountedSession {
    fn exec<'a>(
        &'a mut self,
        command: &'a Command,
        sink: &'a mut dyn Sink,
    ) -> BoxFuture<'a, Result<Output, ExecError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.exec(command, sink)
    }

    fn exec_all<'a>(&'a mut self, commands: &'a [Command]) -> BoxFuture<'a, Result<Vec<Output>, ExecError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.exec_all(commands)
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.inner.close()
    }
}

async fn visited(fleet: SimFleet, asked: Asked) -> (Result<Found, LinkError>, usize) {
    let count = Arc::new(AtomicUsize::new(0));
    let transport = Arc::new(Counted { fleet, asked: Arc::clone(&count) });
    let target = Arc::new(Target::plain(HostName::new("h1").unwrap(), "h1"));
    let mut link = Link::new(transport, target);
    let found = look(&mut link, asked, Timestamp::UNIX_EPOCH).await;
    (found, count.load(Ordering::Relaxed))
}

fn fleet(faults: Faults) -> SimFleet {
    SimFleet::new([(HostName::new("h1").unwrap(), faults)], Duration::from_millis(1)).with_apt()
}

#[tokio::test(start_paused = true)]
async fn a_visit_asks_twice_and_says_everything() {
    let (found, asked) = visited(fleet(Faults::default()), Asked::default()).await;
    let found = found.unwrap();
    assert_eq!((asked, found.unknown.len()), (2, 0), "{:?}", found.unknown);
    assert_eq!(found.pending.unwrap().updates.len(), 2);
    let library = &found.packages.unwrap().0["libssl3"][0];
    assert_eq!(library.source.as_ref().map(|(name, _)| name.as_str()), Some("openssl"));
    assert_eq!(found.facts.kernels.unwrap().running, "6.1.0-98-amd64");
    assert!(found.facts.lists_at.is_some() && found.facts.upkeep.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_opened_again_and_a_dead_host_ends_the_visit() {
    for n in 0..6 {
        let (found, _) = visited(fleet(Faults::of([Fault::DropsBefore(n)])), Asked::default()).await;
        let found = found.unwrap_or_else(|error| panic!("lost at command {n}: {error}"));
        assert!(found.unknown.is_empty() && found.pending.is_some(), "lost at command {n}: {:?}", found.unknown);
    }
    let (found, _) = visited(fleet(Faults::of([Fault::Refuses])), Asked::default()).await;
    assert!(found.unwrap_err().unreachable());
}

#[tokio::test(start_paused = true)]
async fn a_host_without_a_known_manager_says_what_it_is_and_nothing_more() {
    let fleet = SimFleet::new([(HostName::new("h1").unwrap(), Faults::default())], Duration::ZERO);
    let found = visited(fleet, Asked::default()).await.0.unwrap();
    assert!(found.pending.is_none() && found.packages.is_none());
    assert!(found.unknown["packages"].contains("no known package manager"), "{:?}", found.unknown);
}
