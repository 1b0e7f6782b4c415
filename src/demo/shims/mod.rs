//! The simulated programs: small POSIX shell scripts that imitate package manager, systemd and power button.
//! One copy per fleet, reached by every host through its `bin`. A command line that a script does not know ends with
//! an error that says so and a line in the host's `shim-unknown.log`, which tests want to be absent.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

/// Name and text of every program.
const PROGRAMS: &[(&str, &str)] = &[
    ("apt-cache", include_str!("apt-cache.sh")),
    ("apt-get", include_str!("apt-get.sh")),
    ("apt-mark", include_str!("apt-mark.sh")),
    ("df", include_str!("df.sh")),
    ("dpkg", include_str!("dpkg.sh")),
    ("dpkg-query", include_str!("dpkg-query.sh")),
    ("id", include_str!("id.sh")),
    ("journalctl", include_str!("journalctl.sh")),
    ("poweroff", include_str!("shutdown.sh")),
    ("reboot", include_str!("shutdown.sh")),
    ("service", include_str!("service.sh")),
    ("shutdown", include_str!("shutdown.sh")),
    ("systemctl", include_str!("systemctl.sh")),
    ("systemd-run", include_str!("systemd-run.sh")),
    ("uname", include_str!("uname.sh")),
    ("wall", include_str!("wall.sh")),
    // What the others read.
    ("dpkg-db.sh", include_str!("dpkg-db.sh")),
    ("sim.sh", include_str!("sim.sh")),
];

/// Programs that would act on the machine itself: they fail, and say so. No package manager stands here, because a host
/// that has one under this name would be taken for one of its kind.
const ABSENT: &[&str] = &["apt", "halt", "init", "systemd-inhibit", "telinit"];

/// Writes them into `fleet/bin`.
pub(super) fn install(fleet: &Path) -> io::Result<()> {
    let bin = fleet.join("bin");
    fs::create_dir(&bin)?;
    let absent = ABSENT.iter().map(|name| (*name, include_str!("absent.sh")));
    for (name, text) in PROGRAMS.iter().copied().chain(absent) {
        let path = bin.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
