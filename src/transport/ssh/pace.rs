//! How fast connections are opened: overall, to one sshd, through one bastion, and per second. A host that waits here
//! spends nothing of its deadlines. Knows no address family and no stream; start at [`Pace::enter`].

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
    gate::{Gate, GatePlace},
};

/// Who has not shown its banner by then lends its place to somebody else, and goes on without: hosts that are down must
/// not keep the others waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Places for those that were dropped before a banner, all together: many names may be one sshd.
const SECOND_TRIES: usize = 8;
/// Proxy commands that are being started at a time.
const COMMANDS: usize = 32;
/// New connections that may begin at once before the rate holds them back.
const BURST: u32 = 32;
/// Those that the rate holds back are let go together, so often: twenty connections that wake the program once cost a
/// third less than twenty that wake it one by one.
const HANDFUL: Duration = Duration::from_millis(100);

/// An sshd, as far as can be known from here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Endpoint {
    /// Reached directly.
    Address(SocketAddr),
    /// Behind a bastion or a command, which looks the name up.
    Behind(Arc<str>, String, u16),
}

/// The pacing of all connections of a run.
pub(super) struct Pace {
    places: Arc<Semaphore>,
    second: Arc<Semaphore>,
    /// Proxy commands on their way.
    pub(super) commands: Arc<Semaphore>,
    per_endpoint: usize,
    gates: Mutex<HashMap<Endpoint, Arc<Gate>>>,
    rate: Rate,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("places", &self.places.available_permits()).finish_non_exhaustive()
    }
}

/// Leave to try one connection.
pub(super) struct Place {
    gate: GatePlace,
    /// What others may have meanwhile, when the peer is silent.
    lent: Vec<OwnedSemaphorePermit>,
}

impl Pace {
    pub(super) fn new(options: &SshOptions) -> Self {
        Self {
            places: Arc::new(Semaphore::new(options.handshakes.max(1))),
            second: Arc::new(Semaphore::new(SECOND_TRIES)),
            commands: Arc::new(Semaphore::new(COMMANDS)),
            per_endpoint: options.handshakes_per_endpoint,
            gates: Mutex::default(),
            rate: Rate::new(options.connects_per_second),
        }
    }

    /// Waits until one more connection may be tried. `way` are the places of what stands in between.
    pub(super) async fn enter(&self, endpoint: Endpoint, way: Option<&Arc<Semaphore>>) -> Place {
        let gate = self.gate(endpoint);
        // Always in this order, so that nobody waits in a ring. What only one sshd has comes first.
        let gate_place = gate.enter().await;
        let second = gate.crowded().then_some(&self.second);
        let mut lent = Vec::new();
        for places in way.into_iter().chain(second).chain([&self.places]) {
            lent.push(Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed"));
        }
        self.rate.turn().await;
        Place { gate: gate_place, lent }
    }

    fn gate(&self, endpoint: Endpoint) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(endpoint).or_insert_with(|| Arc::new(Gate::new(self.per_endpoint))))
    }
}

impl Place {
    /// Gives back what others can use while this peer is silent; its own sshd still counts it.
    pub(super) fn lend(&mut self) {
        self.lent.clear();
    }

    /// How the attempt ended.
    pub(super) fn settle<T>(self, result: &Result<T, ConnectError>) {
        match result {
            Ok(_) => self.gate.welcomed(),
            Err(error) if error.class == Class::Closed && error.phase == Phase::Banner => self.gate.dropped(),
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
    /// Handfuls are counted from here.
    began: Instant,
    due: Instant,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
        Self { interval, bucket: Mutex::new(None) }
    }

    /// Waits for the next token, and for those that come in the same handful.
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
            let handfuls = u32::try_from(passed.div_ceil(HANDFUL.as_nanos())).unwrap_or(u32::MAX);
            sleep_until(began + HANDFUL * handfuls).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn pace(change: impl Fn(&mut SshOptions)) -> Pace {
        let mut options = SshOptions::for_user("me", None, None);
        change(&mut options);
        Pace::new(&options)
    }

    fn at(port: u16) -> Endpoint {
        Endpoint::Address(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn drop_before_banner() -> Result<(), ConnectError> {
        Err(ConnectError { phase: Phase::Banner, class: Class::Closed, message: String::new(), help: None })
    }

    /// Places that can be had now for endpoints that differ.
    async fn fitting(pace: &Pace, endpoints: impl Iterator<Item = Endpoint>) -> Vec<Place> {
        let mut places = Vec::new();
        for endpoint in endpoints {
            match timeout(Duration::from_millis(1), pace.enter(endpoint, None)).await {
                Ok(place) => places.push(place),
                Err(_) => break,
            }
        }
        places
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_bounded_overall_and_for_each_sshd() {
        let pace = pace(|options| options.connects_per_second = 0);
        assert_eq!(fitting(&pace, std::iter::repeat_n(at(1), 20)).await.len(), 8);
        let mut all = fitting(&pace, (1..=500).map(at)).await;
        assert_eq!(all.len(), 256);
        // A silent peer lends its place to others; its sshd still counts it.
        all[0].lend();
        assert_eq!(fitting(&pace, (300..400).map(at)).await.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_were_dropped_come_back_a_few_at_a_time() {
        let pace = pace(|options| options.connects_per_second = 0);
        for place in fitting(&pace, (1..=100).map(at)).await {
            place.settle(&drop_before_banner());
        }
        let back = fitting(&pace, (1..=100).map(at)).await;
        assert_eq!(back.len(), SECOND_TRIES);
        // Who was never dropped does not wait behind them.
        assert_eq!(fitting(&pace, (101..=150).map(at)).await.len(), 50);
        back.into_iter().for_each(|place| place.settle(&Ok(())));
        assert_eq!(fitting(&pace, (1..=8).map(at)).await.len(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn new_connections_come_at_the_rate_after_a_burst() {
        let pace = pace(|options| options.connects_per_second = 100);
        let begun = Instant::now();
        for port in 1..=132 {
            drop(pace.enter(at(port), None).await);
        }
        let took = begun.elapsed();
        assert!((Duration::from_millis(980)..Duration::from_millis(1100)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_rate_holds_back_is_let_go_in_handfuls() {
        let pace = Arc::new(pace(|options| options.connects_per_second = 200));
        let begun = Instant::now();
        let waiting = (1..=232).map(|port| {
            let pace = Arc::clone(&pace);
            tokio::spawn(async move {
                drop(pace.enter(at(port), None).await);
                begun.elapsed().as_millis()
            })
        });
        let mut let_go: Vec<u128> = Vec::new();
        for task in waiting.collect::<Vec<_>>() {
            let_go.push(task.await.unwrap());
        }
        let_go.sort_unstable();
        let handfuls: Vec<&[u128]> = let_go.chunk_by(|a, b| b - a <= 5).collect();
        let sizes: Vec<usize> = handfuls.iter().map(|handful| handful.len()).collect();
        assert_eq!(sizes, [33, 20, 20, 20, 20, 20, 20, 20, 20, 20, 19]);
        assert!((1000..1010).contains(let_go.last().unwrap()), "{let_go:?}");
    }
}
