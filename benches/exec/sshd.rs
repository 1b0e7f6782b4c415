//! OpenSSH's server on many loopback addresses: sixteen per process, which is its maximum. Each address is a host with
//! a folder of its own, so that one host's lease and jobs are not another's.

use std::{
    fmt::Write as _,
    fs,
    net::TcpStream,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::door::Door;

const PORT: u16 = 2291;
const PER_PROCESS: usize = 16;

/// Running servers; stopped when dropped.
pub struct Servers {
    folder: TempDir,
    processes: Vec<Child>,
    addresses: Vec<String>,
}

impl Servers {
    /// Servers on `hosts` addresses of 127.3.0.0/16; `None` where OpenSSH is not installed.
    pub fn start(hosts: usize) -> Option<Self> {
        let program = Path::new("/usr/sbin/sshd");
        if !program.exists() || Command::new("ssh").arg("-V").stderr(Stdio::null()).status().is_err() {
            return None;
        }
        // As root it wants its empty folder, which the package's service creates at boot.
        let _ = fs::DirBuilder::new().mode(0o755).create("/run/sshd");
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["host", "user"] {
            let status = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.path().join(name))
                .status();
            assert!(status.ok()?.success(), "ssh-keygen failed");
        }
        fs::copy(folder.path().join("user.pub"), folder.path().join("authorized_keys")).expect("a copy");
        let key = fs::read_to_string(folder.path().join("host.pub")).expect("a key");
        // One line for all addresses, so that each ssh has as little as possible to read.
        fs::write(folder.path().join("known_hosts"), format!("[127.3.*]:{PORT} {key}")).expect("known_hosts");
        let addresses: Vec<String> = (0..hosts).map(|n| format!("127.3.{}.{}", 1 + n / 250, 1 + n % 250)).collect();
        let mut servers = Self { folder, processes: Vec::new(), addresses };
        let configs: Vec<String> =
            servers.addresses.chunks(PER_PROCESS).map(|some| config(servers.folder.path(), some)).collect();
        for (n, config) in configs.iter().enumerate() {
            let file = servers.folder.path().join(format!("sshd{n}.conf"));
            fs::write(&file, config).expect("a configuration");
            let child =
                Command::new(program).args(["-D", "-f"]).arg(file).stdin(Stdio::null()).spawn().expect("sshd starts");
            servers.processes.push(child);
        }
        servers.wait();
        Some(servers)
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        for address in &self.addresses {
            while TcpStream::connect((address.as_str(), PORT)).is_err() {
                assert!(Instant::now() < until, "sshd does not listen on {address}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// The process that listens for the first hosts.
    pub fn first_process(&self) -> u32 {
        self.processes[0].id()
    }

    pub fn door(&self) -> Door {
        let me = Command::new("id").arg("-un").output().expect("id").stdout;
        Door {
            user: String::from_utf8_lossy(&me).trim().to_owned(),
            key: self.folder.path().join("user"),
            known_hosts: self.folder.path().join("known_hosts"),
            addresses: self.addresses.iter().map(|address| (address.clone(), PORT)).collect(),
            folder: self.folder.path().to_owned(),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.processes {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The folder that plays the host at this address.
pub fn root(folder: &Path, address: &str) -> PathBuf {
    folder.join("hosts").join(address)
}

/// What a host's folder must have before anything is changed on it.
fn furnish(root: &Path) -> std::io::Result<()> {
    for part in ["proc/sys/kernel/random", "var/lib", "run", "bin"] {
        fs::create_dir_all(root.join(part))?;
    }
    let number = fastrand::u64(..) & 0xffff_ffff_ffff;
    fs::write(root.join("proc/sys/kernel/random/boot_id"), format!("00000000-0000-4000-8000-{number:012x}\n"))
}

/// A login shell would read the start-up files of the person who runs this; a different home and level prevent that.
/// Both names of the key exchange mean the same one; paramiko, and so pyinfra, knows the second only. The limits on
/// logins and sessions are out of the way: all hosts have one address on the side of the client.
fn config(folder: &Path, addresses: &[String]) -> String {
    let at = folder.display();
    let mut text = format!(
        "Port {PORT}\nHostKey {at}/host\nPidFile none\nAuthorizedKeysFile {at}/authorized_keys\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\n\
         PrintMotd no\nMaxStartups 10000\nPerSourceMaxStartups none\nMaxSessions 100\nLogLevel QUIET\n\
         KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org\nSubsystem sftp internal-sftp\n"
    );
    for address in addresses {
        let _ = writeln!(text, "ListenAddress {address}");
    }
    for address in addresses {
        let root = root(folder, address);
        furnish(&root).expect("a host's folder");
        let root = root.display();
        let _ = writeln!(text, "Match LocalAddress {address}\nSetEnv HOME={at} SHLVL=5 PATCHWAVE_ROOT={root}");
    }
    text
}
