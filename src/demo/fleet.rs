//! The fleet: starts the hosts, watches their power buttons, and leaves nothing behind.
//! Runs on its own threads, so that it serves any client, blocking ones included. Start at [`Fleet::start`].

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{
    fault::Fault,
    folder::Folder,
    keys::{self, KeyRing},
    machine::{Machine, Shared},
    processes, shims,
    spec::{FleetSpec, HostSpec},
};

/// How long the processes of a fleet may take to end.
const DEATH: Duration = Duration::from_secs(5);
/// How long a running command may still print before its host goes down.
const LAST_WORDS: Duration = Duration::from_millis(120);

/// Simulated hosts on loopback. Dropping the fleet kills every process and removes its folder, except what is kept.
pub struct Fleet {
    spec: FleetSpec,
    machines: Vec<Arc<Machine>>,
    runtime: Option<Runtime>,
    power_buttons: Option<JoinHandle<()>>,
    folder: TempDir,
    /// What is kept of the folder.
    kept: Option<&'static str>,
}

/// Why a fleet could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the simulated hosts: {what}")]
pub struct FleetError {
    what: String,
    source: io::Error,
}

/// Puts a text in front of an error of the file system or the network.
fn cannot(what: impl Into<String>) -> impl FnOnce(io::Error) -> FleetError {
    let what = what.into();
    move |source| FleetError { what, source }
}

/// Each host holds two sockets. While it works it also holds a connection (both ends are here) and a process's pipes.
fn raise_file_limit(hosts: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = 256 + hosts * 8;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        // If this is refused, the fleet starts anyway and reports an error when it runs out.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    }
}

impl Fleet {
    /// Starts the hosts; all of them accept connections when it returns.
    ///
    /// # Errors
    /// [`FleetError`]: no temporary folder, no free port, too many open files.
    pub fn start(spec: FleetSpec) -> Result<Self, FleetError> {
        raise_file_limit(spec.hosts.len() as u64);
        let folder =
            tempfile::Builder::new().prefix("patchwave-fleet-").tempdir().map_err(cannot("temporary folder"))?;
        let root = folder.path().canonicalize().map_err(cannot("temporary folder"))?;
        shims::install(&root).map_err(cannot("simulated programs"))?;
        let ring = KeyRing::random();
        let login = ring.login();
        keys::write_login(&login, &root.join(LOGIN_KEY)).map_err(|e| cannot("login key")(io::Error::other(e)))?;
        let shared = Arc::new(Shared {
            login: login.public_key().clone(),
            keys: ring,
            root: root.clone(),
            down: spec.down,
            instant: spec.instant,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("fleet")
            .enable_all()
            .build()
            .map_err(cannot("threads"))?;
        // From here on a failure drops a whole fleet, which cleans up.
        let mut fleet =
            Self { spec, machines: Vec::new(), runtime: Some(runtime), power_buttons: None, folder, kept: None };
        fleet.switch_on(&shared)?;
        fleet.power_buttons = Some(fleet.watch_power_buttons(&root)?);
        Ok(fleet)
    }

    fn switch_on(&mut self, shared: &Arc<Shared>) -> Result<(), FleetError> {
        let runtime = self.runtime.as_ref().expect("a fleet has its runtime until it is dropped");
        let _inside = runtime.enter();
        let mut random = fastrand::Rng::with_seed(self.spec.seed);
        let mut known_hosts = String::new();
        for host in &self.spec.hosts {
            let failed = || cannot(host.name.clone());
            let folder = Folder::of(&shared.root, &host.name);
            let (shortest, longest) = (self.spec.install.0.as_secs_f64(), self.spec.install.1.as_secs_f64());
            let install = shortest + (longest - shortest) * random.f64();
            if self.spec.instant { folder.create_bare() } else { folder.create(host, install) }.map_err(failed())?;
            if self.spec.systemd && !self.spec.instant {
                folder.with_systemd().map_err(failed())?;
            }
            let machine = Machine::new(host.name.clone(), folder, Arc::clone(shared), host.faults.clone());
            let machine = Arc::new(machine.map_err(failed())?);
            if !self.spec.instant {
                machine.note_faults().map_err(failed())?;
            }
            let line = keys::known_hosts_line(machine.port(), &machine.known_key());
            known_hosts.push_str(&line.map_err(|e| failed()(io::Error::other(e)))?);
            machine.power_on();
            runtime.spawn(Arc::clone(&machine).serve());
            self.machines.push(machine);
        }
        fs::write(shared.root.join(KNOWN_HOSTS), known_hosts).map_err(cannot("known_hosts"))
    }

    /// A pipe into which the shims of `reboot` and `poweroff` write their host's name.
    fn watch_power_buttons(&self, root: &Path) -> Result<JoinHandle<()>, FleetError> {
        let path = root.join(POWER);
        let mode = rustix::fs::Mode::from(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).map_err(|e| cannot("power button pipe")(e.into()))?;
        // Opened for both, so that neither end ever waits for the other.
        let pipe = fs::OpenOptions::new().read(true).write(true).open(&path).map_err(cannot("power button pipe"))?;
        let machines = self.machines.clone();
        let runtime = self.runtime.as_ref().expect("a fleet has its runtime until it is dropped").handle().clone();
        let listen = move || {
            for line in BufReader::new(pipe).lines() {
                let Ok(line) = line else { return };
                let Some((button, name)) = line.split_once(' ') else { return };
                let Some(machine) = machines.iter().find(|machine| machine.name == name).cloned() else { continue };
                let off = button == "poweroff";
                runtime.spawn(async move {
                    tokio::time::sleep(LAST_WORDS).await;
                    if off {
                        let _ = tokio::task::spawn_blocking(move || machine.power_off()).await;
                    } else {
                        machine.reboot().await;
                    }
                });
            }
        };
        std::thread::Builder::new().name("power-buttons".into()).spawn(listen).map_err(cannot("threads"))
    }

    /// The spec that the fleet was started from.
    pub fn spec(&self) -> &FleetSpec {
        &self.spec
    }

    /// The fleet's folder; those of the hosts are in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps one entry of the folder when the hosts end; the rest is removed.
    pub fn keep(&mut self, entry: &'static str) {
        self.kept = Some(entry);
    }

    /// The private key that may log in.
    pub fn key_file(&self) -> PathBuf {
        self.folder().join(LOGIN_KEY)
    }

    /// A `known_hosts` file with the key of every host.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder().join(KNOWN_HOSTS)
    }

    /// The login name.
    pub fn user(&self) -> &'static str {
        super::machine::USER
    }

