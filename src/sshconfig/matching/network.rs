//! Networks as `Match localnetwork` names them: addresses with the length of a mask.

use std::net::IpAddr;

/// A network: its address, and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Parses a list with commas; an address without a mask is that address alone.
    pub(crate) fn list(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').map(|one| Self::parse(one).ok_or_else(|| format!("{one:?} is not a network"))).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, bits.parse().ok()?),
            None => (text.parse().ok()?, u8::MAX),
        };
        let most = width(address);
        let network = Self { address, bits: if bits == u8::MAX { most } else { bits } };
        // As in OpenSSH, no bit may be set beyond the mask.
        (network.bits <= most && number(address) & !network.mask() == 0).then_some(network)
    }

    /// Whether an address is in it.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && number(address) & self.mask() == number(self.address)
    }

    fn mask(&self) -> u128 {
        let behind = u32::from(width(self.address) - self.bits);
        let all = if self.address.is_ipv4() { u128::from(u32::MAX) } else { u128::MAX };
        u128::MAX.checked_shl(behind).unwrap_or(0) & all
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_addresses() {
        for (list, address, want) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("192.168.1.0/24,10.0.0.0/30", "10.0.0.3", true),
        ] {
            let address = address.parse().unwrap();
            let found = Network::list(list).unwrap().iter().any(|network| network.has(address));
            assert_eq!(found, want, "{list} {address}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0.1/8", "lan", "!10.0.0.0/8", "10.0.0.0/8,", "::/129", "10.0.0.0/-1"] {
            assert!(Network::list(bad).is_err(), "{bad}");
        }
    }
}
