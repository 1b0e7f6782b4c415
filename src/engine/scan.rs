//! A read-only visit of many hosts, without a playbook and without a run: what `scan` does.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::{
    clock::Clock,
    host::HostName,
    look::{Asked, Found, look},
    target::Target,
    transport::{Class, ExecError, Link, LinkError, Transport},
};

/// One host's visit.
#[derive(Debug)]
pub struct Visited {
    /// The host.
    pub host: HostName,
    /// When it ended.
    pub at: Timestamp,
    /// What was found, or why nothing was.
    pub result: Result<Found, LinkError>,
}

/// Visits each target, at most `forks` at once, each for at most `limit` from its turn on; visits come as they end.
pub fn scan(
    transport: Arc<dyn Transport>,
    targets: Vec<Arc<Target>>,
    forks: usize,
    asked: Asked,
    limit: Duration,
    clock: Arc<dyn Clock>,
) -> impl futures::Stream<Item = Visited> {
    stream::iter(targets)
        .map(move |target| {
            let (transport, clock) = (Arc::clone(&transport), Arc::clone(&clock));
            let host = target.name.clone();
            // A task per host, so that no host waits for another.
            let task = tokio::spawn(async move {
                let mut link = Link::new(transport, target).for_many();
                let visit = tokio::time::timeout(limit, look(&mut link, asked, clock.now())).await;
                let result = visit.unwrap_or_else(|_| Err(too_long(limit)));
                link.close().await;
                (result, clock.now())
            });
            async move {
                match task.await {
                    Ok((result, at)) => Visited { host, at, result },
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
            }
        })
        .buffer_unordered(forks)
}

fn too_long(limit: Duration) -> LinkError {
    LinkError::Exec(ExecError {
        // The visit only reads, so nothing is unknown on the host.
        sent: false,
        class: Class::CommandTimeout,
        message: format!("the visit took longer than {} s", limit.as_secs()),
        help: Some("`--timeout` sets how long it may take".to_owned()),
    })
}
