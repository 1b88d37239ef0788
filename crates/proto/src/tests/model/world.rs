//! What the harness drives and who uses it: a server with room for little, two users, and where clients are.

use core::time::Duration;
use std::sync::{Arc, LazyLock};

use turnd_wire::{Algorithm, ErrorCode, Key, Message, attr};

use super::{CHANNELS, NONCE, PERMISSIONS, QUOTA, STREAM, TOTAL_QUOTA};
use crate::{
    Access, Client, Credential, FiveTuple, Limits, ListenerId, LiveRelays, LongTerm, OwnAddresses,
    Quotas, Server, Settings, TicketKey, Transport, tests::settings,
};

pub(super) const RELAYS: [&str; 2] = ["9.9.9.9", "2606::5"];

pub(super) const REALM: &str = "turn.org";
pub(super) static CREDENTIALS: LazyLock<[Credential; 2]> = LazyLock::new(|| {
    ["alice", "bob"].map(|name| Credential {
        name: name.to_owned(),
        account: name.to_owned(),
        md5: Key::long_term(Algorithm::Md5, name, REALM, "secret"),
        sha256: None,
    })
});

/// A server that has room for little.
pub(super) fn server() -> Server {
    let ips = RELAYS.map(|relay| relay.parse().expect("an address"));
    let relays = Arc::new(LiveRelays::new(ips.map(|ip| (ip, ip))));
    let own = Arc::new(OwnAddresses::new(ips.map(|ip| ip..=ip).into(), vec![]));
    let most = |places| Some(u32::try_from(places).expect("few places"));
    let settings = Settings {
        access: Access::LongTerm(LongTerm::new(
            REALM.to_owned(),
            &[7; 32],
            Some(Duration::from_secs(NONCE)),
            false,
            false,
        )),
        limits: Limits {
            permissions: PERMISSIONS,
            channels: CHANNELS,
            ..Limits::default()
        },
        quotas: Arc::new(Quotas::new(most(QUOTA), most(TOTAL_QUOTA))),
        mobility: Some(TicketKey::new(&[8; 32])),
        ..settings(relays.clone(), relays, own)
    };
    Server::new(Arc::new(settings), 0, &[3; 32])
}

pub(super) fn from(client: usize) -> Client {
    let port = 4000 + u16::try_from(client).expect("few clients");
    Client {
        listener: ListenerId(0),
        path: FiveTuple {
            transport: if client == STREAM {
                Transport::Tcp
            } else {
                Transport::Udp
            },
            client: ([192, 0, 2, 1], port).into(),
            server: ([192, 0, 2, 9], 3478).into(),
        },
    }
}

pub(super) fn code(reply: &Message<'_>) -> Option<u16> {
    let value = reply.attribute(attr::ERROR_CODE)?;
    Some(ErrorCode::parse(value).expect("a code").0.number())
}
