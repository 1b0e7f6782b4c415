//! The fleet and its sessions: which host answers, how long that takes, and which fault strikes before and after.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;

use super::{
    asked::Asked,
    debian::Packages,
    fault::{Faults, Strike},
    host::{Reply, SimHost},
};
use crate::{
    command::{Command, Output},
    host::HostName,
    target::Target,
    transport::{Class, ConnectError, ExecError, Phase, Session, Sink, Stream, Transport},
};

/// A peer that is silent for this long counts as lost.
const KEEPALIVES: Duration = Duration::from_secs(60);

/// A simulated fleet. Cheap to clone. Clones are the same fleet, so a second controller finds what the first one did.
#[derive(Clone, Default)]
pub struct SimFleet {
    hosts: Arc<HashMap<HostName, Arc<Mutex<SimHost>>>>,
    latency: Duration,
    jitter: Duration,
    watcher: Option<Watcher>,
}

/// Called at every moment. True: it changed something, which takes a moment.
pub type Watcher = Arc<dyn Fn(&HostName, Moment) -> bool + Send + Sync>;

/// Two points in the life of a command at which something may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A command with this label has reached the host and has not begun.
    Arrived(&'static str),
    /// It is done, and its answer has not been sent yet.
    Done(&'static str),
}

impl SimFleet {
    /// A fleet of these hosts; every answer takes `latency`.
    pub fn new(hosts: impl IntoIterator<Item = (HostName, Faults)>, latency: Duration) -> Self {
        let make = |(name, faults): (HostName, Faults)| {
            let host = SimHost::new(&name, faults);
            (name, Arc::new(Mutex::new(host)))
        };
        let hosts = Arc::new(hosts.into_iter().map(make).collect());
        Self { hosts, latency, jitter: Duration::ZERO, watcher: None }
    }

    /// Makes every host a Debian with a pending security fix and two old kernels.
    #[must_use]
    pub fn with_apt(self) -> Self {
        for host in self.hosts.values() {
            lock(host).packages = Some(Packages::default());
        }
        self
    }

    /// Delays every answer by up to `jitter`.
    #[must_use]
    pub fn with_jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Reports every moment of every command to `watcher`, also for the clones of this fleet.
    #[must_use]
    pub fn watched(mut self, watcher: Watcher) -> Self {
        self.watcher = Some(watcher);
        self
    }

    /// Installs packages on a host, each with a pending security fix.
    pub fn add_pending<'n>(&self, host: &HostName, names: impl IntoIterator<Item = &'n str>) {
        self.with(host, |host| {
            let packages = host.packages.get_or_insert_default();
            names.into_iter().for_each(|name| packages.add_pending(name));
        });
    }

    /// Makes its hosts those of a rehearsal, each with updates that are pending.
    #[must_use]
    pub fn rehearsing(self) -> Self {
        self.hosts.values().for_each(|host| lock(host).rehearses = true);
        self.with_apt()
    }

    /// What was asked to go wrong on a host.
    pub(super) fn asked<T>(&self, host: &HostName, look: impl FnOnce(&mut Asked) -> T) -> Option<T> {
        self.with(host, |host| look(&mut host.asked))
    }

    fn with<T>(&self, host: &HostName, look: impl FnOnce(&mut SimHost) -> T) -> Option<T> {
        self.hosts.get(host).map(|host| look(&mut lock(host)))
    }

    /// How often each job was started on a host, by its id: more than once is the worst possible fault.
    pub fn transactions(&self, host: &HostName) -> Vec<(String, u32)> {
        self.with(host, |host| host.jobs_begun()).unwrap_or_default()
    }

    /// How often a host was asked to reboot and did.
    pub fn reboots(&self, host: &HostName) -> u32 {
        self.with(host, |host| host.reboots).unwrap_or_default()
    }

    /// How often a host came up, the first time included.
    pub fn boots(&self, host: &HostName) -> u64 {
        self.with(host, |host| host.boot).unwrap_or_default()
    }

    /// How often each short change was made on a host: `reboot asked`, `copy PATH`, `clean`.
    pub fn effects(&self, host: &HostName) -> BTreeMap<String, u32> {
        self.with(host, |host| host.effects.clone()).unwrap_or_default()
    }

    /// Whether the package database of a host is in order; a host without one is.
    pub fn is_healthy(&self, host: &HostName) -> bool {
        self.with(host, |host| host.packages.as_ref().is_none_or(Packages::healthy)).unwrap_or(true)
    }

    /// The version of a package on a host.
    pub fn version(&self, host: &HostName, package: &str) -> Option<String> {
        self.with(host, |host| host.packages.as_ref()?.version(package).map(str::to_owned)).flatten()
    }

    /// What a file on a host holds.
    pub fn file(&self, host: &HostName, path: &str) -> Option<Vec<u8>> {
        self.with(host, |host| host.files.get(path).cloned()).flatten()
    }

    /// Whether a unit of a host runs.
    pub fn is_active(&self, host: &HostName, unit: &str) -> bool {
        self.with(host, |host| !host.stopped.iter().any(|stopped| stopped == unit)).unwrap_or(false)
    }

    /// Whether a host accepts connections now.
    pub fn is_up(&self, host: &HostName) -> bool {
        self.with(host, |host| host.on_connect() == Strike::None).unwrap_or(false)
    }

    /// Whether a detached job runs on a host now.
    pub fn is_busy(&self, host: &HostName) -> bool {
        self.with(host, SimHost::is_busy).unwrap_or(false)
    }

    /// The run that holds a host's lease.
    pub fn lease(&self, host: &HostName) -> Option<String> {
        self.with(host, |host| host.lease.as_ref().map(|holder| holder.run.clone())).flatten()
    }

    /// Whether a guard on a host may still roll back by itself.
    pub fn is_guarded(&self, host: &HostName) -> bool {
        self.with(host, SimHost::is_guarded).unwrap_or(false)
    }

    /// How many guards left traces on a host.
    pub fn guards(&self, host: &HostName) -> usize {
        self.with(host, |host| host.guards.len()).unwrap_or_default()
    }

    /// Cuts every connection to a host.
    pub fn cut(&self, host: &HostName) {
        self.with(host, |host| host.line += 1);
    }

    /// Reboots a host, as if from outside.
    pub fn reboot(&self, host: &HostName) {
        self.with(host, SimHost::boot_anew);
    }

    /// Cuts a host's power.
    pub fn power_off(&self, host: &HostName) {
        self.with(host, SimHost::power_off);
    }

    /// Switches a host's power on, or boots a host that did not come back from a reboot.
    pub fn power_on(&self, host: &HostName) {
        self.with(host, SimHost::power_on);
    }

    /// Kills everything that runs detached on a host. `None`: its wrapper as well, so that there is no exit code.
    pub fn kill_jobs(&self, host: &HostName, code: Option<u32>) {
        self.with(host, |host| host.kill_jobs(code));
    }

    /// Fills a host's disk, or frees it.
    pub fn fill_disk(&self, host: &HostName, full: bool) {
        self.with(host, |host| host.disk_full = full);
    }

    /// Removes all faults; every host has power and disk space.
    pub fn heal(&self) {
        for host in self.hosts.values() {
            let mut host = lock(host);
            host.faults = Faults::default();
            host.disk_full = false;
            host.power_on();
        }
    }

    async fn travel(&self) {
        let most = u64::try_from(self.jitter.as_micros()).unwrap_or(u64::MAX);
        let more = if most == 0 { 0 } else { fastrand::u64(0..most) };
        tokio::time::sleep(self.latency + Duration::from_micros(more)).await;
    }

    async fn tell(&self, host: &HostName, moment: Moment) {
        if self.watcher.as_ref().is_some_and(|watcher| watcher(host, moment)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
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
            self.travel().await;
            let strike = lock(host).on_connect();
            match strike {
                Strike::None => {}
                Strike::Refuse => return fail(Phase::Connect, Class::Refused, "the connection was refused"),
                Strike::Hang => {
                    tokio::time::sleep(target.limits.connect).await;
                    return fail(Phase::Connect, Class::TimedOut, "no answer");
                }
                Strike::NewKey => return fail(Phase::HostKey, Class::HostKeyChanged, "another host key"),
                Strike::DropBefore | Strike::DropAfter => return fail(Phase::Banner, Class::Closed, "hung up"),
            }
            let (boot, line) = {
                let host = lock(host);
                (host.boot, host.line)
            };
            let name = target.name.clone();
            let session = SimSession { fleet: self.clone(), name, host: Arc::clone(host), boot, line };
            Ok(Box::new(session) as Box<dyn Session>)
        })
    }
}

