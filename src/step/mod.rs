//! What one step does on one host: a file per kind, one match over the kinds, here.
//! A step sees its host, its spec and the jump box; never other hosts, never the ledger. Start at [`StepCx`].

mod cx;

pub use cx::{Controller, HookOutput, Interrupted, Journal, Recovery, StepCx};
