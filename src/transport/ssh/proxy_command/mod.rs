//! `ProxyCommand`: a program on this machine whose standard streams are the connection to a host. It runs in a process
//! group of its own, which ends with the stream. Knows no SSH. Start at [`ProxyCommand::start`]; `child` supervises
//! the process, `expand` makes the line.

mod child;
mod expand;

pub(super) use child::Pipe;
pub(super) use expand::ProxyCommand;
