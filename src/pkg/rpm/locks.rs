//! What every program that changes an rpm database locks, and what it needs while it does.

use crate::pkg::holders;

/// The lock of rpm's transactions, in the places that the database has on different systems.
pub(in crate::pkg) const FILES: [&str; 2] = ["/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock"];

/// Units that the scripts of packages need, and programs that install packages by themselves.
const NEEDED: [&str; 8] = [
    "dbus.service",
    "dbus-broker.service",
    "dbus.socket",
    "packagekit.service",
    "packagekit-offline-update.service",
    "polkit.service",
    "systemd-logind.service",
    "system-update.service",
];

/// Whether a transaction needs the unit, whichever manager runs it.
pub(in crate::pkg) fn needs_unit(unit: &str) -> bool {
    holders::carries_a_session(unit) || NEEDED.contains(&unit)
}
