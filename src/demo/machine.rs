//! One simulated host while the fleet runs: its port, its power, its connections, its faults.
//! Leaves SSH to `ssh_server`, and packages to the files that `folder` writes.
//! Start at [`Machine`]; [`Machine::serve`] is its main loop.

use std::{
    borrow::Cow,
    ffi::OsStr,
    future::poll_fn,
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use russh::{
    MethodKind, MethodSet, Preferred, kex,
    keys::{PrivateKey, PublicKey},
    server::Config,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    process::{Child, Command},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

use super::{fault::Fault, folder::Folder, host_socket::HostSocket, keys::KeyRing, processes, ssh_server::SshServer};

/// The login name on every host. It is the simulated root, so no command needs escalation.
pub(super) const USER: &str = "root";
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;
/// How long the processes of a host may take to end when it goes down.
const DEATH: Duration = Duration::from_secs(5);

/// What all hosts of a fleet share.
pub(super) struct Shared {
    pub(super) keys: KeyRing,
    /// The key that may log in.
    pub(super) login: PublicKey,
    /// The fleet's folder.
    pub(super) root: PathBuf,
    pub(super) down: Duration,
    pub(super) instant: bool,
}

/// One simulated host.
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) folder: Folder,
    port: u16,
    /// Bound but never listening: keeps the port reserved while the host refuses connections.
    _reserved: TcpSocket,
    shared: Arc<Shared>,
    listener: Mutex<Option<TcpListener>>,
    /// Notified when there is a listener again.
    opened: Notify,
    power: RwLock<Power>,
    faults: Mutex<Vec<Fault>>,
    frozen: Arc<AtomicBool>,
    logins: AtomicUsize,
    commands: AtomicUsize,
    boots: AtomicUsize,
}

/// The part of a host that a reboot renews.
struct Power {
    on: bool,
    /// The fleet is ending: the host is never switched on again.
    gone: bool,
    /// Ends every connection of this boot.
    connections: CancellationToken,
    config: Arc<Config>,
}

