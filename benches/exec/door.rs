//! How to reach a fleet: what every client of the comparison gets.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use patchwave::demo::Fleet;

/// How to reach a fleet.
#[derive(Clone)]
pub struct Door {
    /// The login name.
    pub user: String,
    /// The private key.
    pub key: PathBuf,
    /// Trusted host keys.
    pub known_hosts: PathBuf,
    /// Address and port of each host.
    pub addresses: Vec<(String, u16)>,
    /// A folder for the files of the clients; it is removed with the fleet.
    pub folder: PathBuf,
}

impl Door {
    /// To the embedded fleet.
    pub fn of(fleet: &Fleet) -> Self {
        Self {
            user: fleet.user().to_owned(),
            key: fleet.key_file(),
            known_hosts: fleet.known_hosts(),
            addresses: fleet.hosts().map(|host| ("127.0.0.1".to_owned(), host.port())).collect(),
            folder: fleet.folder().to_owned(),
        }
    }

    /// To its first hosts only.
    pub fn first(&self, hosts: usize) -> Self {
        let addresses = self.addresses.iter().take(hosts).cloned().collect();
        Self { addresses, ..self.clone() }
    }

    /// The number of hosts.
    pub fn hosts(&self) -> usize {
        self.addresses.len()
    }

    /// An inventory of all hosts.
    pub fn inventory(&self) -> PathBuf {
        let hosts = self.hosts();
        let mut text = String::from("all:\n  vars:\n");
        let _ =
            write!(text, "    patchwave: {{ environment: bench, risk: low, batch: {hosts}, canary: 0 }}\n  hosts:\n");
        for (n, (address, port)) in self.addresses.iter().enumerate() {
            let _ = writeln!(text, "    h{n:05}: {{ ansible_host: {address}, ansible_port: {port} }}");
        }
        self.write("bench-inventory.yml", &text)
    }

    /// A file with a line per host.
    pub fn list(&self, line: impl Fn(&str, &str, u16) -> String) -> PathBuf {
        let mut text = String::new();
        for (address, port) in &self.addresses {
            let _ = writeln!(text, "{}", line(&self.user, address, *port));
        }
        self.write("bench-hosts", &text)
    }

    /// A file in the folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("the folder of a fleet can be written");
        path
    }

    /// A home without the settings of the person who runs this.
    pub fn home(&self) -> &Path {
        &self.folder
    }
}
