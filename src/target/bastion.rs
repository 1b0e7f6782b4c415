//! The limits of bastions: set by the hosts behind them, which may differ.

use std::collections::HashMap;

use super::{JumpHop, Proxy, Target};

/// The limits of one bastion; `None`: the transport's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BastionCaps {
    /// The most connections to it, for all hosts behind it.
    pub connections: Option<u32>,
    /// The most hosts that may be logging in through it at the same time.
    pub handshakes: Option<u32>,
}

impl BastionCaps {
    /// For each limit, the smaller of the two.
    fn and(self, other: Self) -> Self {
        let smaller = |a: Option<u32>, b: Option<u32>| a.into_iter().chain(b).min();
        Self {
            connections: smaller(self.connections, other.connections),
            handshakes: smaller(self.handshakes, other.handshakes),
        }
    }
}

/// Gives each bastion of these targets one pair of limits: the smallest that a host behind it sets.
pub fn merge_bastion_limits(targets: &mut [Target]) {
    fn hops(target: &mut Target) -> &mut [JumpHop] {
        match &mut target.proxy {
            Some(Proxy::Jump(hops)) => hops,
            _ => &mut [],
        }
    }
    let mut caps: HashMap<(Option<String>, String, Option<u16>), BastionCaps> = HashMap::new();
    for target in &mut *targets {
        let said = target.bastion;
        for hop in hops(target) {
            let of_hop = caps.entry((hop.user.clone(), hop.host.clone(), hop.port)).or_default();
            *of_hop = of_hop.and(said);
        }
    }
    for target in targets {
        for hop in hops(target) {
            let of_hop = caps.get(&(hop.user.clone(), hop.host.clone(), hop.port));
            hop.caps = of_hop.copied().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_cap_of_the_hosts_behind_a_bastion_counts() {
        let target = |name: &str, jumps: &str, connections: Option<u32>, handshakes: Option<u32>| {
            let mut target = Target::plain(crate::host::HostName::new(name).unwrap(), name);
            target.proxy = Some(Proxy::jump(jumps).unwrap());
            target.bastion = BastionCaps { connections, handshakes };
            target
        };
        let mut targets = [
            target("a", "b1", Some(4), None),
            target("b", "b1", Some(2), Some(30)),
            target("c", "b1", None, None),
            target("d", "b1,b2", None, Some(10)),
            target("e", "none", Some(1), Some(1)),
            target("f", "b3", None, None),
        ];
        merge_bastion_limits(&mut targets);
        let caps = |n: usize| match &targets[n].proxy {
            Some(Proxy::Jump(hops)) => hops.iter().map(|hop| (hop.caps.connections, hop.caps.handshakes)).collect(),
            _ => Vec::new(),
        };
        let b1 = (Some(2), Some(10));
        assert_eq!([caps(0), caps(1), caps(2)], [vec![b1], vec![b1], vec![b1]]);
        assert_eq!([caps(3), caps(4), caps(5)], [vec![b1, (None, Some(10))], vec![], vec![(None, None)]]);
    }
}
