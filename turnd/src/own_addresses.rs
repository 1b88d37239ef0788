//! Keeps the addresses of this machine known while the server runs: an address that is added later must
//! not become a way for clients to this machine's other services.
//!
//! The list is read anew every few seconds on a thread of its own. Netlink would tell of changes at once,
//! but its messages are lost when they come too fast and the list must be read then all the same; and no
//! notice comes before the kernel delivers to a new address, so that a moment would be left anyway.

use std::{
    io,
    net::IpAddr,
    ops::{ControlFlow, RangeInclusive},
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use turnd_net::LogLimit;
use turnd_proto::OwnAddresses;

use crate::config::External;

/// How long a new address of this machine may be taken for somebody else's.
const INTERVAL: Duration = Duration::from_secs(3);
/// How often it may be logged that the addresses cannot be read.
const ERROR_INTERVAL: Duration = Duration::from_secs(60);

type Blocks = Vec<RangeInclusive<IpAddr>>;

/// The addresses that this machine has now, and those that the options say it is known by: both halves
/// of every `external-ip`, also of one that names no relay address. Behind a NAT they lead to this
/// machine's other ports, too.
///
/// # Errors
/// When the interfaces cannot be read.
pub fn find(external: &External) -> io::Result<OwnAddresses> {
    Ok(OwnAddresses::new(
        turnd_net::own_addresses()?,
        named(external),
    ))
}

/// Those of them that the options name.
#[must_use]
pub fn named(external: &External) -> Vec<IpAddr> {
    let plain = [
        external.plain_v4.map(IpAddr::V4),
        external.plain_v6.map(IpAddr::V6),
    ];
    let pairs = external
        .pairs
        .iter()
        .flat_map(|pair| [pair.public, pair.private]);
    let names = external.named.iter();
    let names = names.flat_map(|name| name.found.iter().copied().chain(name.private));
    let known = plain.into_iter().flatten();
    known.chain(pairs).chain(names).collect()
}

/// Starts the thread. It only sleeps and looks, so that nobody needs to wait for it: it ends with the
/// program, or when it looks and nobody has the addresses any more.
///
/// # Errors
/// When the thread cannot be started.
pub fn watch(own: &Arc<OwnAddresses>) -> io::Result<()> {
    let own = Arc::downgrade(own);
    let watcher = thread::Builder::new().name("turnd-addresses".to_owned());
    watcher.spawn(move || {
        let (started, mut errors) = (Instant::now(), LogLimit::new(ERROR_INTERVAL));
        loop {
            thread::sleep(INTERVAL);
            match look(&own, turnd_net::own_addresses) {
                ControlFlow::Break(()) => return,
                ControlFlow::Continue(Ok(())) => {}
                ControlFlow::Continue(Err(error)) => {
                    if errors.allow(started.elapsed()).is_some() {
                        tracing::warn!("cannot read this machine's addresses: {error}");
                    }
                }
            }
        }
    })?;
    Ok(())
}

/// One look. Where the addresses cannot be read, those that are known stay.
fn look(
    own: &Weak<OwnAddresses>,
    read: impl FnOnce() -> io::Result<Blocks>,
) -> ControlFlow<(), io::Result<()>> {
    let Some(own) = own.upgrade() else {
        return ControlFlow::Break(());
    };
    ControlFlow::Continue(read().map(|interfaces| own.set_interfaces(interfaces)))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use turnd_proto::{Forbidden, LiveRelays, PeerPolicy, PeerRules};

    use super::*;
    use crate::config::{ExternalName, ExternalPair, PublicName};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Whether a client may have this peer.
    fn check(own: &Arc<OwnAddresses>, peer: &str) -> Result<(), Forbidden> {
        let relays = Arc::new(LiveRelays::default());
        let policy = PeerPolicy::new(PeerRules::default(), own.clone(), vec![], relays);
        policy.check(SocketAddr::new(ip(peer), 22)).map(drop)
    }

    #[test]
    fn both_halves_of_every_external_address_are_this_machines() {
        let external = External {
            plain_v4: Some([8, 8, 7, 1].into()),
            plain_v6: Some("2a00:1450::1".parse().unwrap()),
            pairs: vec![ExternalPair {
                public: ip("8.8.7.2"),
                private: ip("8.8.7.3"),
            }],
            named: vec![ExternalName {
                name: PublicName::Auto,
                private: Some(ip("8.8.7.5")),
                found: vec![ip("8.8.7.6")],
                missing: None,
            }],
            ..External::default()
        };
        let own = Arc::new(find(&external).unwrap());
        for named in [
            "8.8.7.1",
            "2a00:1450::1",
            "8.8.7.2",
            "8.8.7.3",
            "8.8.7.5",
            "8.8.7.6",
        ] {
            assert_eq!(check(&own, named), Err(Forbidden::Own), "{named}");
        }
        assert_eq!(check(&own, "8.8.7.4"), Ok(()));
        // They stay, whatever the interfaces do.
        assert!(look(&Arc::downgrade(&own), || Ok(vec![])).is_continue());
        assert_eq!(check(&own, "8.8.7.2"), Err(Forbidden::Own));
    }

    #[test]
    fn each_look_replaces_what_is_known_and_a_failed_one_does_not() {
        let own = Arc::new(OwnAddresses::new(vec![], vec![]));
        let weak = Arc::downgrade(&own);
        assert_eq!(check(&own, "8.8.7.9"), Ok(()));

        let added = || Ok(vec![ip("8.8.7.9")..=ip("8.8.7.9")]);
        assert!(matches!(look(&weak, added), ControlFlow::Continue(Ok(()))));
        assert_eq!(check(&own, "8.8.7.9"), Err(Forbidden::Own));

        let failed = || Err(io::ErrorKind::OutOfMemory.into());
        assert!(matches!(look(&weak, failed), ControlFlow::Continue(Err(_))));
        assert_eq!(check(&own, "8.8.7.9"), Err(Forbidden::Own));

        assert!(look(&weak, || Ok(vec![])).is_continue());
        assert_eq!(check(&own, "8.8.7.9"), Ok(()));
    }

    #[test]
    fn when_the_servers_are_gone_nobody_looks_any_more() {
        let own = Arc::new(OwnAddresses::new(vec![], vec![]));
        let weak = Arc::downgrade(&own);
        drop(own);
        let end = look(&weak, || panic!("nobody wants to know"));
        assert!(end.is_break());
    }
}
