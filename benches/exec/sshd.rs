//! OpenSSH's server on many loopback addresses: sixteen per process, which is its maximum.

use std::{
    fmt::Write as _,
    fs,
    net::TcpStream,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
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

/// A login shell would read the start-up files of the person who runs this; a different home and level prevent that.
fn config(folder: &Path, addresses: &[String]) -> String {
    let at = folder.display();
    let mut text = format!(
        "Port {PORT}\nHostKey {at}/host\nPidFile none\nAuthorizedKeysFile {at}/authorized_keys\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\n\
         PrintMotd no\nMaxStartups 10000\nLogLevel QUIET\nKexAlgorithms curve25519-sha256\n\
         SetEnv HOME={at} SHLVL=5\n"
    );
    for address in addresses {
        let _ = writeln!(text, "ListenAddress {address}");
    }
    text
}
