//! RFC 7635: clients that show a token of an authorization server instead of knowing a password.

use std::time::{SystemTime, UNIX_EPOCH};

use aes_gcm::{
    Aes128Gcm, Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use turnd_wire::{Integrity, attr};

use crate::{
    client::{CHANNEL, Client},
    messages::{OK, Reply, Request},
    row::{ALL, Row, must},
    subject::{Account, Path, not_applicable},
};

const STORIES: &str = "crates/proto/tests/stories/third_party.rs";
/// The keys of the server: that of the kid `north`, and that of `short`.
const KEY: &[u8; 32] = b"HGkj32KJGiuy098sdfaqbNjOiaz71923";
const SHORT: &[u8; 16] = b"HGkj32KJGiuy098s";
const TOKENS: &str = "oauth\nserver-name=turn.example.net\n\
    oauth-key=north:SEdrajMyS0pHaXV5MDk4c2RmYXFiTmpPaWF6NzE5MjM=\n\
    oauth-key=short:SEdrajMyS0pHaXV5MDk4cw==:A128GCM\n";
const SERVER: &str = "turn.example.net";
/// 160 bits, as for HMAC-SHA1.
const MAC_KEY: &[u8; 20] = b"ZksjpweoixXmvn67534m";
const NONCE: &[u8; 12] = b"h4j3k2l2n4b5";
const HOUR: u32 = 3600;

pub(crate) const ROWS: &[Row] = &[
    must(
        "T7635-4-1",
        "a challenge names the server in THIRD-PARTY-AUTHORIZATION",
    )
    .on(TOKENS)
    .over(ALL, challenge),
    must("T7635-7-1", "ACCESS-TOKEN that nobody asked for: 420").over(ALL, unasked),
    must(
        "T7635-7-2",
        "a token of another key, for another server, changed, or stolen: 401",
    )
    .on(TOKENS)
    .over(ALL, refused),
    must(
        "T7635-7-3",
        "a token is good for its life time and five seconds either way",
    )
    .on(TOKENS)
    .over(ALL, times)
    .held(&[(STORIES, "a_token_is_good_for_its_time_and_five_seconds")]),
    must(
        "T7635-7-4",
        "a good token: success, signed with the key that is in it",
    )
    .on(TOKENS)
    .over(ALL, accepted),
    must(
        "T7635-7-5",
        "lengths in a token that are not so: 401, and nothing else",
    )
    .on(TOKENS)
    .over(ALL, lies)
    .held(&[("crates/proto/src/token.rs", "lengths_that_lie_open_nothing")]),
    must(
        "T7635-4.1-1",
        "AES-256-GCM and AES-128-GCM, keys of 160 bits and other lengths",
    )
    .on(TOKENS)
    .over(ALL, algorithms),
    must(
        "T7635-9-1",
        "no allocation lives longer than its token and five seconds",
    )
    .on(TOKENS)
    .over(ALL, lifetime)
    .held(&[(
        STORIES,
        "an_allocation_lives_no_longer_than_its_token_and_a_new_one_prolongs_it",
    )]),
    must("T7635-9-2", "Refresh with a new token prolongs it")
        .on(TOKENS)
        .over(ALL, renewed),
];

/// What an authorization server puts into a token, and for whom.
#[derive(Clone)]
struct Issued {
    kid: &'static str,
    server: &'static str,
    mac_key: Vec<u8>,
    /// What is said of the length of the key.
    key_length: usize,
    /// Seconds since 1970.
    made: u64,
    lifetime: u32,
}

impl Issued {
    fn now() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            kid: "north",
            server: SERVER,
            mac_key: MAC_KEY.to_vec(),
            key_length: MAC_KEY.len(),
            made: now.expect("after 1970").as_secs(),
            lifetime: HOUR,
        }
    }

    fn with_key(self, mac_key: &[u8]) -> Self {
        Self {
            mac_key: mac_key.to_vec(),
            key_length: mac_key.len(),
            ..self
        }
    }

    /// The token (RFC 7635 section 6.2).
    fn token(&self) -> Vec<u8> {
        let length = u16::try_from(self.key_length).expect("a length");
        // Behind the seconds stand 64000ths of one.
        let stamp = self.made << 16;
        let block = [
            &length.to_be_bytes()[..],
            &self.mac_key,
            &stamp.to_be_bytes(),
            &self.lifetime.to_be_bytes(),
        ]
        .concat();
        let payload = Payload {
            msg: &block,
            aad: self.server.as_bytes(),
        };
        let encrypted = match self.kid {
            "short" => Aes128Gcm::new(SHORT.into()).encrypt(NONCE.into(), payload),
            _ => Aes256Gcm::new(KEY.into()).encrypt(NONCE.into(), payload),
        };
        [&[0, 12], &NONCE[..], &encrypted.expect("a token")].concat()
    }

    /// A client that shows the token.
    fn client(&self, path: &Path<'_>) -> Client {
        let mut client = path.client();
        client.account = Account::new(self.kid, "");
        self.give_to(&mut client);
        client
    }

    fn give_to(&self, client: &mut Client) {
        client.token = Some(self.token());
        client.mac_key = Some(self.mac_key.clone());
    }
}

