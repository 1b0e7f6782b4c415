//! A real OpenSSH server on loopback, run as the current user with its own keys in a temporary folder.

use std::{
    fmt::Write as _,
    net::TcpListener,
    os::unix::{fs::DirBuilderExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use patchwave::{
    host::HostName,
    target::Target,
    transport::{
        Session, Transport as _,
        ssh::{SshOptions, SshTransport},
    },
};
use tempfile::TempDir;

/// A running sshd; killed, with its sessions, when dropped.
pub struct Sshd {
    pub dir: TempDir,
    pub port: u16,
    child: Child,
    /// Folders that are removed with it.
    also: Vec<PathBuf>,
}

/// The program's path, or a loud message that the test did not run. Panics where no test may be skipped.
pub fn need(program: &str) -> Option<PathBuf> {
    let found = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|dir| Path::new(dir).join(program))
        .find(|path| path.exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI needs {program}");
        eprintln!("NOT RUN: {program} is not installed");
    }
    found
}

/// The login name of the person who runs the tests.
pub fn me() -> String {
    let id = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8(id.stdout).expect("a login name").trim().to_owned()
}

/// Makes a key pair; `passphrase` may be empty.
pub fn keygen(path: &Path, kind: &str, passphrase: &str) {
    let status =
        Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"]).arg(path).status();
    assert!(status.expect("ssh-keygen").success());
}

impl Sshd {
    /// Starts a server with a host key (ed25519), an accepted user key (`user`), and more configuration.
    pub fn start(config: &str) -> Option<Self> {
        let sshd = need("sshd")?;
        need("ssh-keygen")?;
        if rustix::process::geteuid().is_root() {
            // As root, sshd wants its empty folder, which the package's service makes at boot.
            let _ = std::fs::DirBuilder::new().mode(0o755).create("/run/sshd");
        }
        let dir = tempfile::tempdir().expect("a temporary folder");
        keygen(&dir.path().join("host"), "ed25519", "");
        keygen(&dir.path().join("user"), "ed25519", "");
        std::fs::copy(dir.path().join("user.pub"), dir.path().join("authorized_keys")).expect("authorized_keys");
        for _ in 0..5 {
            let port = free_port();
            let mut child = spawn(&sshd, dir.path(), port, config);
            if came_up(&mut child, dir.path()) {
                return Some(Self { dir, port, child, also: Vec::new() });
            }
        }
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        panic!("sshd does not start:\n{log}");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The line of a known_hosts file for this server.
    pub fn known_line(&self) -> String {
        let key = std::fs::read_to_string(self.path("host.pub")).expect("host.pub");
        format!("[127.0.0.1]:{} {key}", self.port)
    }

    /// Options that trust this server and use the user key, and nothing from the environment.
    pub fn options(&self) -> SshOptions {
        let known = self.path("known_hosts");
        if !known.exists() {
            std::fs::write(&known, self.known_line()).expect("known_hosts");
        }
        SshOptions {
            known_hosts: vec![known],
            global_known_hosts: Vec::new(),
            identities: vec![self.path("user")],
            ..SshOptions::for_user(me(), None, None)
        }
    }

    pub fn transport(&self) -> SshTransport {
        SshTransport::new(self.options()).expect("a transport")
    }

    /// A session to this target.
    pub async fn session(&self, target: Target) -> Box<dyn Session> {
        self.transport().connect(Arc::new(target)).await.expect("a session")
    }

    pub fn target(&self) -> Target {
        let mut target = Target::plain(HostName::new("web01").expect("a name"), "127.0.0.1");
        target.port = Some(self.port);
        target
    }

    /// A host of a fleet that this server acts for on loopback addresses; it must listen on 0.0.0.0.
    pub fn fleet_target(&self, n: u8) -> Target {
        let mut target = Target::plain(HostName::new(&format!("web{n:03}")).expect("a name"), format!("127.1.0.{n}"));
        target.port = Some(self.port);
        target
    }

    /// The line of a known_hosts file for all of that fleet.
    pub fn fleet_line(&self) -> String {
        let key = std::fs::read_to_string(self.path("host.pub")).expect("host.pub");
        format!("[127.1.*]:{} {key}", self.port)
    }

    pub fn shared_target(&self) -> Arc<Target> {
        Arc::new(self.target())
    }

    /// The processes that serve sessions now: children of the listener, and their children.
    pub fn session_pids(&self) -> Vec<i32> {
        let mut found = children(self.child.id());
        let mut n = 0;
        while n < found.len() {
            let below = children(u32::try_from(found[n]).expect("a pid"));
            // Only sshd's own processes, not the commands in them.
            found.extend(below.into_iter().filter(|pid| comm(*pid).starts_with("sshd")));
            n += 1;
        }
        found
    }

    /// Also removes this folder at the end.
    pub fn also(&mut self, folder: PathBuf) {
        self.also.push(folder);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for pid in self.session_pids() {
            signal(pid, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        for folder in &self.also {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

pub fn signal(pid: i32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn children(pid: u32) -> Vec<i32> {
    let tasks = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    tasks.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn comm(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

fn spawn(sshd: &Path, dir: &Path, port: u16, config: &str) -> Child {
    let at = dir.display();
    // bash started by sshd reads ~/.bashrc at level 1; a real one may take longer than the rest of a test.
    const NO_BASHRC: &str = "SetEnv SHLVL=5";
    let mut text = if config.contains("SetEnv ") {
        config.replacen("SetEnv", NO_BASHRC, 1)
    } else {
        format!("{config}\n{NO_BASHRC}")
    };
    // sshd takes the first value of a keyword, so `config` wins.
    let _ = write!(
        text,
        "\nPort {port}\nPidFile none\n\
         AuthorizedKeysFile {at}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin yes\nPermitUserRC no\nPrintMotd no\nPrintLastLog no\n\
         LogLevel VERBOSE\n"
    );
    if !config.contains("ListenAddress ") {
        text.push_str("ListenAddress 127.0.0.1\n");
    }
    if !config.contains("MaxStartups ") {
        text.push_str("MaxStartups 200\n");
    }
    // Since 9.8 an address with failed logins is blocked for a while, and failed logins are what many tests do.
    if !config.contains("PerSourcePenalties ") && openssh_version() >= (9, 8) {
        text.push_str("PerSourcePenalties no\n");
    }
    if !config.contains("HostKey ") {
        let _ = writeln!(text, "HostKey {at}/host");
    }
    std::fs::write(dir.join("sshd_config"), text).expect("sshd_config");
    let log = std::fs::File::create(dir.join("log")).expect("log");
    Command::new(sshd)
        .args(["-D", "-e", "-f"])
        .arg(dir.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("sshd")
}

/// Of `ssh`, which comes with its sshd: `OpenSSH_10.0p2 …` is (10, 0).
fn openssh_version() -> (u32, u32) {
    let output = Command::new("ssh").arg("-V").output().expect("ssh");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers = text.strip_prefix("OpenSSH_").and_then(|rest| rest.split('p').next()?.split_once('.'));
    let (major, minor) = numbers.unwrap_or_else(|| panic!("a version of OpenSSH: {text:?}"));
    (major.parse().expect("a number"), minor.parse().expect("a number"))
}

/// Whether it listens on all its addresses. Its log says so; an answer on the port does not prove it.
fn came_up(child: &mut Child, dir: &Path) -> bool {
    let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap_or_default();
    let addresses = read("sshd_config").matches("ListenAddress ").count();
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until && child.try_wait().ok().flatten().is_none() {
        let log = read("log");
        if log.lines().any(|line| line.contains("Bind to port") && line.contains(" failed")) {
            break;
        }
        if log.matches("Server listening on").count() >= addresses {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// An ssh-agent with some keys, ended when dropped.
pub struct SshAgent {
    child: Child,
    pub socket: PathBuf,
}

impl SshAgent {
    pub fn start(socket: PathBuf) -> Self {
        let mut agent = Command::new("ssh-agent");
        agent.args(["-D", "-a"]).arg(&socket).stdout(Stdio::null());
        let agent = Self { child: agent.spawn().expect("ssh-agent"), socket };
        // The socket's file exists before the agent listens on it.
        let until = Instant::now() + Duration::from_secs(20);
        while UnixStream::connect(&agent.socket).is_err() {
            assert!(Instant::now() < until, "ssh-agent does not listen on {}", agent.socket.display());
            std::thread::sleep(Duration::from_millis(10));
        }
        agent
    }

    pub fn add(&self, key: &Path) {
        let mut add = Command::new("ssh-add");
        add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).stderr(Stdio::null());
        assert!(add.status().expect("ssh-add").success());
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