struct SimSession {
    fleet: SimFleet,
    name: HostName,
    host: Arc<Mutex<SimHost>>,
    /// The boot in which it was opened: a reboot ends it.
    boot: u64,
    /// The host's line when it was opened: a cut changes it and so ends the session.
    line: u64,
}

impl SimSession {
    fn is_lost(&self, host: &SimHost) -> bool {
        host.boot != self.boot || host.line != self.line || host.is_down()
    }
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
            self.fleet.travel().await;
            self.fleet.tell(&self.name, Moment::Arrived(command.label)).await;
            let strike = {
                let mut host = lock(&self.host);
                if host.is_silent() {
                    Strike::Hang
                } else if self.is_lost(&host) {
                    Strike::DropBefore
                } else {
                    host.on_exec(command)
                }
            };
            match strike {
                Strike::None => {}
                Strike::Hang => {
                    tokio::time::sleep(KEEPALIVES).await;
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
                let (again, output) = match reply {
                    Reply::Now(output) => (false, Some(output)),
                    Reply::After(wait, output) => {
                        tokio::time::sleep(wait).await;
                        (false, Some(output))
                    }
                    Reply::AskAgain(wait) => {
                        tokio::time::sleep(wait).await;
                        (true, None)
                    }
                };
                if !again {
                    self.fleet.tell(&self.name, Moment::Done(command.label)).await;
                }
                let (silent, gone) = {
                    let host = lock(&self.host);
                    (host.is_silent(), self.is_lost(&host))
                };
                if silent {
                    tokio::time::sleep(KEEPALIVES).await;
                }
                if silent || gone {
                    return lost(true);
                }
                let Some(output) = output else { continue };
                sink.write(Stream::Stdout, &output.stdout);
                return Ok(output);
            }
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