/// An Allocate of this client's is refused as a wrong password would be.
#[track_caller]
fn expect_refused(client: &mut Client) {
    let reply = client.expect(401, &client.allocate_request());
    expect_challenge(&reply);
}

#[track_caller]
fn expect_challenge(reply: &Reply) {
    assert_eq!(reply.code(), 401);
    assert!(reply.has(attr::REALM) && reply.has(attr::NONCE));
    assert!(reply.signatures().is_empty());
    let name = reply.value(attr::THIRD_PARTY_AUTHORIZATION);
    assert_eq!(name.as_deref(), Some(SERVER.as_bytes()));
}

/// An Allocate is answered with success, and this life time.
#[track_caller]
fn granted(client: &mut Client, asked: u32) -> u32 {
    let reply = client.expect(OK, &client.allocate_request().lifetime(asked));
    reply.lifetime().expect("LIFETIME")
}

fn challenge(path: &Path<'_>) {
    expect_challenge(&path.client().ask(&Request::allocate()));
    // Who has a password needs no token.
    path.client().allocate();
}

fn unasked(path: &Path<'_>) {
    let mut client = path.client();
    let challenge = client.ask(&client.allocate_request());
    if challenge.has(attr::THIRD_PARTY_AUTHORIZATION) {
        not_applicable("it takes tokens");
    }
    client.token = Some(Issued::now().token());
    let reply = client.expect(420, &client.allocate_request());
    let unknown = reply.value(attr::UNKNOWN_ATTRIBUTES);
    let [k0, k1] = attr::ACCESS_TOKEN.0.to_be_bytes();
    assert_eq!(unknown.as_deref(), Some(&[k0, k1][..]));
    client.token = None;
    client.allocate();
}

fn refused(path: &Path<'_>) {
    let good = Issued::now();
    for kid in ["south", "short", "alice"] {
        let mut client = good.client(path);
        client.account = Account::new(kid, "");
        expect_refused(&mut client);
    }
    for server in ["turn.example.com", "turn.example.net.", "example.org", ""] {
        let elsewhere = Issued {
            server,
            ..good.clone()
        };
        expect_refused(&mut elsewhere.client(path));
    }
    let mut client = good.client(path);
    for at in 0..good.token().len() {
        let mut changed = good.token();
        changed[at] ^= 1 << (at % 8);
        client.token = Some(changed);
        expect_refused(&mut client);
    }
    // Whoever has the token alone does not know what is in it.
    let mut thief = good.client(path);
    thief.mac_key = Some(vec![7; MAC_KEY.len()]);
    expect_refused(&mut thief);
    granted(&mut good.client(path), 600);
}

