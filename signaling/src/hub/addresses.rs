//! How many connections come from one place.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

/// Connections by address. Addresses without one are not remembered.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    connections: HashMap<IpAddr, usize>,
}

impl Addresses {
    /// Counts one more, unless there are `most`.
    pub(crate) fn enter(&mut self, from: IpAddr, most: usize) -> bool {
        let count = self.connections.entry(place(from)).or_default();
        if *count >= most {
            // An entry that was just made has 0, and `most` is not 0.
            return false;
        }
        *count += 1;
        true
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Counts one less.
    pub(crate) fn leave(&mut self, from: IpAddr) {
        let place = place(from);
        if let Some(count) = self.connections.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                self.connections.remove(&place);
            }
        }
    }
}

/// What one subscriber has: an IPv4 address, or a /64 of IPv6.
pub(crate) fn place(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_a_subnet() {
        let mut addresses = Addresses::default();
        assert!(addresses.enter("2001:db8::1".parse().unwrap(), 2));
        assert!(addresses.enter("2001:db8::2".parse().unwrap(), 2));
        assert!(!addresses.enter("2001:db8::3".parse().unwrap(), 2));
        assert!(addresses.enter("2001:db8:0:1::1".parse().unwrap(), 2));
        addresses.leave("2001:db8::1".parse().unwrap());
        assert!(addresses.enter("2001:db8::3".parse().unwrap(), 2));
        assert!(addresses.enter("192.0.2.1".parse().unwrap(), 1));
        assert!(!addresses.enter("::ffff:192.0.2.1".parse().unwrap(), 1));
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let mut addresses = Addresses::default();
        addresses.enter("192.0.2.1".parse().unwrap(), 1);
        addresses.leave("192.0.2.1".parse().unwrap());
        assert!(addresses.connections.is_empty());
    }
}
