//! How a command reaches a host: [`Transport`] opens a [`Session`], a session runs [`Command`]s.
//! Knows no step, prints nothing; only [`Link`] retries. An error says whether the command was sent.
//! Start at [`Transport`]; [`ssh`] is the real one.

mod error;
mod link;
mod machine;
mod process;
mod retry;
pub mod ssh;

pub use error::{Class, ConnectError, ExecError, Phase};
pub use link::{Link, LinkError};
pub use process::{Ending, Process, ProcessLine};

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::{
    command::{Command, Output},
    target::Target,
};

/// Opens sessions. Shared by all hosts of a run.
pub trait Transport: Send + Sync {
    /// Opens a session within the target's deadlines, which start when the host leaves the queue.
    fn connect(&self, target: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>>;
}

/// Which stream a piece of output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Receives output as it arrives. Must not block: it is called from the session's reader.
pub trait Sink: Send + Sync {
    /// One piece of one stream.
    fn write(&mut self, stream: Stream, bytes: &[u8]);
}

/// Drops everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl Sink for NoSink {
    fn write(&mut self, _: Stream, _: &[u8]) {}
}

/// One open, authenticated connection to one host.
pub trait Session: Send + Sync {
    /// Runs one command to its end, with elevated privileges if it asks for them, within its timeout.
    fn exec<'a>(&'a mut self, command: &'a Command, sink: &'a mut dyn Sink)
    -> BoxFuture<'a, Result<Output, ExecError>>;

    /// Runs commands that only look and have no input, in as few round trips as it can; their outputs in the same
    /// order. It may stop early: then there are fewer outputs.
    fn exec_all<'a>(&'a mut self, commands: &'a [Command]) -> BoxFuture<'a, Result<Vec<Output>, ExecError>> {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(commands.len());
            for command in commands {
                outputs.push(self.exec(command, &mut NoSink).await?);
            }
            Ok(outputs)
        })
    }

    /// The fingerprint of the host key that was shown and accepted, as `ssh-keygen -l` prints it.
    fn host_key(&self) -> Option<String> {
        None
    }

    /// Says that several commands will run one after the other, so that their channels may be opened ahead.
    fn expect_more(&mut self) {}

    /// Disconnects within a second or two; never fails.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}
