//! Tests that look inside: everything else is in `tests/stories`.

mod connections;
mod model;
mod peer_policy;

use std::sync::Arc;

use turnd_wire::Family;

use crate::{
    AbuseLimits, Access, BindingRules, DefaultFamily, DeniedUsers, Lifetimes, Limits, LiveRelays,
    OwnAddresses, PeerPolicy, PeerRules, Quotas, Redirects, Settings,
};

/// Settings of a server that relays UDP for everybody.
fn settings(
    relays: Arc<LiveRelays>,
    tcp_relays: Arc<LiveRelays>,
    own: Arc<OwnAddresses>,
) -> Settings {
    let policy = |relays: &Arc<LiveRelays>| {
        PeerPolicy::new(PeerRules::default(), own.clone(), vec![], relays.clone())
    };
    Settings {
        access: Access::DangerousAnyone,
        lifetimes: Lifetimes::default(),
        limits: Limits::default(),
        quotas: Arc::new(Quotas::default()),
        bandwidth: Arc::default(),
        peers: policy(&relays),
        tcp_peers: policy(&tcp_relays),
        relays,
        tcp_relays,
        default_family: DefaultFamily::Is(Family::V4),
        fingerprint: false,
        legacy_channels: false,
        udp_relay: true,
        tcp_relay: false,
        mobility: None,
        stun: true,
        binding: BindingRules::default(),
        redirects: Redirects::default(),
        turn: true,
        by_account: false,
        unauthorized_per_second: None,
        abuse: AbuseLimits::default(),
        memory: Arc::default(),
        denied_users: DeniedUsers::default(),
    }
}
