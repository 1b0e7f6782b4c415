//! Moments of a host's walk at which it is held until the test releases it, however slow the machine is: in the
//! refresh, in the installation, before the reboot, while it is down, after the reboot.

use std::fs;

use crate::{events::begins, fleet::Lab, patchwave::Running};

/// The walk of every host of the fault matrix. The two gates are steps that only look, so they may be repeated.
pub const WALK: &str = "
name: Wave with faults
steps:
  - { upgrade: { scope: security, lock_timeout: 1m }, timeout: 3m }
  - { wait_for: { path: /root/go-on, interval: 200ms }, timeout: 3m }
  - { reboot: { when: required, stable: 1s, timeout: 2m }, timeout: 3m }
  - { wait_for: { path: /root/go-out, interval: 200ms }, timeout: 3m }
  - { verify: { services: [ssh, lab-svc], packages: healthy }, timeout: 1m }
";
/// All hosts at once, and a budget that lets every one of them break.
pub const ALL_AT_ONCE: &str = "all: { vars: { patchwave: { environment: test, risk: low, silence_timeout: 5s, \
                               connect_timeout: 5s, batch: 100%, max_failures: 100% } } }";

/// Where a host is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// In the upgrade, before its transaction: the package lists are being fetched.
    Refresh,
    /// In the middle of the transaction.
    Install,
    /// After the upgrade, before the reboot.
    Between,
    /// The host is down, as the run asked.
    Down,
    /// After the reboot.
    After,
}

impl Lab {
    /// Makes the host stop when it reaches this moment.
    pub fn hold(&self, host: &str, moment: Moment) {
        let script = match moment {
            Moment::Refresh => "touch /etc/lab-hold-update /root/go-on /root/go-out",
            Moment::Install => "touch /etc/lab-hold /root/go-on /root/go-out",
            Moment::Between | Moment::Down => "touch /root/go-out",
            Moment::After => "touch /root/go-on",
        };
        self.on(host, &format!("echo 0 >/etc/lab-slow-secs; {script}"));
        if moment == Moment::Down {
            self.sh(&["next-boot", host, "held"]);
        }
    }

    /// Releases it, wherever it is held.
    pub fn let_go(&self, host: &str) {
        if self.is_held_down(host) {
            return self.sh(&["power", host, "on"]);
        }
        self.on(host, "rm -f /etc/lab-hold /etc/lab-hold-update; touch /root/go-on /root/go-out");
    }

    /// Whether it is down until it is released.
    pub fn is_held_down(&self, host: &str) -> bool {
        let file = self.state().join("host").join(host).join("state");
        fs::read_to_string(file).is_ok_and(|state| state.trim() == "held")
    }

    /// Waits until the host boots and can be asked again, as seen on its own console.
    pub fn until_up(&self, host: &str) {
        self.until(host, "systemctl is-active --quiet ssh");
    }
}

/// Waits until each of these hosts is held at its moment.
pub fn until_held(lab: &Lab, running: &mut Running<'_>, hosts: &[(String, Moment)]) {
    for (host, moment) in hosts {
        match moment {
            Moment::Refresh => lab.until(host, "test -e /run/lab-updating"),
            Moment::Install => lab.until(host, "grep -q 'begin lab-slowsec' /var/log/lab-slow"),
            Moment::Between | Moment::Down => drop(running.until(|event| begins(event, host, 1))),
            Moment::After => drop(running.until(|event| begins(event, host, 3))),
        }
    }
    for (host, _) in hosts.iter().filter(|(_, moment)| *moment == Moment::Down) {
        lab.on(host, "touch /root/go-on");
        lab.in_time(|| lab.is_held_down(host), || format!("{host} does not go down"));
    }
}
