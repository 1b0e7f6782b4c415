//! Managers that hosts have and this program does not support: known by name only, so that a refusal can say what it
//! found. A manager that gets its own folder is removed here.

/// Their programs, in the order in which they are looked for.
pub(super) const FOREIGN: [&str; 7] = ["rpm-ostree", "dnf", "yum", "zypper", "apk", "pacman", "transactional-update"];
