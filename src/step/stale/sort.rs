//! Whose processes they are: the control group says it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::look::{Look, Process};

/// Units that hold the system together while it runs: restarting one breaks sessions or other units. A reboot
/// starts them again.
const ONLY_A_REBOOT: [&str; 22] = [
    "dbus",
    "dbus-broker",
    "systemd-logind",
    "elogind",
    "getty@*",
    "serial-getty@*",
    "console-getty",
    "container-getty@*",
    "autovt@*",
    "display-manager",
    "gdm",
    "gdm3",
    "sddm",
    "lightdm",
    "kdm",
    "xdm",
    "lxdm",
    "nodm",
    "slim",
    "greetd",
    "wdm",
    "ly",
];
/// Units whose restart cuts the network, or ends containers, virtual machines or the work of a cluster.
const BY_HAND: [&str; 34] = [
    "NetworkManager",
    "networking",
    "network",
    "systemd-networkd",
    "wicked*",
    "ifup@*",
    "wpa_supplicant*",
    "openvpn*",
    "wg-quick@*",
    "strongswan*",
    "ipsec",
    "tailscaled",
    "tinc*",
    "frr",
    "bird*",
    "quagga",
    "docker",
    "containerd",
    "podman",
    "crio",
    "lxc*",
    "lxd*",
    "incus*",
    "libvirtd",
    "virt*",
    "xen*",
    "kubelet",
    "k3s*",
    "pacemaker*",
    "corosync",
    "glusterd",
    "ceph*",
    "iscsid",
    "zfs-fuse",
];

/// Whether a restart is left to a person, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kept {
    /// Only a reboot starts it again without harm.
    Reboot,
    /// A person decides when.
    ByHand,
}

/// Processes by whose they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    /// Process 1.
    pub manager: bool,
    /// Units, with their processes.
    pub units: BTreeMap<String, Vec<u32>>,
    /// Logins: `user 1000: bash`.
    pub sessions: BTreeSet<String>,
    /// Containers and virtual machines, by the name of their group.
    pub containers: BTreeSet<String>,
    /// Short names of all others.
    pub others: BTreeSet<String>,
}

enum Place {
    Manager,
    Unit(String),
    Session(String),
    Container(String),
    Other,
}

/// Sorts them. The login that looks is left out, and so are this program's own units: its watchdogs must go on.
pub(super) fn sort(look: &Look) -> Sorted {
    let mut sorted = Sorted::default();
    for process in &look.processes {
        match place(process, look.systemd) {
            Place::Manager => sorted.manager = true,
            Place::Unit(name) if name.starts_with("patchwave-") => {}
            Place::Unit(name) => sorted.units.entry(name).or_default().push(process.pid),
            Place::Session(_) if process.group == look.own => {}
            Place::Session(user) => drop(sorted.sessions.insert(format!("{user}: {}", process.name))),
            Place::Container(name) => drop(sorted.containers.insert(name)),
            Place::Other => drop(sorted.others.insert(process.name.clone())),
        }
    }
    sorted
}

fn place(process: &Process, systemd: bool) -> Place {
    let parts: Vec<&str> = process.group.split('/').filter(|part| !part.is_empty()).collect();
    let is_container = |part: &&&str| {
        let begins = ["docker-", "kubepods", "libpod", "cri-containerd", "crio-", "lxc.payload", "lxc.monitor"];
        ["docker", "lxc", "machine.slice"].contains(*part) || begins.iter().any(|begin| part.starts_with(begin))
    };
    if parts.iter().any(|part| is_container(&part)) {
        return Place::Container(parts.last().map_or_else(String::new, |name| (*name).to_owned()));
    }
    if !systemd {
        return Place::Other;
    }
    if process.pid == 1 {
        return Place::Manager;
    }
    if let Some(user) = parts.iter().find_map(|part| part.strip_prefix("user-")?.strip_suffix(".slice")) {
        return Place::Session(format!("user {user}"));
    }
    match parts.iter().find(|part| part.ends_with(".service")) {
        // One unit for each connection (inetd's way): ending it ends the login.
        Some(unit) if unit.starts_with("ssh@") || unit.starts_with("sshd@") => Place::Session("a login".to_owned()),
        Some(unit) if is_unit(unit) => Place::Unit((*unit).to_owned()),
        _ => Place::Other,
    }
}

fn is_unit(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b":._@\\-".contains(&b);
    !text.starts_with('-') && text.len() < 256 && text.bytes().all(plain)
}

