//! Name lookup and TCP connect, with one deadline for both; the time in between is not counted.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use rustix::net::sockopt;
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};

use super::{
    super::{Class, ConnectError, Phase},
    failure::{connect as failed, span},
};
use crate::target::SshSettings;

/// Each lookup blocks a thread, and cannot be cut short.
const LOOKUPS: usize = 64;
/// The limit of `ConnectionAttempts`.
const MOST_TRIES: u32 = 60;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// The least time for each of several addresses.
const LEAST: Duration = Duration::from_millis(250);

/// A host's addresses.
#[derive(Debug)]
pub(super) struct Found {
    /// Never empty.
    pub(super) addresses: Vec<SocketAddr>,
    /// The deadline for lookup and connect together.
    limit: Duration,
    /// What is left of it.
    left: Duration,
    /// Local addresses, at most one per family; empty: any.
    from: Vec<IpAddr>,
    /// How many attempts, one second apart.
    tries: u32,
    /// Whether TCP keepalives are on.
    keepalive: bool,
}

impl Found {
    /// Keeps the addresses of the wanted family, and sets the local address.
    pub(super) fn keep(&mut self, ssh: &SshSettings, host: &str) -> Result<(), ConnectError> {
        self.from.clone_from(&ssh.bind);
        self.tries = ssh.attempts.unwrap_or(1).clamp(1, MOST_TRIES);
        self.keepalive = !ssh.no_tcp_keepalive;
        let from = &ssh.bind;
        self.addresses.retain(|address| {
            let reachable = from.is_empty() || from.iter().any(|from| from.is_ipv4() == address.is_ipv4());
            ssh.family.takes(address.ip()) && reachable
        });
        match self.addresses.is_empty() {
            false => Ok(()),
            true => Err(unresolved(
                host,
                "it has no address of the family that AddressFamily, BindAddress or BindInterface requires",
            )),
        }
    }

    fn new(addresses: Vec<SocketAddr>, limit: Duration, left: Duration) -> Self {
        Self { addresses, limit, left, from: Vec::new(), tries: 1, keepalive: true }
    }
}

/// Connects, from a certain local address if one is set.
async fn connect(to: SocketAddr, from: &[IpAddr]) -> io::Result<TcpStream> {
    let Some(from) = from.iter().find(|from| from.is_ipv4() == to.is_ipv4()) else {
        return TcpStream::connect(to).await;
    };
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(*from, 0))?;
    socket.connect(to).await
}

/// Looks names up.
#[derive(Debug)]
pub(super) struct Dialer {
    lookups: Arc<Semaphore>,
}

impl Dialer {
    pub(super) fn new() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS)) }
    }

    /// Looks a host up. The deadline starts with the lookup, not in the queue before it.
    pub(super) async fn find(&self, host: &str, port: u16, limit: Duration) -> Result<Found, ConnectError> {
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(Found::new(vec![SocketAddr::new(ip, port)], limit, limit)),
            Err(_) => self.lookup(host, port, limit).await,
        }
    }

    async fn lookup(&self, host: &str, port: u16, limit: Duration) -> Result<Found, ConnectError> {
        let place = Arc::clone(&self.lookups).acquire_owned().await.expect("the semaphore is never closed");
        let deadline = Instant::now() + limit;
        let name = host.to_owned();
        let looking = tokio::task::spawn_blocking(move || {
            let found = (name.as_str(), port).to_socket_addrs().map(Vec::from_iter);
            drop(place);
            found
        });
        let found = match timeout_at(deadline, looking).await {
            Ok(Ok(found)) => found,
            Ok(Err(panicked)) => Err(io::Error::other(panicked)),
            Err(_) => {
                let message = format!("looking up {host} timed out after {}", span(limit));
                return Err(failed(Phase::Resolve, Class::TimedOut, message));
            }
        };
        match found {
            Ok(addresses) if !addresses.is_empty() => {
                Ok(Found::new(addresses, limit, deadline.saturating_duration_since(Instant::now())))
            }
            Ok(_) => Err(unresolved(host, "it has no address")),
            Err(error) => Err(unresolved(host, &lookup_reason(&error))),
        }
    }
}

/// Connects to the first address that answers, within what the lookup has left of the deadline, up to
/// `ConnectionAttempts` times. The pauses in between count against no deadline, as in OpenSSH.
pub(super) async fn dial(found: &Found, silence: Duration) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut deadline = Instant::now() + found.left;
    for _ in 1..found.tries {
        match try_all(found, silence, deadline).await {
            Err(error) if worth_another(&error) && Instant::now() < deadline => {}
            result => return result,
        }
        sleep(BETWEEN_TRIES).await;
        deadline += BETWEEN_TRIES;
    }
    try_all(found, silence, deadline).await
}

/// Whether the host may answer a later attempt.
fn worth_another(error: &ConnectError) -> bool {
    matches!(error.class, Class::Refused | Class::TimedOut | Class::Closed)
}

