//! The addresses of the machine that this server runs on: nothing there is a client's business but the
//! relays.

use core::{net::IpAddr, ops::RangeInclusive};

use arc_swap::ArcSwap;

/// The addresses by which this machine is reached. Shared by all servers of a process, and replaced
/// while they serve: reading takes no lock, because a packet may have to.
#[derive(Debug)]
pub struct OwnAddresses {
    interfaces: ArcSwap<Vec<RangeInclusive<IpAddr>>>,
    named: ArcSwap<Vec<IpAddr>>,
}

impl OwnAddresses {
    /// `interfaces` are the blocks that the system takes for its own, `named` the addresses that are
    /// this machine's by word of its operator, such as those of a NAT in front of it.
    #[must_use]
    pub fn new(interfaces: Vec<RangeInclusive<IpAddr>>, named: Vec<IpAddr>) -> Self {
        Self {
            interfaces: ArcSwap::from_pointee(interfaces),
            named: ArcSwap::from_pointee(named),
        }
    }

    /// What the system takes for its own has changed. Permissions that are made or refreshed from now
    /// on are judged by it.
    pub fn set_interfaces(&self, interfaces: Vec<RangeInclusive<IpAddr>>) {
        self.interfaces.store(interfaces.into());
    }

    /// The operator's word has changed. Likewise.
    pub fn set_named(&self, named: Vec<IpAddr>) {
        self.named.store(named.into());
    }

    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        self.named.load().contains(&ip) || self.is_on_interface(ip)
    }

    /// Whether the system takes this address for its own, whatever a NAT does.
    pub(crate) fn is_on_interface(&self, ip: IpAddr) -> bool {
        let interfaces = self.interfaces.load();
        interfaces.iter().any(|block| block.contains(&ip))
    }
}
