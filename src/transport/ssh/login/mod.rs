//! Logging in: which keys and passwords are offered, in which order, and what a refusal means.
//! Must not know commands or host keys. The host counts every refused try (`MaxAuthTries`), so what was configured
//! comes first. Start at [`order`]; `key`, `certificate`, `agent_key` and `password` make the tries, within `rules`;
//! `answer` reads the host's answers.

mod agent_key;
mod answer;
mod certificate;
mod key;
mod order;
mod password;
mod rules;
mod sign;

pub(super) use order::{Credentials, login};
