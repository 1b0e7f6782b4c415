//! The acceptance tests: the program as people start it, against real booted Debian hosts.
//!
//! Each test has its own lab (`lab.sh hold`) and trusts the hosts, not the program: dpkg there says what is installed,
//! and the boot id whether a host was restarted. Start reading at `wave.rs`; [`fleet`] has the hosts, [`patchwave`] the
//! program, [`events`] its output.

mod apk;
mod clock;
mod controller_faults;
mod crash;
mod dnf;
mod events;
mod failure;
mod faults;
mod first_hour;
mod fleet;
mod forecast;
mod guard;
mod half_done;
mod host_faults;
mod judge;
mod kept;
mod kernel_back;
mod lease;
mod login;
mod mixed;
mod moments;
mod odd;
mod on_host;
mod package;
mod pacman;
mod patchwave;
mod reboot;
mod rights;
mod rollback;
mod scan;
mod services;
mod shells;
mod stop;
#[path = "../it/support/terminal.rs"]
mod terminal;
mod transaction;
mod watchdog;
mod wave;
mod zypper;
