//! A fleet without sockets, processes or files: hosts as small state machines that answer commands by their labels.
//!
//! For what reality is too slow for: thousands of seeded rollouts with faults, under tokio's paused clock, and the
//! benchmark of the engine. Proves nothing about a shell or a package manager; the embedded fleet and the lab do.
//! Start at [`SimFleet`]; what one host does is in `host`, what can go wrong in [`Fault`].

mod fault;
mod host;

pub use fault::{Fault, Faults};

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;

use crate::{
    command::{Command, Output},
    host::HostName,
    target::Target,
    transport::{Class, ConnectError, ExecError, Phase, Session, Sink, Stream, Transport},
};
use fault::Strike;
use host::{Reply, SimHost};

/// A simulated fleet. Cheap to clone; clones are the same fleet, so that a second controller finds what the first did.
#[derive(Clone, Default)]
pub struct SimFleet {
    hosts: Arc<HashMap<HostName, Arc<Mutex<SimHost>>>>,
    latency: Duration,
}

impl SimFleet {
    /// A fleet of these hosts; every answer takes `latency`.
    pub fn new(hosts: impl IntoIterator<Item = (HostName, Faults)>, latency: Duration) -> Self {
        let make = |(name, faults): (HostName, Faults)| {
            let host = SimHost::new(&name, faults);
            (name, Arc::new(Mutex::new(host)))
        };
        Self { hosts: Arc::new(hosts.into_iter().map(make).collect()), latency }
    }

    /// How often each transaction was begun on a host, by its step: more than once is the worst fault of all.
    pub fn transactions(&self, host: &HostName) -> Vec<(String, u32)> {
        self.hosts.get(host).map(|host| lock(host).transactions()).unwrap_or_default()
    }

    /// How often a host was rebooted because somebody asked for it.
    pub fn reboots(&self, host: &HostName) -> u32 {
        self.hosts.get(host).map(|host| lock(host).reboots).unwrap_or_default()
    }

    /// Takes all faults away.
    pub fn heal(&self) {
        for host in self.hosts.values() {
            lock(host).faults = Faults::default();
        }
    }
}

fn lock(host: &Mutex<SimHost>) -> MutexGuard<'_, SimHost> {
    host.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transport for SimFleet {
    fn connect(&self, target: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>> {
        Box::pin(async move {
            let fail = |phase, class, why: &str| {
                Err(ConnectError { phase, class, message: format!("{}: {why}", target.name), help: None })
            };
            let Some(host) = self.hosts.get(&target.name) else {
                return fail(Phase::Resolve, Class::Resolve, "no such host");
            };
            tokio::time::sleep(self.latency).await;
            let strike = lock(host).on_connect();
            match strike {
                Strike::None => {}
                Strike::Refuse => return fail(Phase::Connect, Class::Refused, "nobody listens"),
                Strike::Hang => {
                    tokio::time::sleep(target.limits.connect).await;
                    return fail(Phase::Connect, Class::TimedOut, "no answer");
                }
                Strike::NewKey => return fail(Phase::HostKey, Class::HostKeyChanged, "another host key"),
                Strike::DropBefore | Strike::DropAfter => return fail(Phase::Banner, Class::Closed, "hung up"),
            }
            let boot = lock(host).boot;
            let session = SimSession { host: Arc::clone(host), latency: self.latency, boot };
            Ok(Box::new(session) as Box<dyn Session>)
        })
    }
}

struct SimSession {
    host: Arc<Mutex<SimHost>>,
    latency: Duration,
    /// The boot in which it was opened: a reboot ends it.
    boot: u64,
}

impl Session for SimSession {
    fn exec<'a>(
        &'a mut self,
        command: &'a Command,
        sink: &'a mut dyn Sink,
    ) -> BoxFuture<'a, Result<Output, ExecError>> {
        Box::pin(async move {
            let lost = |sent| {
                let message = format!("connection lost during {}", command.label);
                Err(ExecError { sent, class: Class::Lost, message, help: None })
            };
            tokio::time::sleep(self.latency).await;
            let strike = {
                let mut host = lock(&self.host);
                if host.boot != self.boot || host.is_down() { Strike::DropBefore } else { host.on_exec() }
            };
            match strike {
                Strike::None => {}
                Strike::Hang => {
                    // Found by keepalives.
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    return lost(true);
                }
                Strike::Refuse | Strike::NewKey | Strike::DropBefore => return lost(false),
                Strike::DropAfter => {
                    let _ = lock(&self.host).answer(command);
                    return lost(true);
                }
            }
            loop {
                let reply = lock(&self.host).answer(command);
                let output = match reply {
                    Reply::Now(output) => output,
                    Reply::After(wait, output) => {
                        tokio::time::sleep(wait).await;
                        output
                    }
                    Reply::AskAgain(wait) => {
                        tokio::time::sleep(wait).await;
                        continue;
                    }
                };
                if lock(&self.host).boot != self.boot {
                    return lost(true);
                }
                sink.write(Stream::Stdout, &output.stdout);
                return Ok(output);
            }
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
