//! The acceptance tests: the program as people start it, against real booted Debian hosts.
//!
//! Each test holds a lab of its own (`lab.sh hold`) and believes the hosts, not the program: what is installed is
//! asked of dpkg there, whether a host was restarted of its boot id. Start reading at `wave.rs`; [`fleet`] are the
//! hosts, [`patchwave`] is the program, [`events`] what it said.

mod clock;
mod controller_faults;
mod crash;
mod events;
mod failure;
mod faults;
mod fleet;
mod guard;
mod host_faults;
mod judge;
mod lease;
mod login;
mod moments;
mod odd;
mod patchwave;
mod reboot;
mod rights;
mod shells;
mod stop;
#[path = "../it/support/terminal.rs"]
mod terminal;
mod transaction;
mod watchdog;
mod wave;
