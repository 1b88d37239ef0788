//! What sorts of allocations there are, and how many of each live.

use core::ops::AddAssign;

use turnd_wire::Family;

use crate::io::{RelayProtocol, Transport};

/// The families of an allocation's relayed transport addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayFamilies {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// One of each.
    Both,
}

impl RelayFamilies {
    pub(crate) fn of(families: impl Iterator<Item = Family>) -> Self {
        let (mut v4, mut v6) = (false, false);
        for family in families {
            match family {
                Family::V4 => v4 = true,
                Family::V6 => v6 = true,
            }
        }
        match (v4, v6) {
            (true, true) => Self::Both,
            (false, true) => Self::V6,
            _ => Self::V4,
        }
    }

    /// The label in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
            Self::Both => "dual",
        }
    }
}

/// What sort of allocation it was when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocationKind {
    /// How the client is reached.
    pub transport: Transport,
    /// Which relayed transport addresses it has.
    pub families: RelayFamilies,
    /// What it relays.
    pub protocol: RelayProtocol,
}

const TRANSPORTS: [Transport; 4] = [
    Transport::Udp,
    Transport::Tcp,
    Transport::Tls,
    Transport::Dtls,
];
const FAMILIES: [RelayFamilies; 3] = [RelayFamilies::V4, RelayFamilies::V6, RelayFamilies::Both];
const PROTOCOLS: [RelayProtocol; 2] = [RelayProtocol::Udp, RelayProtocol::Tcp];

/// Allocations by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByKind([[[u64; 2]; 3]; 4]);

impl ByKind {
    pub(crate) const fn of(&mut self, kind: AllocationKind) -> &mut u64 {
        let of_transport = &mut self.0[kind.transport as usize];
        &mut of_transport[kind.families as usize][kind.protocol as usize]
    }

    /// Each kind that there can be, with its count.
    pub fn each(&self) -> impl Iterator<Item = (AllocationKind, u64)> {
        let counts = *self;
        TRANSPORTS.into_iter().flat_map(move |transport| {
            FAMILIES.into_iter().flat_map(move |families| {
                PROTOCOLS.into_iter().map(move |protocol| {
                    let kind = AllocationKind {
                        transport,
                        families,
                        protocol,
                    };
                    (kind, *{ counts }.of(kind))
                })
            })
        })
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().flatten().flatten().sum()
    }
}

impl AddAssign for ByKind {
    fn add_assign(&mut self, other: Self) {
        let counts = self.0.iter_mut().flatten().flatten();
        for (count, more) in counts.zip(other.0.iter().flatten().flatten()) {
            *count += more;
        }
    }
}
