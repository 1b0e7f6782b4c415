//! `patchwave` takes fleets of Linux hosts through operating-system patch waves over plain SSH.
//!
//! The map of the house, floor by floor. A module uses lower floors only (`tests/tidy.rs` keeps it so):
//!
//! | floor | modules | what they are |
//! |---|---|---|
//! | 0 | [`host`] [`amount`] [`command`] [`clock`] [`mask`] [`sensitive`] [`prompt`] [`spool`] [`regular`] | words, what is a secret and what hides it, who can be asked, where bytes wait, files that are files |
//! | 1 | [`yaml`] [`names`] | text with positions; many names in few words |
//! | 2 | [`policy`] [`target`] [`facts`] | words made of words; what a host is |
//! | 3 | [`inventory`] [`playbook`] [`pkg`] [`sshconfig`] | files to checked data; what package managers say. Pure |
//! | 4 | [`plan`] [`reach`] | who is patched with whom, in what order; how a host is reached. Pure |
//! | 5 | [`event`] | what happened, and the fold of it. Pure |
//! | 6 | [`rollout`] | may the next host start. Pure |
//! | 7 | [`view`] | a run as it is now, for everybody who shows it. Pure |
//! | 8 | [`transport`] [`ledger`] [`ui`] [`report`] | SSH; SQLite; screen |
//! | 9 | [`step`] | what one step does on one host |
//! | 10 | [`engine`] [`demo`] [`sim`] | the only concurrent code; the embedded fleet; a fleet without sockets |
//! | 11 | [`cli`] | wiring |

pub mod amount;
pub mod cli;
pub mod clock;
pub mod command;
pub mod demo;
pub mod engine;
pub mod event;
pub mod facts;
pub mod host;
pub mod inventory;
pub mod ledger;
pub mod mask;
pub mod names;
pub mod pkg;
pub mod plan;
pub mod playbook;
pub mod policy;
pub mod prompt;
pub mod reach;
pub mod regular;
pub mod report;
pub mod rollout;
pub mod sensitive;
pub mod sim;
pub mod spool;
pub mod sshconfig;
pub mod step;
pub mod target;
pub mod transport;
pub mod ui;
pub mod view;
pub mod yaml;
