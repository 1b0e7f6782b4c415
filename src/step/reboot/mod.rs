//! `reboot`: requested once, while no other program works on the packages, and then proved: a different boot id, a
//! fresh login, a settled system, the expected kernel, packages as healthy as before, and all of this still true after
//! a while. Start at [`run`]; `need` says why, `request` asks, `leave` sees it go, `boot` waits for the boot id, `up`
//! proves, `health` looks at the packages, `trial` starts a new kernel once.
//!
//! Command lines on the host, through `/bin/sh -c`: `cat /proc/sys/kernel/random/boot_id`, `wall` (message on standard
//! input), `systemctl is-system-running`, `uname -r`, those of `baseline`, and for the reboot itself
//! `systemd-run --quiet --unit=patchwave-reboot-ID /bin/sh -c 'sleep 1; systemctl reboot …'` where
//! `/run/systemd/system` is, else `setsid -f /bin/sh -c 'sleep 1; shutdown -r now || reboot …'`; where that is refused,
//! `systemctl is-failed|reset-failed`, `systemd-inhibit --list`, `journalctl -u`.

mod before;
mod boot;
mod health;
mod leave;
mod need;
mod request;
mod run;
#[cfg(test)]
mod tests;
mod trial;
mod up;

pub(super) use need::first_asks;
pub(super) use run::run;
