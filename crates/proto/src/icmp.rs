//! What the network says about datagrams that it could not deliver: the client is told by a Data indication
//! with an ICMP attribute (RFC 8656 section 11.5).

use core::{net::SocketAddr, time::Duration};

use turnd_wire::{Class, Family, Method, Writer, attr};

use crate::{
    counts,
    frame::indication_id,
    io::{Client, RelayId},
    relay::permitted,
    server::Server,
    time::{Instant, Now},
};

/// A client is told ten times a second, and that often at once.
const EACH: Duration = Duration::from_millis(100);
const AT_ONCE: Duration = Duration::from_secs(1);

/// Longest message: header, XOR-PEER-ADDRESS of IPv6, ICMP, DATA of nothing, FINGERPRINT.
const LONGEST: usize = 20 + 24 + 12 + 4 + 8;

counts! {
    /// ICMP messages about datagrams that relays sent, by what became of them (RFC 8656 section 11.5).
    IcmpMessages {
        /// The client was told.
        told = "told",
        /// Of a type that no client is told of.
        other_type = "other-type",
        /// The relay serves no allocation any more.
        no_allocation = "no-allocation",
        /// There is no permission for the one that the datagram was for.
        no_permission = "no-permission",
        /// The client is away and may come back from another address (RFC 8016).
        client_away = "client-away",
        /// The client has been told as often as it may be in this time.
        rate_limit = "rate-limit",
    }
}

/// An ICMP message about a datagram that a relay sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// Its type, in the protocol of the datagram's family.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// The MTU that it tells, if it is of a type that does; else anything.
    pub mtu: u32,
}

/// What a client is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpHop {
    /// Whom to, and through which socket.
    pub to: Client,
    /// A whole STUN message.
    pub bytes: Vec<u8>,
}

impl Icmp {
    /// Whether clients are told of its type: destination unreachable and time exceeded, and of ICMPv6 packet
    /// too big.
    const fn is_of_interest(self, family: Family) -> bool {
        match family {
            Family::V4 => matches!(self.kind, 3 | 11),
            Family::V6 => matches!(self.kind, 1..=3),
        }
    }

    const fn tells_an_mtu(self, family: Family) -> bool {
        match family {
            Family::V4 => self.kind == 3 && self.code == 4,
            Family::V6 => self.kind == 2,
        }
    }

    /// The attribute's value (RFC 8656 section 18.13). The figure there has seven bits for the type and nine
    /// for the code; types have eight, and so do codes.
    fn value(self, family: Family) -> [u8; 8] {
        let mtu = if self.tells_an_mtu(family) {
            self.mtu
        } else {
            0
        };
        let [m0, m1, m2, m3] = mtu.to_be_bytes();
        [0, 0, self.kind, self.code, m0, m1, m2, m3]
    }
}

/// How often the client of an allocation may be told. Whoever can make a peer refuse datagrams, or forge
/// that it does, gets no more of our bandwidth.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    /// When everything is allowed again.
    full: Instant,
}

impl Allowance {
    fn take(&mut self, now: Instant) -> bool {
        let full = self.full.max(now) + EACH;
        let is_allowed = full <= now + AT_ONCE;
        if is_allowed {
            self.full = full;
        }
        is_allowed
    }
}

impl Server {
    /// An ICMP message has come about a datagram that was sent from `relay` to `about`. Whether the client
    /// has a permission for `about` decides; who sent the message is of no interest, as it may be any router.
    /// `None`: nobody is told.
    pub fn handle_icmp(
        &mut self,
        now: Now,
        relay: RelayId,
        about: SocketAddr,
        icmp: Icmp,
    ) -> Option<IcmpHop> {
        match self.icmp_hop(now.instant, relay, about, icmp) {
            Ok(hop) => {
                self.counters.icmp.told += 1;
                Some(hop)
            }
            Err(count) => {
                *count(&mut self.counters.icmp) += 1;
                None
            }
        }
    }

    fn icmp_hop(
        &mut self,
        now: Instant,
        relay: RelayId,
        about: SocketAddr,
        icmp: Icmp,
    ) -> Result<IcmpHop, fn(&mut IcmpMessages) -> &mut u64> {
        let family = Family::of(about.ip());
        if !icmp.is_of_interest(family) {
            return Err(|counts| &mut counts.other_type);
        }
        let settings = &self.settings;
        let allocation = self.table.of_relay_mut(relay);
        let allocation = allocation.filter(|it| it.relay(family, now).is_some());
        let Some(allocation) = allocation else {
            return Err(|counts| &mut counts.no_allocation);
        };
        let Some(peer) = permitted(&settings.peers, allocation, about, now) else {
            return Err(|counts| &mut counts.no_permission);
        };
        // Whoever is at the address that it had is somebody else.
        let Some(to) = allocation.reached() else {
            return Err(|counts| &mut counts.client_away);
        };
        if !allocation.icmp.take(now) {
            return Err(|counts| &mut counts.rate_limit);
        }
        let id = indication_id(self.indication_salt, self.indications);
        self.indications = self.indications.wrapping_add(1);
        let mut buffer = [0; LONGEST];
        let mut writer = Writer::new(&mut buffer, Class::Indication, Method::DATA, id);
        writer.xor_address(attr::XOR_PEER_ADDRESS, peer);
        writer.bytes(attr::ICMP, &icmp.value(family));
        // Clients that do not know ICMP give up where DATA is missing.
        writer.bytes(attr::DATA, &[]);
        if settings.fingerprint {
            writer.fingerprint();
        }
        Ok(IcmpHop {
            to,
            bytes: writer.finish().unwrap_or_default().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_at_once_and_then_ten_a_second() {
        let mut allowance = Allowance::default();
        let mut told = 0;
        for millis in 0..5000 {
            let now = Instant::from_millis(1_000_000 + millis);
            told += u32::from(allowance.take(now)) + u32::from(allowance.take(now));
            assert!(u64::from(told) <= 10 + millis / 100, "{millis}");
        }
        assert_eq!(told, 59);
    }
}
