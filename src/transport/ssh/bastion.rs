//! Connections to jump hosts, shared by the hosts behind them: opened once, watched by keepalives, opened again when
//! one has died. Knows chains of hops; must not know steps, nor what runs through a stream.
//! Start at [`Bastions::share`]; a [`BastionShare`] is a host's share of one connection.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use russh::{Channel, ChannelOpenFailure};
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, sleep, timeout},
};

use super::{
    super::{Class, ConnectError, Phase, retry::Retries},
    byte_stream::ByteStream,
    connector::{Connector, Destination, Via},
    failure::{connect as failed, span},
    handshake::Connection,
    proxy_command::ProxyCommand,
};
use crate::target::{BastionCaps, JumpHop, Limits, SSH_PORT};

/// Hosts that may be logging in at the same time over one connection.
const ON_THE_WAY: usize = 64;

/// A chain of jump hosts. Hosts with equal chains share connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Chain {
    /// Never empty; the first is nearest to us.
    hops: Vec<JumpHop>,
    /// The key file of the hosts behind it, which is tried on the jump hosts too.
    key_file: Option<PathBuf>,
}

/// The connections to all bastions of a run.
#[derive(Debug, Default)]
pub(super) struct Bastions {
    pools: Mutex<HashMap<Chain, Arc<Pool>>>,
}

/// The connections to the last hop of one chain.
#[derive(Debug)]
struct Pool {
    /// For people and for telling endpoints apart: `b1,ops@b2:2222`.
    chain: Arc<str>,
    /// The most connections.
    most: usize,
    /// For a bastion with its own limit: the permits of all connections together.
    places: Option<Arc<Semaphore>>,
    shards: Mutex<Vec<Arc<Shard>>>,
}

/// One connection, which may be reopened.
struct Shard {
    hosts: AtomicUsize,
    places: Arc<Semaphore>,
    /// Held while a connection is opened, so that only one is.
    state: tokio::sync::Mutex<ShardState>,
}

#[derive(Default)]
struct ShardState {
    open: Option<Arc<Connection>>,
    /// When and how the last attempt failed; everyone who waited for it gets this error.
    failed: Option<(Instant, ConnectError)>,
}

/// A host's share of a bastion's connection.
pub(super) struct BastionShare {
    name: String,
    chain: Arc<str>,
    connection: Arc<Connection>,
    _seat: Seat,
    places: Arc<Semaphore>,
}

