//! Logging in: which keys and passwords are offered, in which order, and what a refusal means.
//! Must not know commands or host keys. The host counts every refused try (`MaxAuthTries`), so what was configured
//! comes first. Start at [`order`]; `key` and `password` make the tries, `answer` reads what the host says to them.

mod answer;
mod key;
mod order;
mod password;
mod sign;

pub(super) use order::{Ways, login};
