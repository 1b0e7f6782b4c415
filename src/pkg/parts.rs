//! Parts of a system where a mistake is felt at once: logins, the C library, process 1, containers, databases, the boot
//! loader. Known by the names that distributions give their packages, whichever manager installs them. Start at
//! [`part_of`].

/// The part, and the names that its packages have: whole, or (`name*`) how they begin.
const PARTS: [(&str, &[&str]); 6] = [
    ("sshd", &["openssh-server", "openssh", "openssh-clients", "dropbear", "dropbear-bin", "tinysshd"]),
    ("libc", &["libc6", "libc-bin", "glibc", "glibc-common", "musl"]),
    ("init", &["systemd", "systemd-libs", "libsystemd0", "sysvinit-core", "openrc", "runit", "upstart"]),
    (
        "container runtime",
        &[
            "docker",
            "docker-ce",
            "docker.io",
            "docker-engine",
            "moby-engine",
            "containerd",
            "containerd.io",
            "runc",
            "crun",
            "podman",
            "cri-o",
            "kubelet",
            "k3s",
            "lxc",
            "lxd",
            "incus",
        ],
    ),
    (
        "database",
        &[
            "postgresql",
            "postgresql-server",
            "postgresql-1*",
            "postgresql-9*",
            "postgresql1*",
            "mysql-server*",
            "mysql-community-server*",
            "mariadb",
            "mariadb-server*",
            "mongodb-org-server",
            "redis",
            "redis-server",
            "valkey*",
            "etcd",
            "etcd-server",
            "elasticsearch",
            "opensearch",
            "cassandra",
            "influxdb*",
        ],
    ),
    ("boot loader", &["grub-*", "grub2*", "shim", "shim-signed", "shim-x64", "systemd-boot*"]),
];

/// The part of the system that a package belongs to; its name is without an architecture.
pub fn part_of(name: &str) -> Option<&'static str> {
    let is = |known: &str| known.strip_suffix('*').map_or(known == name, |begin| name.starts_with(begin));
    PARTS.iter().find(|(_, names)| names.iter().any(|known| is(known))).map(|(part, _)| *part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_whole_names() {
        for (name, part) in [
            ("openssh-server", Some("sshd")),
            ("libc6", Some("libc")),
            ("libc6-dev", None),
            ("systemd", Some("init")),
            ("docker-ce", Some("container runtime")),
            ("docker-ce-cli", None),
            ("postgresql-15", Some("database")),
            ("postgresql-client-15", None),
            ("mariadb-server-10.6", Some("database")),
            ("grub-pc-bin", Some("boot loader")),
            ("curl", None),
            ("", None),
        ] {
            assert_eq!(part_of(name), part, "{name}");
        }
    }
}
