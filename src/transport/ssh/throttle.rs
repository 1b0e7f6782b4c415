//! Limits how fast connections are opened: overall, to one sshd, through one bastion, and per second. Time spent here
//! does not count against a host's deadlines. Knows no address family and no stream; start at [`Throttle::enter`].

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

use super::{
    super::{Class, ConnectError, Phase},
    SshOptions,
    connect_limit::{ConnectLimit, ConnectPermit},
};

/// A peer that has not shown its banner by then goes on without its permits, which others may use: hosts that are down
/// must not keep the others waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Permits, in total, for hosts that were dropped before a banner: many names may be one sshd.
const SECOND_TRIES: usize = 8;
/// Proxy commands that may be starting at the same time.
const COMMANDS: usize = 32;
/// New connections that may start at once before the rate limit applies.
const BURST: u32 = 32;
/// How often connections that wait for the rate limit are released, in groups: twenty that wake the program once cost a
/// third less than twenty that wake it one by one.
const RELEASE: Duration = Duration::from_millis(100);

/// An sshd, as far as can be known from here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Endpoint {
    /// Reached directly.
    Address(SocketAddr),
    /// Behind a bastion or a command, which looks the name up.
    Behind(Arc<str>, String, u16),
}

/// The limits for all connections of a run.
pub(super) struct Throttle {
    places: Arc<Semaphore>,
    second: Arc<Semaphore>,
    /// Proxy commands that are starting.
    pub(super) commands: Arc<Semaphore>,
    per_endpoint: usize,
    sshds: Mutex<HashMap<Endpoint, Arc<ConnectLimit>>>,
    rate: Rate,
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("places", &self.places.available_permits()).finish_non_exhaustive()
    }
}

/// Permission for one connection attempt.
pub(super) struct Place {
    sshd: ConnectPermit,
    /// Permits that others may use while the peer is silent.
    lent: Vec<OwnedSemaphorePermit>,
}

impl Throttle {
    pub(super) fn new(options: &SshOptions) -> Self {
        Self {
            places: Arc::new(Semaphore::new(options.handshakes.max(1))),
            second: Arc::new(Semaphore::new(SECOND_TRIES)),
            commands: Arc::new(Semaphore::new(COMMANDS)),
            per_endpoint: options.handshakes_per_endpoint,
            sshds: Mutex::default(),
            rate: Rate::new(options.connects_per_second),
        }
    }

    /// Waits until one more connection may be tried. `way` holds the permits of the bastion or command in between.
    pub(super) async fn enter(&self, endpoint: Endpoint, way: Option<&Arc<Semaphore>>) -> Place {
        let sshd = self.sshd(endpoint);
        // Always in this order, to avoid a deadlock: the limit of this sshd comes first.
        let permit = sshd.enter().await;
        let second = sshd.dropping().then_some(&self.second);
        let mut lent = Vec::new();
        for places in way.into_iter().chain(second).chain([&self.places]) {
            lent.push(Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed"));
        }
        self.rate.turn().await;
        Place { sshd: permit, lent }
    }

    fn sshd(&self, endpoint: Endpoint) -> Arc<ConnectLimit> {
        let mut sshds = self.sshds.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sshds.entry(endpoint).or_insert_with(|| Arc::new(ConnectLimit::new(self.per_endpoint))))
    }
}

impl Place {
    /// Returns the permits that others can use while this peer is silent; its own sshd still counts it.
    pub(super) fn lend(&mut self) {
        self.lent.clear();
    }

    /// How the attempt ended.
    pub(super) fn settle<T>(self, result: &Result<T, ConnectError>) {
        match result {
            Ok(_) => self.sshd.logged_in(),
            Err(error) if error.class == Class::Closed && error.phase == Phase::Banner => self.sshd.dropped(),
            Err(_) => {}
        }
    }
}

