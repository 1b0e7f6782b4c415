//! What ssh_config needs from this machine: its files, its users, and a shell for `Match exec`.

use std::{
    fs, io,
    net::IpAddr,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use nix::{
    ifaddrs::{InterfaceAddress, getifaddrs},
    net::if_::InterfaceFlags,
};
use rustix::process::{Pid, Signal, getuid, kill_process_group};

use crate::{
    cli::World,
    regular,
    sshconfig::{FileText, LocalMachine, Person},
};

/// The largest ssh_config; a larger file is something else.
const MOST_BYTES: u64 = 16 << 20;
/// How long a command of `Match exec` may take.
const EXEC_LIMIT: Duration = Duration::from_secs(10);
const EXEC_LOOK: Duration = Duration::from_millis(2);

/// This machine.
pub(in crate::cli) struct Machine {
    shell: String,
    folder: PathBuf,
    /// Read once, because every host may need them.
    addresses: OnceLock<Vec<(String, IpAddr)>>,
}

impl Machine {
    pub(in crate::cli) fn new(world: &World) -> Self {
        Self {
            shell: world.var("SHELL").unwrap_or("/bin/sh").to_owned(),
            folder: world.folder.clone(),
            addresses: OnceLock::new(),
        }
    }
}

/// Who runs this, according to the system. The home folder is the account's, as for `ssh`, or `HOME` if there is no
/// account.
pub(in crate::cli) fn person(world: &World) -> Person {
    let uid = getuid().as_raw();
    let account = accounts().into_iter().find(|account| account.uid == uid);
    let (name, home) = match account {
        Some(account) => (account.name, account.home),
        None => (
            world.var("USER").or_else(|| world.var("LOGNAME")).unwrap_or("root").to_owned(),
            world.var("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from),
        ),
    };
    Person { name, uid, home, machine: world.machine(), env: world.env.clone() }
}

/// The home folder of the person who runs this: `HOME`, or the account's if it is not set.
pub(in crate::cli) fn home(world: &World) -> Option<PathBuf> {
    world.var("HOME").map(PathBuf::from).or_else(|| {
        let uid = getuid().as_raw();
        accounts().into_iter().find(|account| account.uid == uid).map(|account| account.home)
    })
}

/// The home folder of an account.
pub(in crate::cli) fn home_of(user: &str) -> Option<PathBuf> {
    accounts().into_iter().find(|account| account.name == user).map(|account| account.home)
}

struct Account {
    name: String,
    uid: u32,
    gid: u32,
    home: PathBuf,
}

/// The lines of passwd(5).
fn accounts() -> Vec<Account> {
    let text = fs::read("/etc/passwd").unwrap_or_default();
    let account = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let mut fields = fields.skip(1);
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Account { name, uid, gid, home: fields.nth(1)?.into() })
    };
    String::from_utf8_lossy(&text).lines().filter_map(account).collect()
}

/// Whether only `owner` is in the group.
fn is_private(gid: u32, owner: u32) -> bool {
    let accounts = accounts();
    let Some(own) = accounts.iter().find(|account| account.uid == owner) else { return false };
    let text = fs::read("/etc/group").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let members = text.lines().find_map(|line| {
        let mut fields = line.split(':').skip(2);
        (fields.next()?.parse() == Ok(gid)).then_some(())?;
        Some(fields.next().unwrap_or_default().to_owned())
    });
    accounts.iter().all(|account| account.gid != gid || account.uid == owner)
        && members.is_some_and(|members| members.split(',').all(|member| member.is_empty() || member == own.name))
}

/// The addresses of interfaces that are up.
fn addresses() -> Vec<(String, IpAddr)> {
    let Ok(interfaces) = getifaddrs() else { return Vec::new() };
    let up = interfaces.filter(|interface| interface.flags.contains(InterfaceFlags::IFF_UP));
    let address = |interface: InterfaceAddress| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        let ip = v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))?;
        Some((interface.interface_name, ip))
    };
    up.filter_map(address).collect()
}

impl LocalMachine for Machine {
    fn read(&self, path: &Path) -> io::Result<FileText> {
        let path = self.folder.join(path);
        let about = fs::metadata(&path)?;
        let bytes = if about.is_dir() { Vec::new() } else { regular::read(&path, MOST_BYTES)? };
        if bytes.len() as u64 > MOST_BYTES {
            return Err(io::Error::other(format!("is larger than {} MiB", MOST_BYTES >> 20)));
        }
        let uid = getuid().as_raw();
        let writable_by = match (about.uid(), about.mode()) {
            (owner, _) if owner != 0 && owner != uid => Some(format!("the user {owner}")),
            (_, mode) if mode & 0o002 != 0 => Some("everybody".to_owned()),
            (owner, mode) if mode & 0o020 != 0 && !is_private(about.gid(), owner) => {
                Some(format!("the group {}", about.gid()))
            }
            _ => None,
        };
        Ok(FileText { bytes, writable_by })
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join(folder)).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    fn exists(&self, path: &Path) -> bool {
        fs::symlink_metadata(self.folder.join(path)).is_ok()
    }

    fn home_of(&self, user: &str) -> Option<PathBuf> {
        home_of(user)
    }

    fn addresses(&self) -> Vec<(String, IpAddr)> {
        self.addresses.get_or_init(addresses).clone()
    }

    fn succeeds(&self, command: &str) -> Result<bool, String> {
        let mut child = Command::new(&self.shell)
            .arg("-c")
            .arg(command)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Kills also what the command started.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{}: {error}", self.shell))?;
        let mut waited = Duration::ZERO;
        loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => {
                    return status.code().map(|code| code == 0).ok_or_else(|| "was killed by a signal".to_owned());
                }
                None if waited >= EXEC_LIMIT => {
                    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                        let _ = kill_process_group(group, Signal::KILL);
                    }
                    let _ = child.wait();
                    return Err(format!("did not end within {} s", EXEC_LIMIT.as_secs()));
                }
                None => {
                    thread::sleep(EXEC_LOOK);
                    waited += EXEC_LOOK;
                }
            }
        }
    }
}
