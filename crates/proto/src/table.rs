//! The one place that knows every allocation and relay, and the maps between them. The maps hold
//! names only; what they name lives in two slabs. Written here and nowhere else.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use slotmap::SlotMap;

use crate::{
    allocation::{Allocation, Held, Relay},
    io::{AllocationId, FiveTuple, ListenerId, RelayId, RelayProtocol},
    live_relays::LiveRelays,
    time::Instant,
};
use core::net::SocketAddr;

/// Allocations by client and by relay.
#[derive(Debug)]
pub(crate) struct Table {
    allocations: SlotMap<AllocationId, Allocation>,
    by_client: HashMap<FiveTuple, AllocationId, RandomState>,
    relays: SlotMap<RelayId, RelayState>,
    live: Arc<LiveRelays>,
    live_tcp: Arc<LiveRelays>,
    /// The index of the server that this is the table of.
    index: u8,
}

/// What a relay socket is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RelayState {
    /// Asked for; no answer yet.
    Asked,
    /// Bound and kept for whoever presents the token of a reservation.
    Reserved(SocketAddr),
    /// Relaying.
    Serves(AllocationId),
}

impl Table {
    pub(crate) fn new(index: u8, live: Arc<LiveRelays>, live_tcp: Arc<LiveRelays>) -> Self {
        Self {
            allocations: SlotMap::with_key(),
            by_client: HashMap::default(),
            relays: SlotMap::with_key(),
            live,
            live_tcp,
            index,
        }
    }

    pub(crate) fn allocation(&self, id: AllocationId) -> Option<&Allocation> {
        self.allocations.get(id)
    }

    pub(crate) fn allocation_mut(&mut self, id: AllocationId) -> Option<&mut Allocation> {
        self.allocations.get_mut(id)
    }

    /// The allocation of this five-tuple.
    pub(crate) fn find(&self, path: &FiveTuple) -> Option<AllocationId> {
        self.by_client.get(path).copied()
    }

    /// The allocation of this five-tuple, itself.
    pub(crate) fn of_client(&self, path: &FiveTuple) -> Option<&Allocation> {
        self.allocations.get(self.find(path)?)
    }

    /// The allocation that a relay serves, to be counted in.
    pub(crate) fn of_relay_mut(&mut self, relay: RelayId) -> Option<&mut Allocation> {
        let id = self.id_of_relay(relay)?;
        self.allocations.get_mut(id)
    }

    /// The same, to be counted in.
    pub(crate) fn of_client_mut(
        &mut self,
        path: &FiveTuple,
    ) -> Option<(AllocationId, &mut Allocation)> {
        let id = self.find(path)?;
        Some((id, self.allocations.get_mut(id)?))
    }

    /// The name of the allocation that a relay serves.
    pub(crate) fn id_of_relay(&self, relay: RelayId) -> Option<AllocationId> {
        match self.relays.get(relay)? {
            RelayState::Serves(id) => Some(*id),
            RelayState::Asked | RelayState::Reserved(_) => None,
        }
    }

    /// Every allocation.
    pub(crate) fn ids(&self) -> impl Iterator<Item = AllocationId> {
        self.allocations.keys()
    }

    /// Whether a client of such a socket has an allocation. Looks at all.
    pub(crate) fn uses(&self, is_meant: impl Fn(ListenerId) -> bool) -> bool {
        let mut clients = self.allocations.values().flat_map(Allocation::paths);
        clients.any(|client| is_meant(client.listener))
    }

    /// An allocation is found by one path more.
    pub(crate) fn add_path(&mut self, path: FiveTuple, id: AllocationId) {
        self.by_client.insert(path, id);
    }

    /// An allocation is found by this path no more.
    pub(crate) fn remove_path(&mut self, path: &FiveTuple) {
        self.by_client.remove(path);
    }

    /// Where live ports are written from now on.
    pub(crate) fn set_relays(&mut self, live: Arc<LiveRelays>, live_tcp: Arc<LiveRelays>) {
        (self.live, self.live_tcp) = (live, live_tcp);
    }

    fn live(&self, protocol: RelayProtocol) -> &Arc<LiveRelays> {
        match protocol {
            RelayProtocol::Udp => &self.live,
            RelayProtocol::Tcp => &self.live_tcp,
        }
    }

    /// Connections that allocations know of.
    pub(crate) fn connections(&self) -> usize {
        self.allocations
            .values()
            .map(|it| it.connections.len())
            .sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.allocations.len()
    }

