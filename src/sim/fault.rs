//! What can go wrong with a simulated host.

use std::collections::BTreeMap;

/// One thing that goes wrong. Commands are counted from 0, over all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing ever listens on its port.
    Refuses,
    /// It accepts connections and never answers.
    Silent,
    /// The connection breaks before the n-th command is sent.
    DropsBefore(u32),
    /// The connection breaks after the n-th command was sent and done, before its answer.
    DropsAfter(u32),
    /// The n-th command never answers.
    Hangs(u32),
    /// Every transaction ends with exit code 1, half done.
    TransactionFails,
    /// The transaction is killed in the middle and leaves no exit code.
    TransactionKilled,
    /// Everything that runs detached is killed when the n-th command comes, without an exit code.
    KillsJobs(u32),
    /// The host reboots before the n-th command, and not because of us.
    RebootsItself(u32),
    /// It loses power when the n-th command comes, until [`super::SimFleet::power_on`].
    PowersOff(u32),
    /// Its disk is full from the n-th command on, until [`super::SimFleet::heal`]: changes are refused or break.
    DiskFull(u32),
    /// Asked to reboot, it goes down and stays down.
    NeverComesBack,
    /// Asked to reboot, it does nothing.
    NeverGoesDown,
    /// After a reboot it has a different host key.
    NewKeyAfterReboot,
}

/// The faults of one host.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    all: Vec<Fault>,
    at: BTreeMap<u32, Fault>,
}

impl Faults {
    /// A host with these faults.
    pub fn of(faults: impl IntoIterator<Item = Fault>) -> Self {
        let mut found = Self::default();
        for fault in faults {
            match fault {
                Fault::DropsBefore(n)
                | Fault::DropsAfter(n)
                | Fault::Hangs(n)
                | Fault::KillsJobs(n)
                | Fault::RebootsItself(n)
                | Fault::PowersOff(n)
                | Fault::DiskFull(n) => {
                    found.at.insert(n, fault);
                }
                _ => found.all.push(fault),
            }
        }
        found
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.all.contains(&fault)
    }

    pub(super) fn at(&self, n: u32) -> Option<Fault> {
        self.at.get(&n).copied()
    }
}

/// What a fault does to one connect or one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    None,
    Refuse,
    Hang,
    NewKey,
    DropBefore,
    DropAfter,
}