async fn try_all(found: &Found, silence: Duration, deadline: Instant) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut last = None;
    for (n, address) in found.addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let others = u32::try_from(found.addresses.len() - n).unwrap_or(u32::MAX);
        let until = (Instant::now() + (left / others).max(LEAST)).min(deadline);
        match timeout_at(until, connect(*address, &found.from)).await {
            Ok(Ok(stream)) => {
                tune(&stream, silence, found.keepalive);
                return Ok((stream, *address));
            }
            Ok(Err(error)) => last = Some(refused(*address, &error)),
            Err(_) => {
                // A refusal says more than a timeout.
                last.get_or_insert_with(|| {
                    let message = format!("no answer from {address} within {}", span(found.limit));
                    let mut error = failed(Phase::Connect, Class::TimedOut, message);
                    error.help = Some(
                        "is the host up, and is a firewall in between? `connect_timeout` sets how long to wait".into(),
                    );
                    error
                });
            }
        }
    }
    Err(last.unwrap_or_else(|| failed(Phase::Resolve, Class::Resolve, "the name has no address")))
}

/// getaddrinfo's message, without the prefix that std adds.
fn lookup_reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}

fn unresolved(host: &str, why: &str) -> ConnectError {
    let mut error = failed(Phase::Resolve, Class::Resolve, format!("the name {host} cannot be resolved: {why}"));
    error.help = Some(format!("`getent hosts {host}` asks the same question; `ansible_host` gives an address"));
    error
}

fn refused(address: SocketAddr, error: &io::Error) -> ConnectError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => {
            let mut refused = failed(Phase::Connect, Class::Refused, format!("{address} refused the connection"));
            refused.help = Some("is sshd running there, and is `ansible_port` right?".to_owned());
            refused
        }
        Kind::ConnectionReset | Kind::ConnectionAborted => {
            // It was open for a moment: sshd also drops excess connections like this.
            failed(Phase::Banner, Class::Closed, format!("{address} closed the connection before its banner"))
        }
        Kind::TimedOut | Kind::HostUnreachable | Kind::NetworkUnreachable => {
            failed(Phase::Connect, Class::TimedOut, format!("{address} cannot be reached: {error}"))
        }
        _ => {
            let mut local = failed(Phase::Connect, Class::Local, format!("cannot connect to {address}: {error}"));
            if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) {
                local.help = Some("raise the open file limit (`ulimit -n`) or lower `--forks`".to_owned());
            }
            local
        }
    }
}

/// Sends small packets at once, and lets the kernel notice a vanished peer too. Failing here does no harm.
fn tune(stream: &TcpStream, silence: Duration, keepalive: bool) {
    let _ = stream.set_nodelay(true);
    if keepalive {
        let _ = sockopt::set_socket_keepalive(stream, true);
        let _ = sockopt::set_tcp_keepidle(stream, silence.max(Duration::from_secs(1)));
    }
    let _ = sockopt::set_tcp_user_timeout(stream, u32::try_from(silence.as_millis()).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn found(address: SocketAddr, ssh: &SshSettings) -> Found {
        let limit = Duration::from_secs(30);
        let mut found = Found::new(vec![address], limit, limit);
        found.keep(ssh, "web01").expect("the address stays");
        found
    }

    #[tokio::test]
    async fn a_host_that_comes_up_is_tried_again() {
        // A separate address, so that no other test takes the port in between.
        let address = TcpListener::bind("127.77.0.1:0").await.unwrap().local_addr().unwrap();
        let mut ssh = SshSettings::default();
        assert_eq!(dial(&found(address, &ssh), Duration::from_secs(9)).await.unwrap_err().class, Class::Refused);
        ssh.attempts = Some(30);
        let found = found(address, &ssh);
        let dialing = tokio::spawn(async move { dial(&found, Duration::from_secs(9)).await.map(|_| ()) });
        // Whenever the first try was, the last comes later than this.
        sleep(Duration::from_millis(500)).await;
        let _listener = TcpListener::bind(address).await.unwrap();
        assert_eq!(dialing.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn our_end_and_its_keepalive_are_as_they_are_said() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for (off, bind) in [(false, "127.0.0.1"), (true, "127.0.0.9")] {
            let bind = vec!["::1".parse().unwrap(), bind.parse().unwrap()];
            let ssh = SshSettings { no_tcp_keepalive: off, bind: bind.clone(), ..SshSettings::default() };
            let (stream, _) = dial(&found(address, &ssh), Duration::from_secs(9)).await.unwrap();
            assert_eq!(sockopt::socket_keepalive(&stream).unwrap(), !off);
            assert_eq!(stream.local_addr().unwrap().ip(), bind[1]);
        }
    }

    #[test]
    fn addresses_of_another_family_are_left_out() {
        let ssh = SshSettings { bind: vec!["::1".parse().unwrap()], ..SshSettings::default() };
        let limit = Duration::from_secs(1);
        let mut found = Found::new(vec!["127.0.0.1:22".parse().unwrap()], limit, limit);
        assert_eq!(found.keep(&ssh, "web01").unwrap_err().class, Class::Resolve);
    }
}
