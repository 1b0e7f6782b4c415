//! What is Debian on a simulated host: its release, its package programs, what they read. Knows no host and no role.
//! What is installed and offered is in `tables`.

mod tables;

pub(super) use tables::{available, installed};

/// The kernel that runs before any update.
pub(super) const KERNEL: &str = "6.1.0-40-amd64";

pub(super) const OS_RELEASE: &str = r#"PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
"#;

/// Its package programs, as `shims/` has the others, and what they read.
pub(super) const PROGRAMS: &[(&str, &str)] = &[
    ("apt-cache", include_str!("shims/apt-cache.sh")),
    ("apt-get", include_str!("shims/apt-get.sh")),
    ("apt-mark", include_str!("shims/apt-mark.sh")),
    ("dpkg", include_str!("shims/dpkg.sh")),
    ("dpkg-query", include_str!("shims/dpkg-query.sh")),
    ("dpkg-db.sh", include_str!("shims/dpkg-db.sh")),
];

/// Programs that must not be those of the machine itself. No package manager that this program looks for is among them:
/// a host that has one is taken for one of its kind.
pub(super) const ABSENT: &[&str] = &["apt"];

/// Folders that its package programs want.
pub(super) const FOLDERS: [&str; 2] = ["var/lib/dpkg/updates", "var/lib/apt/lists"];

/// The file whose lock a transaction takes.
pub(super) const LOCK: &str = "var/lib/dpkg/lock-frontend";

/// What holds it where the lock is held: a process's command line.
pub(super) const HOLDER: &str = "/usr/bin/python3\0/usr/bin/unattended-upgrade\0";
