//! How a network is built, and the settings of its servers.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::sync::Arc;

use turnd_proto::{
    AbuseLimits, Access, Bandwidth, BindingRules, DefaultFamily, Lifetimes, Limits, LiveRelays,
    LongTerm, OwnAddresses, PeerPolicy, PeerRules, Quotas, Redirects, Settings, ThirdParty,
    TicketKey,
};
use turnd_wire::Family;

use super::{REALM, at};

/// How a network is built.
pub(crate) struct Setup {
    /// Nobody needs credentials.
    pub(crate) open: bool,
    pub(crate) sha256: bool,
    pub(crate) nonce_lifetime: Option<Duration>,
    pub(crate) rules: PeerRules,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) limits: Limits,
    pub(crate) quota: Option<u32>,
    pub(crate) total_quota: Option<u32>,
    pub(crate) max_bps: Option<u64>,
    pub(crate) bps_capacity: Option<u64>,
    pub(crate) default_family: DefaultFamily,
    pub(crate) fingerprint: bool,
    pub(crate) legacy_channels: bool,
    pub(crate) udp_relay: bool,
    pub(crate) tcp_relay: bool,
    pub(crate) mobility: bool,
    /// The name that tokens are for, if third parties authorize (RFC 7635).
    pub(crate) third_party: Option<&'static str>,
    pub(crate) stun: bool,
    pub(crate) binding: BindingRules,
    pub(crate) redirects: Redirects,
    pub(crate) turn: bool,
    pub(crate) by_account: bool,
    pub(crate) unauthorized: Option<u32>,
    pub(crate) abuse: AbuseLimits,
    /// Users who may do nothing.
    pub(crate) denied_users: Vec<&'static str>,
    /// Relay addresses, inside and outside.
    pub(crate) relays: Vec<(&'static str, &'static str)>,
    pub(crate) listeners: Vec<&'static str>,
    /// Addresses that the operator says are this machine's.
    pub(crate) named: Vec<&'static str>,
    pub(crate) servers: u8,
    pub(crate) realm: &'static str,
    /// Which state of the keys it is.
    pub(crate) keys: u64,
    /// Which process it is: each has its own key of nonces, and of tickets.
    pub(crate) process: u8,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            open: false,
            sha256: true,
            nonce_lifetime: Some(Duration::from_secs(3600)),
            rules: PeerRules::default(),
            lifetimes: Lifetimes::default(),
            limits: Limits::default(),
            quota: None,
            total_quota: None,
            max_bps: None,
            bps_capacity: None,
            default_family: DefaultFamily::Is(Family::V4),
            fingerprint: false,
            legacy_channels: false,
            udp_relay: true,
            tcp_relay: false,
            mobility: false,
            third_party: None,
            stun: true,
            binding: BindingRules::default(),
            redirects: Redirects::default(),
            turn: true,
            by_account: false,
            unauthorized: None,
            abuse: AbuseLimits::default(),
            denied_users: vec![],
            relays: vec![("10.0.0.5", "9.9.9.9"), ("2606::5", "2606::5")],
            listeners: vec!["10.0.0.5:3478", "[2606::5]:3478"],
            named: vec![],
            servers: 1,
            realm: REALM,
            keys: 0,
            process: 42,
        }
    }
}

impl Setup {
    /// Nobody needs credentials: for tests of everything else.
    pub(crate) fn open() -> Self {
        Self {
            open: true,
            ..Self::default()
        }
    }

    /// The addresses of this machine's interfaces: those that relays are bound to.
    pub(super) fn own(&self) -> OwnAddresses {
        let ip = |text: &&str| -> IpAddr { text.parse().expect("an address") };
        let interfaces = self
            .relays
            .iter()
            .map(|(inside, _)| ip(inside)..=ip(inside));
        OwnAddresses::new(interfaces.collect(), self.named.iter().map(ip).collect())
    }

    fn denied_users(&self) -> impl Iterator<Item = String> {
        self.denied_users.iter().map(|&name| name.to_owned())
    }

    /// What servers are given, which share with `before` what lasts.
    pub(super) fn settings(&self, own: Arc<OwnAddresses>, before: Option<&Settings>) -> Settings {
        let ip = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let relays = self
            .relays
            .iter()
            .map(|(inside, outside)| (ip(inside), ip(outside)));
        let live = |before: Option<&Arc<LiveRelays>>| match before {
            Some(before) => Arc::new(before.with(relays.clone())),
            None => Arc::new(LiveRelays::new(relays.clone())),
        };
        let tcp_relays = live(before.map(|before| &before.tcp_relays));
        let relays = live(before.map(|before| &before.relays));
        let listeners: Vec<SocketAddr> = self.listeners.iter().map(|text| at(text)).collect();
        let peers = |relays: &Arc<LiveRelays>| {
            let rules = self.rules.clone();
            PeerPolicy::new(rules, own.clone(), listeners.clone(), relays.clone())
        };
        let long_term = LongTerm::new(
            self.realm.to_owned(),
            &[self.process; 32],
            self.nonce_lifetime,
            self.sha256,
            true,
        );
        let long_term = match self.third_party {
            Some(name) => long_term.with_third_party(ThirdParty::new(name)),
            None => long_term,
        };
        Settings {
            access: if self.open {
                Access::DangerousAnyone
            } else {
                Access::LongTerm(long_term.with_keys(self.keys))
            },
            lifetimes: self.lifetimes,
            limits: self.limits,
            quotas: match before {
                Some(before) => before.quotas.clone(),
                None => Arc::new(Quotas::new(self.quota, self.total_quota)),
            },
            bandwidth: match before {
                Some(before) => before.bandwidth.clone(),
                None => Arc::new(Bandwidth::new(self.max_bps, self.bps_capacity)),
            },
            peers: peers(&relays),
            tcp_peers: peers(&tcp_relays),
            relays,
            tcp_relays,
            default_family: self.default_family,
            fingerprint: self.fingerprint,
            legacy_channels: self.legacy_channels,
            udp_relay: self.udp_relay,
            tcp_relay: self.tcp_relay,
            mobility: self
                .mobility
                .then(|| TicketKey::new(&[self.process + 1; 32])),
            stun: self.stun,
            binding: self.binding.clone(),
            redirects: self.redirects.clone(),
            turn: self.turn,
            by_account: self.by_account,
            unauthorized_per_second: self.unauthorized,
            abuse: self.abuse.clone(),
            denied_users: self.denied_users().collect(),
            memory: before.map_or_else(Arc::default, |before| before.memory.clone()),
        }
    }
}