fn times(path: &Path<'_>) {
    let now = Issued::now();
    let hour = u64::from(HOUR);
    for (made, is_good) in [
        (0, false),
        (now.made - hour - 5, false),
        // Time goes on meanwhile: what is on the edge has to become better by that.
        (now.made - hour + 60, true),
        (now.made + hour + 4, true),
        (now.made + hour + 65, false),
        (u64::MAX >> 16, false),
    ] {
        let issued = Issued {
            made,
            ..now.clone()
        };
        let mut client = issued.client(path);
        if is_good {
            granted(&mut client, 600);
        } else {
            expect_refused(&mut client);
        }
    }
}

fn accepted(path: &Path<'_>) {
    for signs in [Integrity::Sha1, Integrity::Sha256] {
        let mut client = Issued::now().client(path);
        client.signs = vec![signs];
        // Every answer's signature is looked at.
        let reply = client.call(&client.allocate_request());
        assert_eq!((reply.code(), reply.signatures()), (OK, vec![signs]));
        let (relay, peer) = (reply.relay(), path.peer());
        client.must_bind(CHANNEL, peer.address());
        client.send_channel(CHANNEL, b"up");
        peer.expect(b"up", relay);
        peer.send(relay, b"down");
        client.expect_channel(CHANNEL, b"down");
        // The key is known from now on.
        client.token = None;
        assert_eq!(client.refresh(600).code(), OK);
        assert_eq!(client.refresh(0).code(), OK);
        expect_refused(&mut client);
    }
}

fn lies(path: &Path<'_>) {
    let good = Issued::now();
    let token = good.token();
    let mut lies: Vec<Vec<u8>> = (0..token.len()).map(|at| token[..at].to_vec()).collect();
    for length in [0_u16, 1, 11, 13, 62, 63, 0x7FFF, 0xFFFF] {
        lies.push([&length.to_be_bytes()[..], &token[2..]].concat());
    }
    lies.push([&token[..], b"\0"].concat());
    lies.push([&token[..], &[0; 600]].concat());
    for key_length in [0, 19, 21, 32, 33, 0xFFFF] {
        let lie = Issued {
            key_length,
            ..good.clone()
        };
        lies.push(lie.token());
    }
    let mut client = good.client(path);
    for lie in lies {
        client.token = Some(lie);
        expect_refused(&mut client);
    }
    client.token = Some(token);
    granted(&mut client, 600);
}

fn algorithms(path: &Path<'_>) {
    for kid in ["north", "short"] {
        for length in [20, 1, 16, 32, 64] {
            let issued = Issued {
                kid,
                ..Issued::now()
            };
            let mut client = issued.with_key(&vec![6; length]).client(path);
            granted(&mut client, 600);
        }
    }
}

/// A token with so many seconds left.
fn nearly_over(left: u32) -> Issued {
    let now = Issued::now();
    Issued {
        made: now.made - u64::from(HOUR - left),
        ..now
    }
}

/// A token that outlives every allocation, however long it takes until it is looked at.
fn long_lived() -> Issued {
    Issued {
        lifetime: 2 * HOUR,
        ..Issued::now()
    }
}

fn lifetime(path: &Path<'_>) {
    let mut client = nearly_over(90).client(path);
    for asked in [HOUR, 600] {
        let granted = granted(&mut client, asked);
        assert!((1..=95).contains(&granted), "{granted} of {asked}");
        let refreshed = client.refresh(asked).lifetime().expect("LIFETIME");
        assert!((1..=95).contains(&refreshed), "{refreshed} of {asked}");
        assert_eq!(client.refresh(0).code(), OK);
    }
    assert_eq!(granted(&mut long_lived().client(path), HOUR), HOUR);
}

fn renewed(path: &Path<'_>) {
    let mut client = nearly_over(90).client(path);
    assert!(granted(&mut client, HOUR) <= 95);
    // A new token has a new key.
    long_lived().with_key(b"another key").give_to(&mut client);
    assert_eq!(client.refresh(HOUR).lifetime(), Some(HOUR));
    client.token = None;
    client.must_permit(path.peer().address());
    // The old one is of no use any more.
    client.mac_key = Some(MAC_KEY.to_vec());
    assert_eq!(client.refresh(600).code(), 401);
    client.mac_key = Some(b"another key".to_vec());
    assert_eq!(client.refresh(0).code(), OK);
}
