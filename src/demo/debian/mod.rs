//! What is Debian about a simulated host: its release, its package programs and the files they read. Knows no host and
//! no role. Installed and available packages are in `tables`.

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

/// Its package programs and the files they read. The other programs are in `shims/`.
pub(super) const PROGRAMS: &[(&str, &str)] = &[
    ("apt-cache", include_str!("shims/apt-cache.sh")),
    ("apt-config", include_str!("shims/apt-config.sh")),
    ("apt-get", include_str!("shims/apt-get.sh")),
    ("apt-mark", include_str!("shims/apt-mark.sh")),
    ("dpkg", include_str!("shims/dpkg.sh")),
    ("dpkg-deb", include_str!("shims/dpkg-deb.sh")),
    ("dpkg-query", include_str!("shims/dpkg-query.sh")),
    ("dpkg-repack", include_str!("shims/dpkg-repack.sh")),
    ("dpkg-db.sh", include_str!("shims/dpkg-db.sh")),
];

/// Programs of the machine itself that a host must not call. The package managers that patchwave looks for are not
/// among them, because a host with one of these programs counts as a host with this manager.
pub(super) const ABSENT: &[&str] = &["apt"];

/// Folders that its package programs need.
pub(super) const FOLDERS: [&str; 3] = ["var/lib/dpkg/updates", "var/lib/apt/lists", "var/tmp"];

/// A package list: a host without any does not know what is pending.
pub(super) const LIST: (&str, &str) = (
    "var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease",
    "Origin: Debian\nLabel: Debian\nSuite: oldstable\nCodename: bookworm\nDate: Sat, 14 Nov 2026 09:12:34 UTC\nSHA256:\n",
);

/// The file that a transaction locks.
pub(super) const LOCK: &str = "var/lib/dpkg/lock-frontend";

/// The command line of the process that holds the lock, in the fault where the lock is held.
pub(super) const HOLDER: &str = "/usr/bin/python3\0/usr/bin/unattended-upgrade\0";
