//! `patchwave` takes fleets of Linux hosts through operating-system patch waves over plain SSH.
//!
//! The map of the house, floor by floor. A module uses lower floors only (`tests/tidy.rs` keeps it so):
//!
//! | floor | modules | what they are |
//! |---|---|---|
//! | 0 | [`host`] [`amount`] [`command`] [`clock`] [`mask`] [`sensitive`] [`prompt`] [`spool`] [`regular`] [`vault`] | words, what is a secret and what hides it, who can be asked, where bytes wait, files that are files |
//! | 1 | [`yaml`] [`names`] [`hint`] [`calendar`] | text with positions; many names in few words; what to type next; maintenance windows |
//! | 2 | [`policy`] [`target`] [`facts`] | words made of words; what a host is |
//! | 3 | [`inventory`] [`playbook`] [`pkg`] [`sshconfig`] | files to checked data; what package managers say. Pure |
//! | 4 | [`plan`] [`reach`] | who is patched with whom, in what order; how a host is reached. Pure |
//! | 5 | [`event`] | what happened, and the fold of it. Pure |
//! | 6 | [`rollout`] [`record`] | may the next host start; what is recorded outside runs. Pure |
//! | 7 | [`view`] | a run or a fleet as it is now, for everybody who shows it. Pure |
//! | 8 | [`transport`] [`ledger`] [`ui`] [`report`] | SSH; SQLite; screen |
//! | 9 | [`step`] [`look`] | what one step does on one host; what a read-only visit asks of one |
//! | 10 | [`engine`] [`demo`] [`sim`] | the only concurrent code; the embedded fleet; a fleet without sockets |
//! | 11 | [`cli`] | wiring |
//!
//! `main` needs [`cli`] alone. The feature `testing` opens the rest to tests, benches and fuzz targets, and adds what
//! only they use. Without it rustc sees what nothing uses.

// A module may give more names than the program says.
#![cfg_attr(not(feature = "testing"), allow(unused_imports))]

pub mod cli;

#[cfg(feature = "testing")]
macro_rules! open {
    ($($module:ident)*) => { $(pub mod $module;)* };
}

#[cfg(feature = "testing")]
open! {
    amount calendar clock command demo engine event facts hint host inventory ledger look mask names pkg plan playbook policy prompt
    reach record regular report rollout sensitive sim spool sshconfig step target transport ui vault view yaml
}

#[cfg(not(feature = "testing"))]
mod amount;
#[cfg(not(feature = "testing"))]
mod calendar;
#[cfg(not(feature = "testing"))]
mod clock;
#[cfg(not(feature = "testing"))]
mod command;
#[cfg(not(feature = "testing"))]
#[allow(dead_code, reason = "tests break the fleet in more ways than the command does")]
mod demo;
#[cfg(not(feature = "testing"))]
mod engine;
#[cfg(not(feature = "testing"))]
mod event;
#[cfg(not(feature = "testing"))]
mod facts;
#[cfg(not(feature = "testing"))]
mod hint;
#[cfg(not(feature = "testing"))]
mod host;
#[cfg(not(feature = "testing"))]
mod inventory;
#[cfg(not(feature = "testing"))]
mod ledger;
#[cfg(not(feature = "testing"))]
mod look;
#[cfg(not(feature = "testing"))]
mod mask;
#[cfg(not(feature = "testing"))]
mod names;
#[cfg(not(feature = "testing"))]
mod pkg;
#[cfg(not(feature = "testing"))]
mod plan;
#[cfg(not(feature = "testing"))]
mod playbook;
#[cfg(not(feature = "testing"))]
mod policy;
#[cfg(not(feature = "testing"))]
mod prompt;
#[cfg(not(feature = "testing"))]
mod reach;
#[cfg(not(feature = "testing"))]
mod record;
#[cfg(not(feature = "testing"))]
mod regular;
#[cfg(not(feature = "testing"))]
mod report;
#[cfg(not(feature = "testing"))]
mod rollout;
#[cfg(not(feature = "testing"))]
mod sensitive;
#[cfg(not(feature = "testing"))]
#[allow(dead_code, reason = "tests break hosts in more ways than a rehearsal does, and look at them more closely")]
mod sim;
#[cfg(not(feature = "testing"))]
mod spool;
#[cfg(not(feature = "testing"))]
mod sshconfig;
#[cfg(not(feature = "testing"))]
mod step;
#[cfg(not(feature = "testing"))]
mod target;
#[cfg(not(feature = "testing"))]
mod transport;
#[cfg(not(feature = "testing"))]
mod ui;
#[cfg(not(feature = "testing"))]
mod vault;
#[cfg(not(feature = "testing"))]
mod view;
#[cfg(not(feature = "testing"))]
mod yaml;