/// Counts a host on its shard.
struct Seat(Arc<Shard>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.hosts.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Chain {
    /// The chain through `hops`, of which there is at least one.
    pub(super) fn new(hops: Vec<JumpHop>, key_file: Option<PathBuf>) -> Option<Self> {
        (!hops.is_empty()).then_some(Self { hops, key_file })
    }

    fn last(&self) -> &JumpHop {
        self.hops.last().expect("a chain has at least one hop")
    }

    fn before(&self) -> Option<Self> {
        Self::new(self.hops[..self.hops.len() - 1].to_vec(), self.key_file.clone())
    }
}

/// `b1`, `ops@b1:2222`.
fn shown(hop: &JumpHop) -> String {
    let user = hop.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    let port = hop.port.filter(|port| *port != SSH_PORT).map(|port| format!(":{port}")).unwrap_or_default();
    format!("{user}{}{port}", hop.host)
}

impl Bastions {
    /// A share of a connection to the chain's last hop, which is opened hop by hop if there is none. The deadlines of
    /// `limits` apply to each hop.
    pub(super) fn share<'a>(
        &'a self,
        connector: &'a Connector,
        chain: &'a Chain,
        limits: Limits,
    ) -> BoxFuture<'a, Result<BastionShare, ConnectError>> {
        Box::pin(async move {
            let pool = self.pool(chain, connector.options.bastion_connections);
            let seat = pool.seat(connector.options.hosts_per_bastion_connection);
            let connection = self.connection(connector, chain, limits, &seat.0).await?;
            let places = Arc::clone(&seat.0.places);
            Ok(BastionShare {
                name: shown(chain.last()),
                chain: Arc::clone(&pool.chain),
                connection,
                _seat: seat,
                places,
            })
        })
    }

    fn pool(&self, chain: &Chain, most: usize) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(chain) {
            return Arc::clone(pool);
        }
        let names: Vec<String> = chain.hops.iter().map(shown).collect();
        let pool = Arc::new(Pool::new(names.join(","), chain.last().caps, most));
        pools.insert(chain.clone(), Arc::clone(&pool));
        pool
    }

    /// The shard's connection: the existing one, or a new one. Whoever waited for a failed attempt gets its error.
    async fn connection(
        &self,
        connector: &Connector,
        chain: &Chain,
        limits: Limits,
        shard: &Shard,
    ) -> Result<Arc<Connection>, ConnectError> {
        let came = Instant::now();
        let mut state = shard.state.lock().await;
        if let Some(open) = state.open.as_ref().filter(|open| !open.handle.is_closed()) {
            return Ok(Arc::clone(open));
        }
        if let Some((_, error)) = state.failed.as_ref().filter(|(at, _)| *at >= came) {
            return Err(error.clone());
        }
        state.open = None;
        let mut retries = Retries::new(&limits);
        let error = loop {
            match self.open(connector, chain, limits).await {
                Ok(connection) => {
                    let connection = Arc::new(connection);
                    state.open = Some(Arc::clone(&connection));
                    return Ok(connection);
                }
                Err(Lost::Before(error)) => break error,
                Err(Lost::Here(error)) => match retries.after(&error) {
                    Some(pause) => sleep(pause).await,
                    None => break through(chain.last(), error),
                },
            }
        };
        state.failed = Some((Instant::now(), error.clone()));
        Err(error)
    }

    async fn open(&self, connector: &Connector, chain: &Chain, limits: Limits) -> Result<Connection, Lost> {
        let hop = chain.last();
        let port = hop.port.unwrap_or(SSH_PORT);
        let user = hop.user.as_deref().unwrap_or(&connector.options.user);
        let via = match (chain.before(), &hop.command) {
            (Some(before), _) => Via::Bastion(self.share(connector, &before, limits).await.map_err(Lost::Before)?),
            (None, Some(template)) => {
                let command = ProxyCommand::expand(template, &hop.host, port, user).map_err(Lost::Here)?;
                Via::Command(command)
            }
            (None, None) => Via::Network,
        };
        let check = connector.host_key_check((&hop.host, port), None, hop.host_keys, &hop.ssh).map_err(Lost::Here)?;
        let agent = connector.agent(&hop.ssh);
        // The bastion must not see the host's password.
        let credentials =
            connector.credentials((user, &hop.host), (chain.key_file.as_deref(), false), &hop.ssh, agent.as_deref());
        let limits = limits.connecting_within(hop.connect);
        let limits = Limits { silence: hop.silence.unwrap_or(limits.silence), ..limits };
        connector
            .connect(Destination { host: &hop.host, port, check, credentials, limits, ssh: &hop.ssh }, via)
            .await
            .map_err(Lost::Here)
    }
}

/// Where opening a bastion's connection failed.
enum Lost {
    /// At an earlier hop, which the error names already.
    Before(ConnectError),
    Here(ConnectError),
}

/// Turns a bastion's failure into one of the hosts behind it.
fn through(hop: &JumpHop, error: ConnectError) -> ConnectError {
    let message = format!("through bastion {}: {}", shown(hop), error.message);
    ConnectError { phase: Phase::Connect, message, ..error }
}

impl Pool {
    /// At most `most` connections, unless the bastion has its own limit.
    fn new(chain: String, caps: BastionCaps, most: usize) -> Self {
        let number = |cap: u32| usize::try_from(cap).unwrap_or(usize::MAX);
        Self {
            chain: chain.into(),
            most: caps.connections.map_or(most, number),
            places: caps.handshakes.map(|cap| Arc::new(Semaphore::new(number(cap)))),
            shards: Mutex::default(),
        }
    }

    /// A seat on the shard with the fewest hosts, or on a new one when all are full and another is allowed.
    fn seat(&self, full: usize) -> Seat {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let emptiest = shards.iter().min_by_key(|shard| shard.hosts.load(Ordering::Relaxed)).cloned();
        let shard = match emptiest {
            Some(shard) if shard.hosts.load(Ordering::Relaxed) < full || shards.len() >= self.most => shard,
            _ => {
                let shard = Arc::new(Shard {
                    hosts: AtomicUsize::new(0),
                    places: self.places.clone().unwrap_or_else(|| Arc::new(Semaphore::new(ON_THE_WAY))),
                    state: tokio::sync::Mutex::default(),
                });
                shards.push(Arc::clone(&shard));
                shard
            }
        };
        shard.hosts.fetch_add(1, Ordering::Relaxed);
        Seat(shard)
    }
}

impl BastionShare {
    /// The bastion, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The whole chain, to tell apart what is behind it.
    pub(super) fn chain(&self) -> Arc<str> {
        Arc::clone(&self.chain)
    }

    /// The permits for hosts that are logging in through it.
    pub(super) fn places(&self) -> &Arc<Semaphore> {
        &self.places
    }

    /// Watches the connection without the share, which moves into the stream.
    pub(super) fn watch(&self) -> Watch {
        Watch { name: self.name.clone(), connection: Arc::clone(&self.connection) }
    }