    /// All hosts, in inventory order.
    pub fn hosts(&self) -> impl Iterator<Item = Host<'_>> {
        self.machines.iter().zip(&self.spec.hosts).map(|(machine, spec)| Host { fleet: self, machine, spec })
    }

    /// One host by its inventory name.
    pub fn host(&self, name: &str) -> Option<Host<'_>> {
        self.hosts().find(|host| host.name() == name)
    }
}

const LOGIN_KEY: &str = "id_ed25519";
const KNOWN_HOSTS: &str = "known_hosts";
/// The shims use this name, too.
const POWER: &str = "power";

impl Drop for Fleet {
    fn drop(&mut self) {
        if let Some(buttons) = self.power_buttons.take() {
            // A line without a host ends the thread.
            let sent = fs::OpenOptions::new().read(true).write(true).open(self.folder().join(POWER));
            if sent.and_then(|mut pipe| pipe.write_all(b"stop\n")).is_ok() {
                let _ = buttons.join();
            }
        }
        for machine in &self.machines {
            machine.shut_for_good();
        }
        processes::end_all(self.folder(), DEATH);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if let Some(kept) = self.kept {
            self.folder.disable_cleanup(true);
            for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_name() != kept && fs::remove_file(&path).is_err() {
                    // Leftovers of a host do no harm.
                    let _ = fs::remove_dir_all(&path);
                }
            }
        }
    }
}

/// One host of a running fleet.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    fleet: &'a Fleet,
    machine: &'a Arc<Machine>,
    spec: &'a HostSpec,
}

impl<'a> Host<'a> {
    /// The inventory name.
    pub fn name(&self) -> &'a str {
        &self.spec.name
    }

    /// The spec that it was started from.
    pub fn spec(&self) -> &'a HostSpec {
        self.spec
    }

    /// Its port on 127.0.0.1, which stays the same across reboots.
    pub fn port(&self) -> u16 {
        self.machine.port()
    }

    /// The folder that is its root.
    pub fn folder(&self) -> &'a Path {
        self.machine.folder.path()
    }

    /// Its boot id.
    pub fn boot_id(&self) -> String {
        self.machine.folder.boot_id()
    }

    /// How many logins succeeded.
    pub fn logins(&self) -> usize {
        self.machine.logins()
    }

    /// How many commands were sent to it: each is a round trip.
    pub fn commands(&self) -> usize {
        self.machine.commands()
    }

    /// How often it came up, the first time included. It listens again when this increases.
    pub fn boots(&self) -> usize {
        self.machine.boots()
    }

    /// Whether it is switched on.
    pub fn is_on(&self) -> bool {
        self.machine.is_on()
    }

    /// The command lines that the simulated programs did not know, one per line. A test wants it empty.
    pub fn unknown_commands(&self) -> String {
        self.machine.folder.read("shim-unknown.log")
    }

    /// Breaks it, at once.
    ///
    /// # Errors
    /// Its folder cannot be written.
    pub fn break_with(&self, fault: Fault) -> io::Result<()> {
        self.machine.break_with(fault)
    }

    /// Removes every fault and leaves the host as a repair would: packages configured, services started, switched on.
    ///
    /// # Errors
    /// Its folder cannot be written.
    pub fn heal(&self) -> io::Result<()> {
        let _inside = self.fleet.runtime.as_ref().map(Runtime::enter);
        self.machine.heal()
    }

    /// Presses its reset button.
    pub fn reboot(&self) {
        if let Some(runtime) = &self.fleet.runtime {
            runtime.spawn(Arc::clone(self.machine).reboot());
        }
    }
}