    /// Names a relay that is about to be asked for.
    pub(crate) fn name_relay(&mut self) -> RelayId {
        self.relays.insert(RelayState::Asked)
    }

    /// Keeps a bound relay for whoever presents the token.
    pub(crate) fn reserve(&mut self, relay: RelayId, address: SocketAddr) {
        self.relays[relay] = RelayState::Reserved(address);
    }

    /// The address of a relay that is reserved.
    pub(crate) fn reserved(&self, relay: RelayId) -> Option<SocketAddr> {
        match self.relays.get(relay)? {
            RelayState::Reserved(address) => Some(*address),
            RelayState::Asked | RelayState::Serves(_) => None,
        }
    }

    /// Adds an allocation; its client has none, and its relays were named here.
    pub(crate) fn insert(&mut self, allocation: Allocation) -> AllocationId {
        let path = allocation.client.path;
        let relays: Vec<Relay> = allocation.relays.clone();
        let live = self.live(allocation.protocol).clone();
        let id = self.allocations.insert(allocation);
        self.by_client.insert(path, id);
        for relay in relays {
            self.relays[relay.id] = RelayState::Serves(id);
            live.set_live(relay.address, Some((self.index, relay.id)));
        }
        id
    }

    /// Takes expired relays out of an allocation, and the allocation itself if none is left.
    pub(crate) fn expire(&mut self, id: AllocationId, now: Instant) -> Expired {
        let Some(allocation) = self.allocations.get_mut(id) else {
            return Expired::default();
        };
        let before = allocation.held();
        let relays = allocation.expire(now);
        let after = if allocation.relays.is_empty() {
            Held::default()
        } else {
            allocation.held()
        };
        let protocol = allocation.protocol;
        let is_over = allocation.relays.is_empty();
        let live = self.live(protocol).clone();
        for relay in &relays {
            self.relays.remove(relay.id);
            live.set_live(relay.address, None);
        }
        let ended = is_over.then(|| self.allocations.remove(id)).flatten();
        if let Some(ended) = &ended {
            for client in ended.paths() {
                self.by_client.remove(&client.path);
            }
        }
        Expired {
            relays,
            ended,
            permissions: before.permissions - after.permissions,
            channels: before.channels - after.channels,
        }
    }

    /// Takes everything out. Names that were given are not given again.
    pub(crate) fn clear(&mut self) -> Vec<(AllocationId, Allocation)> {
        for live in [&self.live, &self.live_tcp] {
            live.forget(self.index);
        }
        self.by_client.clear();
        self.relays.clear();
        self.allocations.drain().collect()
    }

    /// Forgets a relay that serves nobody. The caller closes its socket.
    pub(crate) fn forget_relay(&mut self, relay: RelayId) {
        self.relays.remove(relay);
    }

    /// What allocations hold together.
    pub(crate) fn held(&self) -> Held {
        let mut all = Held::default();
        for held in self.allocations.values().map(Allocation::held) {
            all.permissions += held.permissions;
            all.channels += held.channels;
        }
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.allocations.is_empty() && self.by_client.is_empty() && self.relays.is_empty()
    }

    /// Fails if a map names something that is not there, or the other way round.
    pub(crate) fn check(&self) {
        let mut paths = 0;
        for (id, allocation) in &self.allocations {
            for client in allocation.paths() {
                assert_eq!(self.by_client[&client.path], id);
                paths += 1;
            }
            assert!(matches!(allocation.relays.len(), 1 | 2));
            for relay in &allocation.relays {
                assert_eq!(self.relays[relay.id], RelayState::Serves(id));
                let found = crate::LiveRelay {
                    address: relay.address,
                    server: self.index,
                    relay: relay.id,
                };
                let live = self.live(allocation.protocol);
                assert_eq!(live.find(relay.address), Some(found));
            }
        }
        assert_eq!(self.by_client.len(), paths);
        for (relay, state) in &self.relays {
            if let RelayState::Serves(id) = state {
                assert!(
                    self.allocations[*id]
                        .relays
                        .iter()
                        .any(|has| has.id == relay)
                );
            }
        }
    }
}

/// What an allocation lost.
#[derive(Debug, Default)]
pub(crate) struct Expired {
    /// Sockets to close.
    pub(crate) relays: Vec<Relay>,
    /// The allocation, if that was its end.
    pub(crate) ended: Option<Allocation>,
    /// How many permissions.
    pub(crate) permissions: u64,
    /// How many channels.
    pub(crate) channels: u64,
}