/// Whether this unit is never restarted here.
pub(super) fn kept(unit: &str) -> Option<Kept> {
    let name = short(unit);
    let in_list = |list: &[&str]| {
        list.iter().any(|one| one.strip_suffix('*').map_or(*one == name, |begin| name.starts_with(begin)))
    };
    match () {
        () if in_list(&ONLY_A_REBOOT) => Some(Kept::Reboot),
        () if in_list(&BY_HAND) => Some(Kept::ByHand),
        () => None,
    }
}

/// Whether logins come in through this unit.
pub(super) fn is_ssh(unit: &str) -> bool {
    ["ssh", "sshd", "dropbear"].contains(&short(unit))
}

/// A unit's name as people say it.
pub(in crate::step) fn short(unit: &str) -> &str {
    unit.strip_suffix(".service").unwrap_or(unit)
}

/// Why a host should be rebooted, as far as its processes show: units that use replaced files and that nothing but a
/// reboot starts again.
pub(in crate::step) fn reboot_reasons(look: &Look) -> Vec<String> {
    let sorted = sort(look);
    let units = sorted.units.keys().filter(|unit| kept(unit) == Some(Kept::Reboot)).map(|unit| short(unit));
    let manager = sorted.manager.then_some("systemd");
    manager.into_iter().chain(units).map(reason).collect()
}

/// The reason that one of them is.
pub(super) fn reason(name: &str) -> String {
    format!("{name} uses files that were replaced, and only a reboot starts it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(group: &str) -> String {
        let process =
            Process { pid: 7, group: group.to_owned(), name: "prog".into(), file: "/usr/lib/x".into(), package: None };
        let look = Look {
            systemd: true,
            own: "/user.slice/user-0.slice/session-9.scope".into(),
            processes: vec![process],
            ships: Vec::new(),
        };
        let Sorted { manager, units, sessions, containers, others } = sort(&look);
        let all = [units.into_keys().collect(), sessions, containers, others];
        let [units, sessions, containers, others] = all.map(|list: BTreeSet<String>| Vec::from_iter(list).join(" "));
        assert!(!manager);
        match () {
            () if !units.is_empty() => format!("unit {units}"),
            () if !sessions.is_empty() => format!("session {sessions}"),
            () if !containers.is_empty() => format!("container {containers}"),
            () if !others.is_empty() => format!("other {others}"),
            () => String::new(),
        }
    }

    #[test]
    fn the_control_group_says_whose_a_process_is() {
        for (group, expected) in [
            ("/system.slice/nginx.service", "unit nginx.service"),
            ("/system.slice/system-getty.slice/getty@tty1.service", "unit getty@tty1.service"),
            ("/system.slice/php.service/pool", "unit php.service"),
            ("/payload/system.slice/cron.service", "unit cron.service"),
            ("/system.slice/patchwave-guard-1.service", ""),
            ("/user.slice/user-1000.slice/session-3.scope", "session user 1000: prog"),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "session user 1000: prog"),
            ("/user.slice/user-0.slice/session-9.scope", ""),
            ("/system.slice/system-ssh.slice/ssh@1-10.0.0.1:22-10.0.0.2:4.service", "session a login: prog"),
            ("/system.slice/docker-0123.scope", "container docker-0123.scope"),
            ("/kubepods.slice/kubepods-pod1.slice/cri-containerd-9.scope", "container cri-containerd-9.scope"),
            ("/machine.slice/machine-qemu.scope", "container machine-qemu.scope"),
            ("/lxc.payload.web/system.slice/nginx.service", "container nginx.service"),
            ("/system.slice/docker.service", "unit docker.service"),
            ("/system.slice/a;rm -r.service", "other prog"),
            ("/", "other prog"),
            ("", "other prog"),
        ] {
            assert_eq!(check(group), expected, "{group}");
        }
    }

    #[test]
    fn what_would_cut_or_break_is_never_restarted() {
        for (unit, expected) in [
            ("dbus.service", Some(Kept::Reboot)),
            ("getty@tty1.service", Some(Kept::Reboot)),
            ("systemd-logind.service", Some(Kept::Reboot)),
            ("NetworkManager.service", Some(Kept::ByHand)),
            ("openvpn-client@a.service", Some(Kept::ByHand)),
            ("docker.service", Some(Kept::ByHand)),
            ("docker-registry.service", None),
            ("dbus-helper.service", None),
            ("nginx.service", None),
            ("ssh.service", None),
        ] {
            assert_eq!(kept(unit), expected, "{unit}");
        }
    }
}
