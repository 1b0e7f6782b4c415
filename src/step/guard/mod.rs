//! Confirm or roll back: before a guarded change begins, the host itself is set up to run a rollback unless a **new**
//! connection confirms in time. Whatever happens to this program, to the connection or to the host, exactly one of the
//! two happens, once. Start at [`arm_or_stop`] and [`settle`]; what happens on the host is in `arm.sh` and `watch.sh`.
//!
//! Command lines on the host, all through `/bin/sh -c`, as root: `id -u`, `mkdir [-p]`, `chmod 700`, `cat`, `wc`, `cp`,
//! `mv [-f]`, `ln [-sf]`, `rm`, `rmdir`, `sync FILE…`, `sleep`, `find`, `head`, `tail`, `grep -qx`, `date +%s`,
//! `flock -w 10 9` (where it is), `kill` (of a rollback that takes too long), `setsid [-f] /bin/sh WATCH FOLDER`; where
//! `/run/systemd/system` is: `systemctl daemon-reload`, `systemctl reset-failed|start --no-block|stop
//! patchwave-guard-ID.service`. Files: `/var/lib/patchwave/guards/`, `guard.lock`,
//! `/etc/systemd/system/patchwave-guard-*.service` and its link in `sysinit.target.wants`, `/proc/uptime`,
//! `/proc/PID/stat`, `/proc/sys/kernel/random/boot_id`.

mod answer;
mod arm;
mod commands;
mod fate;
pub(super) mod held;
mod known;
mod noted;
mod settle;
#[cfg(test)]
mod tests;

#[cfg(feature = "testing")]
pub(super) use answer::answers_understood;
pub use arm::{Armed, arm, arm_or_stop, over};
pub(super) use arm::{not_begun, unless_over, would};
pub use known::{Known, Outlives};
pub(super) use noted::{hand_on, recall};
pub use noted::{has_rolled_back, was_armed};
pub(super) use settle::{close, settle};
