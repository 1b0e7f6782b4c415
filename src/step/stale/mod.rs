//! Programs that still use files which an upgrade has replaced, and restarting their services. Knows processes, control
//! groups and units; no package manager. Start at [`after_upgrade`]; `look.rs` asks for the processes, `sort.rs` says
//! whose they are, `survey.rs` what may be done about them, `restart.rs` does it and proves a fresh login. For a check,
//! `users.rs` asks before an upgrade which processes use the files that it would replace.
//!
//! Command lines on the host, through `/bin/sh -c`: `grep -E` in `/proc/PID/maps`, `/proc/PID/cgroup`,
//! `/proc/PID/comm`, and for a check the files of packages, as their manager lists them; where `/run/systemd/system`
//! is: `systemctl show -p PROPERTIES -- UNIT…`, `systemctl daemon-reexec`, `systemctl restart -- UNIT`, `sshd -t`.

mod look;
mod outcome;
mod restart;
mod sort;
mod survey;
#[cfg(test)]
mod tests;
mod users;

pub(super) use look::look;
pub(super) use outcome::{Outcome, after_upgrade};
pub(super) use sort::{reboot_reasons, short};
pub(super) use users::foresee;
