//! The simulated programs: small POSIX shell scripts that imitate package manager, systemd and power button. There is
//! one copy per fleet, which every host finds through its `bin`. A command line that a script does not know fails with
//! an error that says so, and leaves a line in the host's `shim-unknown.log`; tests check that there is none.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use super::debian;

/// Name and text of every program.
const PROGRAMS: &[(&str, &str)] = &[
    ("df", include_str!("df.sh")),
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
    // The others read this one.
    ("sim.sh", include_str!("sim.sh")),
];

/// Programs that would act on the machine itself: they fail, and say so.
const ABSENT: &[&str] = &["halt", "init", "systemd-inhibit", "telinit"];

/// Writes them into `fleet/bin`.
pub(super) fn install(fleet: &Path) -> io::Result<()> {
    let bin = fleet.join("bin");
    fs::create_dir(&bin)?;
    let absent = ABSENT.iter().chain(debian::ABSENT).map(|name| (*name, include_str!("absent.sh")));
    for (name, text) in PROGRAMS.iter().chain(debian::PROGRAMS).copied().chain(absent) {
        let path = bin.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