/// A token bucket, as the moment at which the next connection is due.
#[derive(Debug)]
struct Rate {
    /// Zero: no limit.
    interval: Duration,
    bucket: Mutex<Option<Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Releases are counted from here.
    began: Instant,
    due: Instant,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
        Self { interval, bucket: Mutex::new(None) }
    }

    /// Waits for the next token, and for those that are released together with it.
    async fn turn(&self) {
        if self.interval.is_zero() {
            return;
        }
        let now = Instant::now();
        let (began, at) = {
            let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
            // An idle bucket fills up to the burst.
            let full = now.checked_sub(self.interval * BURST).unwrap_or(now);
            let Bucket { began, due } = bucket.unwrap_or(Bucket { began: now, due: full });
            let at = due.max(full);
            *bucket = Some(Bucket { began, due: at + self.interval });
            (began, at)
        };
        if at > now {
            let passed = at.saturating_duration_since(began).as_nanos();
            let releases = u32::try_from(passed.div_ceil(RELEASE.as_nanos())).unwrap_or(u32::MAX);
            sleep_until(began + RELEASE * releases).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn throttle(change: impl Fn(&mut SshOptions)) -> Throttle {
        let mut options = SshOptions::for_user("me", None, None);
        change(&mut options);
        Throttle::new(&options)
    }

    fn at(port: u16) -> Endpoint {
        Endpoint::Address(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn drop_before_banner() -> Result<(), ConnectError> {
        Err(ConnectError { phase: Phase::Banner, class: Class::Closed, message: String::new(), help: None })
    }

    /// The places that are free now for these endpoints.
    async fn fitting(throttle: &Throttle, endpoints: impl Iterator<Item = Endpoint>) -> Vec<Place> {
        let mut places = Vec::new();
        for endpoint in endpoints {
            match timeout(Duration::from_millis(1), throttle.enter(endpoint, None)).await {
                Ok(place) => places.push(place),
                Err(_) => break,
            }
        }
        places
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_bounded_overall_and_for_each_sshd() {
        let throttle = throttle(|options| options.connects_per_second = 0);
        assert_eq!(fitting(&throttle, std::iter::repeat_n(at(1), 20)).await.len(), 8);
        let mut all = fitting(&throttle, (1..=500).map(at)).await;
        assert_eq!(all.len(), 256);
        // Others may use a silent peer's place; its sshd still counts it.
        all[0].lend();
        assert_eq!(fitting(&throttle, (300..400).map(at)).await.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_were_dropped_come_back_a_few_at_a_time() {
        let throttle = throttle(|options| options.connects_per_second = 0);
        for place in fitting(&throttle, (1..=100).map(at)).await {
            place.settle(&drop_before_banner());
        }
        let back = fitting(&throttle, (1..=100).map(at)).await;
        assert_eq!(back.len(), SECOND_TRIES);
        // Hosts that were never dropped do not wait behind them.
        assert_eq!(fitting(&throttle, (101..=150).map(at)).await.len(), 50);
        back.into_iter().for_each(|place| place.settle(&Ok(())));
        assert_eq!(fitting(&throttle, (1..=8).map(at)).await.len(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn new_connections_come_at_the_rate_after_a_burst() {
        let throttle = throttle(|options| options.connects_per_second = 100);
        let begun = Instant::now();
        for port in 1..=132 {
            drop(throttle.enter(at(port), None).await);
        }
        let took = begun.elapsed();
        assert!((Duration::from_millis(980)..Duration::from_millis(1100)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_rate_holds_back_is_released_in_groups() {
        let throttle = Arc::new(throttle(|options| options.connects_per_second = 200));
        let begun = Instant::now();
        let waiting = (1..=232).map(|port| {
            let throttle = Arc::clone(&throttle);
            tokio::spawn(async move {
                drop(throttle.enter(at(port), None).await);
                begun.elapsed().as_millis()
            })
        });
        let mut released: Vec<u128> = Vec::new();
        for task in waiting.collect::<Vec<_>>() {
            released.push(task.await.unwrap());
        }
        released.sort_unstable();
        let releases: Vec<&[u128]> = released.chunk_by(|a, b| b - a <= 5).collect();
        let sizes: Vec<usize> = releases.iter().map(|release| release.len()).collect();
        assert_eq!(sizes, [33, 20, 20, 20, 20, 20, 20, 20, 20, 20, 19]);
        assert!((1000..1010).contains(released.last().unwrap()), "{released:?}");
    }
}
