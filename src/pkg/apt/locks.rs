//! Which files apt and dpkg lock, and which units must not be stopped under them.

use crate::pkg::holders;

/// The files of `apt-locks`.
pub(super) const FILES: [&str; 4] =
    ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"];

/// Units without which a transaction, or the scripts of its packages, cannot go on.
const NEEDED: [&str; 9] = [
    "apt-daily.service",
    "apt-daily-upgrade.service",
    "dbus.service",
    "dbus-broker.service",
    "dbus.socket",
    "packagekit.service",
    "polkit.service",
    "systemd-logind.service",
    "unattended-upgrades.service",
];

/// Whether a transaction needs the unit.
pub(super) fn needs_unit(unit: &str) -> bool {
    holders::carries_a_session(unit) || NEEDED.contains(&unit)
}