    /// A stream to a host that the bastion can reach.
    pub(super) async fn forward(self, host: &str, port: u16, limit: Duration) -> Result<ByteStream, ConnectError> {
        let (to, stream) = oneshot::channel();
        let connection = Arc::clone(&self.connection);
        let peer = host.to_owned();
        // In its own task: a channel that opens after we stopped waiting must be closed, or the bastion keeps it.
        tokio::spawn(async move {
            let opening = connection.handle.channel_open_direct_tcpip(peer, u32::from(port), "127.0.0.1", 0);
            let _ = to.send(opening.await.map(Channel::into_stream));
        });
        let name = &self.name;
        match timeout(limit, stream).await {
            Ok(Ok(Ok(stream))) => Ok(ByteStream::Forwarded(Box::new(stream), self)),
            Ok(Ok(Err(russh::Error::ChannelOpenFailure(reason)))) => Err(refused(name, host, port, &reason)),
            Ok(Ok(Err(_)) | Err(_)) => Err(lost(name, &self.connection)),
            Err(_) => {
                let message = format!("through bastion {name}: no answer from {host}:{port} within {}", span(limit));
                let mut error = failed(Phase::Connect, Class::TimedOut, message);
                error.help = Some("is the host up, and can the bastion reach it?".to_owned());
                Err(error)
            }
        }
    }
}

/// Tells whether a bastion's connection is still there.
pub(super) struct Watch {
    name: String,
    connection: Arc<Connection>,
}

impl Watch {
    /// The error of everything that ran through it, if it is lost. Its streams notice that a moment earlier.
    pub(super) async fn lost(&self) -> Option<ConnectError> {
        for _ in 0..10 {
            if self.connection.handle.is_closed() {
                return Some(lost(&self.name, &self.connection));
            }
            sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

fn lost(name: &str, connection: &Connection) -> ConnectError {
    let why = connection.status.end().map_or_else(|| "it was closed".to_owned(), |end| end.why);
    failed(Phase::Connect, Class::Closed, format!("through bastion {name}: its connection was lost: {why}"))
}

fn refused(bastion: &str, host: &str, port: u16, reason: &ChannelOpenFailure) -> ConnectError {
    let (class, what, help) = match reason {
        ChannelOpenFailure::AdministrativelyProhibited => (
            Class::Local,
            format!("it refuses to forward connections to {host}:{port} (administratively prohibited)"),
            "check `AllowTcpForwarding` and `PermitOpen` in its sshd_config, and the options in its authorized_keys",
        ),
        ChannelOpenFailure::ConnectFailed => (
            Class::Refused,
            format!(
                "it cannot connect to {host}:{port}: nothing listens there, or it has no address or route for the host"
            ),
            "is the host up? its name is looked up on the bastion, not on this machine",
        ),
        other => (
            Class::Protocol,
            format!("it refused a channel to {host}:{port} ({})", crate::command::printable(&format!("{other:?}"))),
            "see the log of its sshd",
        ),
    };
    let mut error = failed(Phase::Connect, class, format!("through bastion {bastion}: {what}"));
    error.help = Some(help.to_owned());
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_spread_over_connections_up_to_the_cap() {
        let pool = Pool::new("b1".into(), BastionCaps::default(), 3);
        let mut seats: Vec<Seat> = (0..7).map(|_| pool.seat(2)).collect();
        let counts = |pool: &Pool| -> Vec<usize> {
            pool.shards.lock().unwrap().iter().map(|shard| shard.hosts.load(Ordering::Relaxed)).collect()
        };
        assert_eq!(counts(&pool), [3, 2, 2]);
        seats.truncate(2);
        assert_eq!(counts(&pool), [2, 0, 0]);
        seats.extend((0..4).map(|_| pool.seat(2)));
        assert_eq!(counts(&pool), [2, 2, 2]);
    }

    #[test]
    fn a_bastion_has_its_own_numbers() {
        let caps = BastionCaps { connections: Some(2), handshakes: Some(5) };
        let pool = Pool::new("b1".into(), caps, 8);
        let seats: Vec<Seat> = (0..9).map(|_| pool.seat(1)).collect();
        assert_eq!(pool.shards.lock().unwrap().len(), 2);
        let places: Vec<_> = seats.iter().map_while(|seat| seat.0.places.try_acquire().ok()).collect();
        assert_eq!(places.len(), 5, "over both connections");
    }

    #[test]
    fn hops_are_shown_as_they_are_typed() {
        for text in ["b1", "ops@b1", "ops@b1:2222"] {
            assert_eq!(shown(&JumpHop::parse(text).unwrap()), text);
        }
        assert_eq!(shown(&JumpHop::parse("b1:22").unwrap()), "b1");
    }
}
