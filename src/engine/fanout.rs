//! One command on many hosts, without a playbook and without a ledger: what `exec` does.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use tokio::time::Instant;

use crate::{
    command::{Command, Output},
    host::HostName,
    target::Target,
    transport::{Link, LinkError, Sink, Transport},
};

/// One host's answer.
#[derive(Debug)]
pub struct Answer {
    /// The host.
    pub host: HostName,
    /// Its output, or why there is none.
    pub result: Result<Output, LinkError>,
    /// The time from its start to its end.
    pub took: Duration,
}

/// Cut when it is dropped, so that nothing begins on a host after its answer is no longer waited for.
struct Task<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs each target's command, at most `forks` at once; answers come as hosts end. A target's deadlines begin when its
/// turn comes. `sink` makes the place for one host's output, just before the command is sent.
pub fn fan_out<S: Sink + 'static>(
    transport: Arc<dyn Transport>,
    targets: Vec<(Arc<Target>, Arc<Command>)>,
    forks: usize,
    sink: impl Fn(&HostName) -> S + Clone + Send + 'static,
) -> impl futures::Stream<Item = Answer> {
    stream::iter(targets)
        .map(move |(target, command)| {
            let (transport, sink) = (Arc::clone(&transport), sink.clone());
            let host = target.name.clone();
            // A task per host, so that no host waits for another, on as many cores as the runtime has.
            let task = tokio::spawn(async move {
                let began = Instant::now();
                let name = target.name.clone();
                let mut link = Link::new(transport, target);
                let result = match link.open().await {
                    Ok(()) => link.exec(&command, &mut sink(&name)).await,
                    Err(error) => Err(error.into()),
                };
                link.close().await;
                (result, began.elapsed())
            });
            let mut task = Task(task);
            async move {
                match (&mut task.0).await {
                    Ok((result, took)) => Answer { host, result, took },
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
            }
        })
        .buffer_unordered(forks)
}
