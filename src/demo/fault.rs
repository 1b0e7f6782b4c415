//! The ways in which a simulated host can be broken, and where each one takes effect.
//! Knows no sockets and no shell: `machine` and `ssh_server` act on the network faults, the shims on the others.

use std::time::Duration;

/// One thing that is wrong with a host. A host can have several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing listens on the port. Open connections stay.
    Refuses,
    /// New connections are accepted and never answered.
    Silent,
    /// The connection closes as soon as the client offers a key.
    DropsDuringAuth,
    /// The connection closes right after a command whose line contains this text has started; the command goes on.
    DropsDuringCommand {
        /// Text that the command line must contain; an empty text matches every command.
        containing: String,
        /// How often it happens before the host behaves again.
        times: u32,
    },
    /// Open connections become half-open: what is sent is lost, nothing comes back. New ones are [`Fault::Silent`].
    Freezes,
    /// A reboot goes down and never comes up (until healed).
    NeverComesBack,
    /// A reboot comes up with the boot id it had.
    SameBootId,
    /// A reboot comes up with a different host key, which is not in the fleet's `known_hosts`.
    NewHostKey,
    /// The script that configures this package after it was unpacked fails: `apt-get` ends with 100.
    PostinstFails {
        /// The package's name.
        package: String,
    },
    /// Another program holds the package manager's lock.
    LockHeld,
    /// No space is left on the root file system.
    DiskFull,
    /// Configuring packages takes this much longer.
    SlowInstall(Duration),
    /// This unit does not start again once it was stopped or the host was rebooted.
    ServiceStaysDown {
        /// The unit, without `.service`.
        unit: String,
    },
}

impl Fault {
    /// The file under `sim/fault/` from which the shims read this fault, and its content. `None`: the shims need not
    /// know.
    pub(super) fn note(&self) -> Option<(&'static str, String)> {
        Some(match self {
            Self::PostinstFails { package } => ("postinst", package.clone()),
            Self::LockHeld => ("lock", String::new()),
            Self::DiskFull => ("disk", String::new()),
            Self::SlowInstall(by) => ("slow", format!("{:.2}", by.as_secs_f64())),
            Self::ServiceStaysDown { unit } => ("service", unit.clone()),
            Self::Refuses
            | Self::Silent
            | Self::DropsDuringAuth
            | Self::DropsDuringCommand { .. }
            | Self::Freezes
            | Self::NeverComesBack
            | Self::SameBootId
            | Self::NewHostKey => return None,
        })
    }
}
