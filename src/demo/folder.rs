//! A host as a folder: what is in it, what a boot renews, what a repair fixes.
//! The shims read and write the same files; `shims/sim.sh` and `debian/shims/dpkg-db.sh` say what the tables contain.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, symlink},
    path::{Path, PathBuf},
};

use super::{debian, fault::Fault, spec::HostSpec};
use crate::clock::{Clock as _, SystemClock};

/// The folder of one host.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder of `host` below the fleet's.
    pub(super) fn of(fleet: &Path, host: &str) -> Self {
        Self { path: fleet.join(format!("host-{host}")) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in which commands can run, and nothing else.
    pub(super) fn create_bare(&self) -> io::Result<()> {
        fs::create_dir(&self.path)?;
        fs::create_dir(self.path.join("root"))?;
        symlink("../bin", self.path.join("bin"))
    }

    /// A Debian host with pending updates. `install`: how many seconds it takes to install a package set.
    pub(super) fn create(&self, host: &HostSpec, install: f64) -> io::Result<()> {
        self.create_bare()?;
        for folder in
            ["boot", "etc", "proc/sys/kernel/random", "run", "sim/fault", "sim/unit"].iter().chain(&debian::FOLDERS)
        {
            fs::create_dir_all(self.path.join(folder))?;
        }
        self.create_file("etc/hostname", &format!("{}\n", host.name))?;
        self.create_file("etc/os-release", debian::OS_RELEASE)?;
        self.create_file("proc/loadavg", "0.08 0.03 0.01 1/123 4567\n")?;
        self.create_file("sim/installed", &debian::installed(host.role))?;
        self.create_file("sim/available", &debian::available(host.role, host.kernel_update))?;
        self.create_file("sim/install-seconds", &format!("{install:.2}\n"))?;
        self.create_file("proc/mounts", "/dev/vda1 / ext4 rw,relatime 0 0\n")?;
        self.create_file("proc/locks", "")?;
        self.create_file(debian::LOCK, "")?;
        self.create_file(debian::LIST.0, debian::LIST.1)?;
        self.create_file("sim/kernel", &format!("{}\n", debian::KERNEL))?;
        self.create_file(&format!("boot/vmlinuz-{}", debian::KERNEL), "")?;
        for unit in ["ssh", "cron", "systemd-journald", host.role.service()] {
            self.create_file(&format!("sim/unit/{unit}"), "active\n")?;
        }
        fs::create_dir_all(self.path.join("lib/modules").join(debian::KERNEL))
    }

    /// From its next boot on, the host reports that systemd runs it.
    pub(super) fn with_systemd(&self) -> io::Result<()> {
        self.create_file("sim/systemd", "")
    }

    /// What a boot renews.
    pub(super) fn boot(&self, same_id: bool) -> io::Result<()> {
        for entry in fs::read_dir(self.path.join("run"))?.flatten() {
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
        if self.path.join("sim/systemd").exists() {
            fs::create_dir_all(self.path.join("run/systemd/system"))?;
        }
        if !same_id || !self.path.join("proc/sys/kernel/random/boot_id").exists() {
            self.write("proc/sys/kernel/random/boot_id", &format!("{}\n", boot_id()))?;
        }
        let _ = fs::rename(self.path.join("sim/kernel-next"), self.path.join("sim/kernel"));
        let _ = fs::remove_dir_all(self.path.join("sim/busy"));
        let booted = SystemClock.now();
        self.write("proc/stat", &format!("cpu  0 0 0 0\nbtime {}\n", booted.as_second()))?;
        let (second, date) = (booted.as_second(), booted.strftime("%b %d %H:%M:%S"));
        let kernel = self.read("sim/kernel");
        self.write("sim/journal", &format!("info\t{second}\t{date}\tkernel: Linux version {}\n", kernel.trim()))?;
        let stays_down = self.read("sim/fault/service");
        if !stays_down.is_empty() {
            let line = format!("err\t{second}\t{date}\tsystemd: Failed to start {stays_down}.service.\n");
            fs::OpenOptions::new().append(true).open(self.path.join("sim/journal"))?.write_all(line.as_bytes())?;
        }
        self.set_units(|unit| if unit == stays_down { "failed\n" } else { "active\n" })
    }

    /// The command lines of the units that are started early in a boot. Only systemd does that.
    pub(super) fn starts_at_boot(&self) -> Vec<String> {
        if !self.path.join("run/systemd/system").exists() {
            return Vec::new();
        }
        let wants = fs::read_dir(self.path.join("etc/systemd/system/sysinit.target.wants"));
        let units =
            wants.into_iter().flatten().flatten().map(|unit| fs::read_to_string(unit.path()).unwrap_or_default());
        units
            .filter_map(|text| text.lines().find_map(|line| line.strip_prefix("ExecStart=").map(str::to_owned)))
            .collect()
    }

    /// Tells the shims about a fault.
    pub(super) fn note_fault(&self, fault: &Fault) -> io::Result<()> {
        let Some((file, content)) = fault.note() else { return Ok(()) };
        self.write(&format!("sim/fault/{file}"), &content)?;
        if *fault == Fault::LockHeld { self.show_lock_holder() } else { Ok(()) }
    }

    /// A process that holds the lock of the packages, as `/proc` shows it (proc_locks(5)).
    fn show_lock_holder(&self) -> io::Result<()> {
        let holder = self.path.join("proc/4242");
        fs::create_dir_all(holder.join("fd"))?;
        self.write("proc/4242/cmdline", debian::HOLDER)?;
        let lock = self.path.join(debian::LOCK);
        if !holder.join("fd/7").exists() {
            symlink(&lock, holder.join("fd/7"))?;
        }
        let inode = fs::metadata(&lock)?.ino();
        self.write("proc/locks", &format!("1: POSIX  ADVISORY  WRITE 4242 fe:01:{inode} 0 EOF\n"))
    }

    /// The state after an operator's repair.
    pub(super) fn heal(&self) -> io::Result<()> {
        for fault in fs::read_dir(self.path.join("sim/fault"))?.flatten() {
            fs::remove_file(fault.path())?;
        }
        self.write("proc/locks", "")?;
        let _ = fs::remove_dir_all(self.path.join("proc/4242"));
        let repaired = self.read("sim/installed").replace("\thalf-configured\t", "\tinstalled\t");
        self.write("sim/installed", &repaired)?;
        self.set_units(|_| "active\n")
    }

    /// The boot id, without its line end; empty before the first boot.
    pub(super) fn boot_id(&self) -> String {
        self.read("proc/sys/kernel/random/boot_id").trim().to_owned()
    }

    /// The text of a file in the folder; empty when there is none.
    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path.join(file)).unwrap_or_default()
    }

    fn set_units(&self, state: impl Fn(&str) -> &'static str) -> io::Result<()> {
        for unit in fs::read_dir(self.path.join("sim/unit"))?.flatten() {
            fs::write(unit.path(), state(&unit.file_name().to_string_lossy()))?;
        }
        Ok(())
    }

    /// Writes a file of a host that does not run yet.
    fn create_file(&self, file: &str, content: &str) -> io::Result<()> {
        fs::write(self.path.join(file), content)
    }

    /// Writes a new file and renames it, so that no shim reads half of it.
    fn write(&self, file: &str, content: &str) -> io::Result<()> {
        let target = self.path.join(file);
        let beside = target.with_file_name(".new");
        fs::write(&beside, content)?;
        fs::rename(beside, target)
    }
}

/// A random (version 4) UUID, as the kernel makes one at every boot.
fn boot_id() -> String {
    let (high, low) = (fastrand::u64(..), fastrand::u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        8 | (low >> 62),
        (low >> 48) & 0xfff,
        low & 0xffff_ffff_ffff
    )
}