impl Machine {
    /// Reserves a port; nothing listens yet.
    pub(super) fn new(name: String, folder: Folder, shared: Arc<Shared>, faults: Vec<Fault>) -> io::Result<Self> {
        let reserved = bound(0)?;
        let key = shared.keys.host(&name, 0);
        Ok(Self {
            port: reserved.local_addr()?.port(),
            _reserved: reserved,
            listener: Mutex::new(None),
            opened: Notify::new(),
            power: RwLock::new(Power {
                on: false,
                gone: false,
                connections: CancellationToken::new(),
                config: Arc::new(server_config(key, shared.instant)),
            }),
            faults: Mutex::new(faults),
            frozen: Arc::new(AtomicBool::new(false)),
            logins: AtomicUsize::new(0),
            commands: AtomicUsize::new(0),
            boots: AtomicUsize::new(0),
            name,
            folder,
            shared,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn user(&self) -> &'static str {
        USER
    }

    pub(super) fn login(&self) -> &PublicKey {
        &self.shared.login
    }

    /// The host key in the fleet's `known_hosts`.
    pub(super) fn known_key(&self) -> PublicKey {
        self.shared.keys.host(&self.name, 0).public_key().clone()
    }

    pub(super) fn logins(&self) -> usize {
        self.logins.load(Ordering::Relaxed)
    }

    pub(super) fn boots(&self) -> usize {
        self.boots.load(Ordering::Acquire)
    }

    pub(super) fn count_login(&self) {
        self.logins.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn commands(&self) -> usize {
        self.commands.load(Ordering::Relaxed)
    }

    pub(super) fn count_command(&self) {
        self.commands.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_on(&self) -> bool {
        self.power.read().unwrap_or_else(PoisonError::into_inner).on
    }

    /// Accepts connections until the task is dropped with its runtime.
    pub(super) async fn serve(self: Arc<Self>) {
        loop {
            let accepted = poll_fn(|cx| match self.listener().as_ref() {
                Some(listener) => listener.poll_accept(cx),
                None => Poll::Pending,
            });
            tokio::select! {
                accepted = accepted => match accepted {
                    Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&self).attend(stream))),
                    // Too many open files, usually: a real sshd waits as well.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                () = self.opened.notified() => {}
            }
        }
    }

    async fn attend(self: Arc<Self>, stream: TcpStream) {
        let (cut, config) = {
            let power = self.power.read().unwrap_or_else(PoisonError::into_inner);
            (power.connections.child_token(), Arc::clone(&power.config))
        };
        if self.has(|fault| matches!(fault, Fault::Silent | Fault::Freezes)) {
            cut.cancelled().await;
            return;
        }
        let socket = HostSocket::new(stream, cut.clone(), Arc::clone(&self.frozen));
        let handshake = russh::server::run_stream(config, socket, SshServer::new(Arc::clone(&self), cut));
        if let Ok(session) = handshake.await {
            // The client reports a broken connection; the server need not.
            let _ = session.await;
        }
    }

    /// Starts `/bin/sh -c line` as its own process group, in the host's folder.
    pub(super) fn spawn(&self, line: &[u8]) -> io::Result<Child> {
        // Held while the process starts, so that none starts during a power-off.
        let power = self.power.read().unwrap_or_else(PoisonError::into_inner);
        if !power.on {
            return Err(io::Error::other("it is switched off"));
        }
        let root = self.folder.path();
        let path =
            format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", root.join("bin").display());
        Command::new("/bin/sh")
            .arg("-c")
            .arg(OsStr::from_bytes(line))
            .env_clear()
            .envs([("PATH", path.as_str()), ("USER", USER), ("LOGNAME", USER), ("SHELL", "/bin/sh")])
            .env("HOME", root.join("root"))
            .env("PATCHWAVE_ROOT", root)
            .current_dir(root.join("root"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }

    /// What a shell would print on standard output and standard error for `true` in a fleet for benchmarks, whatever
    /// the command is wrapped in: the client's markers before the command, if it asks for them.
    pub(super) fn answer_without_a_process(&self, line: &[u8]) -> Option<[String; 2]> {
        let line = std::str::from_utf8(line).ok().filter(|_| self.shared.instant)?;
        if line != "true" && !line.ends_with(" true") && !line.ends_with(" /bin/sh -c true sh") {
            return None;
        }
        let words = line.split_once("exec \"$@\"' sh ").map(|(_, words)| words.split(' '));
        let mut halves = words.into_iter().flatten().take(2);
        let (first, second) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        Some(match second {
            "" => [String::new(), String::new()],
            _ => [format!("\n{first}{second}\n"), format!("\n{second}{first}\n")],
        })
    }

    /// Goes down, and comes back after the fleet's down time unless a fault prevents it.
    pub(super) async fn reboot(self: Arc<Self>) {
        let machine = Arc::clone(&self);
        // Killing scans /proc, which blocks.
        let went_down = tokio::task::spawn_blocking(move || machine.power_off()).await;
        if !matches!(went_down, Ok(true)) || self.has(|fault| *fault == Fault::NeverComesBack) {
            return;
        }
        tokio::time::sleep(self.shared.down).await;
        self.power_on();
    }

    /// Refuses connections, cuts the open ones, kills every process. False: it was already off.
    pub(super) fn power_off(&self) -> bool {
        {
            let mut power = self.power.write().unwrap_or_else(PoisonError::into_inner);
            if !power.on {
                return false;
            }
            power.on = false;
            self.listener().take();
            power.connections.cancel();
        }
        processes::end_all(self.folder.path(), DEATH);
        true
    }

    /// As [`Machine::power_off`], but for good; the caller ends the processes.
    pub(super) fn shut_for_good(&self) {
        let mut power = self.power.write().unwrap_or_else(PoisonError::into_inner);
        power.on = false;
        power.gone = true;
        self.listener().take();
        power.connections.cancel();
    }

    /// Boots: a new boot id, an empty `/run`, the newest kernel, services; then listens on the same port.
    pub(super) fn power_on(&self) {
        let mut power = self.power.write().unwrap_or_else(PoisonError::into_inner);
        if power.on || power.gone {
            return;
        }
        if !self.shared.instant {
            let same_id = self.has(|fault| *fault == Fault::SameBootId);
            // If the folder cannot be written, the host keeps its old boot id: a failure that a test sees.
            let _ = self.folder.boot(same_id);
        }
        let generation = u32::from(self.has(|fault| *fault == Fault::NewHostKey));
        power.config = Arc::new(server_config(self.shared.keys.host(&self.name, generation), self.shared.instant));
        power.connections = CancellationToken::new();
        power.on = true;
        drop(power);
        self.frozen.store(false, Ordering::Relaxed);
        for program in self.folder.starts_at_boot() {
            // If one cannot be started, its unit is missing: a failure that a test sees.
            let _ = self.spawn(format!("exec setsid -f {program} </dev/null >/dev/null 2>&1").as_bytes());
        }
        self.open();
        self.boots.fetch_add(1, Ordering::Release);
    }

    /// Listens, unless a fault prevents it.
    fn open(&self) {
        let mut listener = self.listener();
        if listener.is_none() && self.is_on() && !self.has(|fault| *fault == Fault::Refuses) {
            // The port is reserved. If listening fails anyway, the host stays unreachable, and every test sees it.
            *listener = bound(self.port).and_then(|socket| socket.listen(BACKLOG)).ok();
            self.opened.notify_one();
        }
    }

    /// Adds a fault, which takes effect at once.
    pub(super) fn break_with(&self, fault: Fault) -> io::Result<()> {
        self.folder.note_fault(&fault)?;
        match fault {
            Fault::Refuses => drop(self.listener().take()),
            Fault::Freezes => self.frozen.store(true, Ordering::Relaxed),
            _ => {}
        }
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
        Ok(())
    }

    /// Writes the faults that the host starts with into its folder.
    pub(super) fn note_faults(&self) -> io::Result<()> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        faults.iter().try_for_each(|fault| self.folder.note_fault(fault))
    }

    /// Removes all faults and leaves the host as an operator would after a repair: packages configured, services
    /// started, with its known host key, switched on.
    pub(super) fn heal(&self) -> io::Result<()> {
        let had = std::mem::take(&mut *self.faults.lock().unwrap_or_else(PoisonError::into_inner));
        self.frozen.store(false, Ordering::Relaxed);
        if !self.shared.instant {
            self.folder.heal()?;
        }
        if had.contains(&Fault::NewHostKey) {
            let mut power = self.power.write().unwrap_or_else(PoisonError::into_inner);
            power.config = Arc::new(server_config(self.shared.keys.host(&self.name, 0), self.shared.instant));
        }
        if had.iter().any(|fault| matches!(fault, Fault::Silent | Fault::Freezes)) {
            let mut power = self.power.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut power.connections).cancel();
        }
        self.power_on();
        self.open();
        Ok(())
    }

    pub(super) fn drops_during_auth(&self) -> bool {
        self.has(|fault| *fault == Fault::DropsDuringAuth)
    }

    /// Whether to cut the connection during this command; counts down.
    pub(super) fn drops_during(&self, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line);
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().any(|fault| match fault {
            Fault::DropsDuringCommand { containing, times } if *times > 0 && line.contains(containing.as_str()) => {
                *times -= 1;
                true
            }
            _ => false,
        })
    }

    fn has(&self, which: impl FnMut(&Fault) -> bool) -> bool {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).iter().any(which)
    }

    fn listener(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket on loopback that shares its port with others that do not listen.
fn bound(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

/// `plain_kex` offers only the key exchange that every client supports, so that benchmarks compare the clients' own
/// cost.
fn server_config(key: PrivateKey, plain_kex: bool) -> Config {
    let mut preferred = Preferred::DEFAULT;
    if plain_kex {
        preferred.kex = Cow::Borrowed(&[kex::CURVE25519, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER]);
    }
    Config {
        preferred,
        server_id: russh::SshId::Standard("SSH-2.0-patchwave_simulated_host".into()),
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        auth_rejection_time: Duration::ZERO,
        keys: vec![key],
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    }
}
