//! Puts hosts into waves, so that no wave has more hosts of one failure domain than `spread` allows.
//!
//! Deterministic: a wave takes the first hosts in order that still fit; the others come first in the next wave. So a
//! wave can be smaller than its size, but never larger.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{Domain, PlannedHost, batches};

/// The hosts of a stage while they are put into waves.
pub(super) struct Filling {
    /// The hosts of each failure domain that are not placed yet, in order, by their index in the stage.
    domains: Vec<Queue>,
    /// The first host of each domain that is not placed yet: its index in the stage, and the domain.
    heads: BTreeMap<usize, usize>,
    hosts: Vec<Option<PlannedHost>>,
}

struct Queue {
    left: VecDeque<usize>,
    /// The most hosts in one wave: the smallest `max_unavailable` of the domain's hosts.
    limit: usize,
    /// How many of its hosts are in the current wave.
    taken: usize,
}

impl Filling {
    pub fn new(hosts: Vec<PlannedHost>) -> Self {
        let mut index: HashMap<Option<(&str, &str)>, usize> = HashMap::new();
        let mut domains: Vec<Queue> = Vec::new();
        for (place, host) in hosts.iter().enumerate() {
            let domain = host.domain.as_ref();
            let key = domain.map(|domain| (domain.spread.by.as_str(), &*domain.value));
            let at = *index.entry(key).or_insert_with(|| {
                domains.push(Queue { left: VecDeque::new(), limit: usize::MAX, taken: 0 });
                domains.len() - 1
            });
            domains[at].left.push_back(place);
            domains[at].limit = domains[at].limit.min(domain.map_or(usize::MAX, limit));
        }
        let heads = domains.iter().enumerate().filter_map(|(at, queue)| Some((*queue.left.front()?, at))).collect();
        Self { domains, heads, hosts: hosts.into_iter().map(Some).collect() }
    }

    /// True when every host is placed.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The next wave, at most `size` hosts; at least one while any is left.
    pub fn wave(&mut self, size: usize) -> Vec<PlannedHost> {
        let mut wave = Vec::new();
        let mut touched = Vec::new();
        while wave.len() < size.max(1) {
            let Some((place, domain)) = self.heads.pop_first() else { break };
            let queue = &mut self.domains[domain];
            queue.left.pop_front();
            queue.taken += 1;
            touched.push(domain);
            if queue.taken < queue.limit
                && let Some(next) = queue.left.front()
            {
                self.heads.insert(*next, domain);
            }
            wave.extend(self.hosts[place].take());
        }
        for domain in touched {
            self.domains[domain].taken = 0;
            if let Some(next) = self.domains[domain].left.front() {
                self.heads.insert(*next, domain);
            }
        }
        wave
    }

    /// All waves with these sizes; the last size repeats.
    pub fn waves(&mut self, sizes: &[usize]) -> Vec<Vec<PlannedHost>> {
        let mut waves = Vec::new();
        while !self.is_empty() {
            waves.push(self.wave(batches::at(sizes, waves.len())));
        }
        waves
    }

    /// All hosts that are not placed yet, in order. In sliding mode the limit is applied while the wave runs, not here.
    pub fn rest(&mut self) -> Vec<PlannedHost> {
        self.heads.clear();
        self.hosts.iter_mut().filter_map(Option::take).collect()
    }
}

fn limit(domain: &Domain) -> usize {
    (domain.spread.max_unavailable as usize).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{host::HostName, policy::Spread};

    /// `a1:x` is host a1 in domain x; `b` has none.
    fn hosts(text: &str, max: u32) -> Vec<PlannedHost> {
        let spread = Arc::new(Spread { by: "cluster".into(), max_unavailable: max });
        text.split_whitespace()
            .map(|word| {
                let (name, value) = word.split_once(':').unwrap_or((word, ""));
                let domain = Domain { spread: Arc::clone(&spread), value: value.into() };
                let name = HostName::new(name).unwrap();
                PlannedHost {
                    name,
                    domain: Some(domain).filter(|_| !value.is_empty()),
                    window: None,
                    freezes: None,
                    undo: None,
                }
            })
            .collect()
    }

    fn check(text: &str, max: u32, sizes: &[usize], expected: &str) {
        let waves = Filling::new(hosts(text, max)).waves(sizes);
        let shown: Vec<String> =
            waves.iter().map(|wave| wave.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(shown.join(" | "), expected, "{text} {max} {sizes:?}");
    }

    #[test]
    fn no_wave_holds_more_of_a_domain_than_allowed() {
        check("", 1, &[5], "");
        check("a b c", 1, &[2], "a b | c");
        check("a1:x a2:x a3:x", 1, &[3], "a1 | a2 | a3");
        check("a1:x a2:x a3:x", 2, &[3], "a1 a2 | a3");
        check("a1:x a2:x a3:x", 9, &[3], "a1 a2 a3");
        check("a1:x a2:x b1:y b2:y", 1, &[2], "a1 b1 | a2 b2");
        check("a1:x a2:x a3:x b1:y", 1, &[2], "a1 b1 | a2 | a3");
        check("a1:x a2:x b c d", 1, &[3], "a1 b c | a2 d");
        check("a1:x a2:x b c d", 1, &[1, 4], "a1 | a2 b c d");
    }

    #[test]
    fn a_large_fleet_is_no_square() {
        let text: String = (0..20_000).map(|i| format!("h{i}:{} ", i % 2)).collect();
        let started = std::time::Instant::now();
        let waves = Filling::new(hosts(&text, 1)).waves(&[20_000]);
        assert_eq!(waves.len(), 10_000);
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    proptest! {
        #[test]
        fn every_host_once_and_never_too_many(
            domains in proptest::collection::vec(0..5_usize, 0..60),
            max in 1..4_u32,
            sizes in proptest::collection::vec(1..9_usize, 1..4),
        ) {
            let name = |i: usize, d: usize| if d == 0 { format!("h{i}") } else { format!("h{i}:d{d}") };
            let text: Vec<String> = domains.iter().enumerate().map(|(i, d)| name(i, *d)).collect();
            let waves = Filling::new(hosts(&text.join(" "), max)).waves(&sizes);
            let mut names: Vec<_> = waves.iter().flatten().map(|host| host.name.to_string()).collect();
            names.sort();
            let mut all: Vec<_> = (0..domains.len()).map(|i| format!("h{i}")).collect();
            all.sort();
            prop_assert_eq!(names, all);
            for (i, wave) in waves.iter().enumerate() {
                prop_assert!(!wave.is_empty() && wave.len() <= batches::at(&sizes, i));
                for value in 1..5 {
                    let value = format!("d{value}");
                    let held = wave.iter().filter(|h| h.domain.as_ref().is_some_and(|d| *d.value == *value)).count();
                    prop_assert!(held <= max as usize);
                }
            }
        }
    }
}
