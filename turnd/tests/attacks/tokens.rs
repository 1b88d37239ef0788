//! D14: tokens of third parties (RFC 7635) that are not what they seem.

use std::time::{SystemTime, UNIX_EPOCH};

use aes_gcm::{
    Aes128Gcm, Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use turnd_wire::{Class, Integrity, Key, Method, Writer, attr};

use crate::{
    numbers::Numbers,
    support::{as_long, turnd::Turnd},
    ways::{Client, REALM, Reply, Way, message},
};

const SERVER: &str = "turn.example.net";
const KEY: [u8; 32] = *b"HGkj32KJGiuy098sdfaqbNjOiaz71923";
const MAC_KEY: [u8; 20] = *b"ZksjpweoixXmvn67534m";

fn start() -> Turnd {
    let keys = [
        format!("north:{}", STANDARD.encode(KEY)),
        // The same bytes, as far as they go, for the other algorithm.
        format!("short:{}:A128GCM", STANDARD.encode(&KEY[..16])),
        // The same name for both, so that each is tried.
        format!("both:{}", STANDARD.encode(KEY)),
        format!("both:{}:A128GCM", STANDARD.encode(&KEY[16..])),
    ];
    let keys = keys.map(|key| format!("oauth-key={key}\n")).concat();
    Turnd::start(&format!(
        "realm={REALM}\nlistening-ip=127.0.0.1\nlistening-port=0\nfailed-logins=0\nrelay-threads=1\noauth\n\
         server-name={SERVER}\n{keys}"
    ))
}

#[derive(Clone)]
struct Issued {
    server: &'static str,
    /// Seconds ago.
    age: i64,
    lifetime: u32,
    /// What the length of the key says that it is.
    key_length: u16,
    nonce: Vec<u8>,
    with_128: bool,
}

impl Default for Issued {
    fn default() -> Self {
        Self {
            server: SERVER,
            age: 0,
            lifetime: 700,
            key_length: 20,
            nonce: b"h4j3k2l2n4b5".to_vec(),
            with_128: false,
        }
    }
}

impl Issued {
    fn bytes(&self) -> Vec<u8> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let made = now.as_secs().checked_add_signed(-self.age).unwrap();
        let stamp = (made << 16).to_be_bytes();
        let lifetime = self.lifetime.to_be_bytes();
        let length = self.key_length.to_be_bytes();
        let msg = [&length, &MAC_KEY[..], &stamp, &lifetime].concat();
        let payload = Payload {
            msg: &msg,
            aad: self.server.as_bytes(),
        };
        // Where the nonce is not what the algorithm takes, what is encrypted does not matter.
        let nonce = self.nonce.as_slice().try_into().unwrap_or([0; 12]);
        let encrypted = if self.with_128 {
            let key: [u8; 16] = KEY[..16].try_into().unwrap();
            Aes128Gcm::new((&key).into()).encrypt((&nonce).into(), payload)
        } else {
            Aes256Gcm::new((&KEY).into()).encrypt((&nonce).into(), payload)
        };
        let length = u16::try_from(self.nonce.len()).unwrap().to_be_bytes();
        [&length, &self.nonce[..], &encrypted.unwrap()].concat()
    }
}

/// An Allocate with a token, to a client that has been challenged.
fn request(nonce: &[u8], kid: &str, token: &[u8], mac_key: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let mut writer = Writer::new(
        &mut buffer,
        Class::Request,
        Method::ALLOCATE,
        [5; 12].into(),
    );
    writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    writer.text(attr::USERNAME, kid);
    writer.text(attr::REALM, REALM);
    writer.bytes(attr::NONCE, nonce);
    writer.bytes(attr::ACCESS_TOKEN, token);
    writer.integrity(Integrity::Sha1, &Key::from_bytes(mac_key).unwrap());
    writer.finish().expect("a message").to_vec()
}

fn nonce(client: &mut Client) -> Vec<u8> {
    let ask = |writer: &mut Writer<'_>| writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    let challenge = client.exchange(&message(Class::Request, Method::ALLOCATE, ask).1);
    assert_eq!(challenge.error(), Some(401));
    let nonce = challenge
        .message()
        .attribute(attr::NONCE)
        .map(<[u8]>::to_vec);
    nonce.expect("a nonce")
}

/// The errors that came before the answer to a question of our own.
fn answers_until_now(client: &mut Client) -> Vec<u16> {
    let (id, probe) = message(Class::Request, Method::BINDING, |_| ());
    client.send(&probe);
    let mut errors = Vec::new();
    loop {
        let reply = Reply(client.next());
        if reply.message().transaction_id() == id.into() {
            return errors;
        }
        errors.extend(reply.error());
    }
}

/// What a new client is answered.
fn show(turnd: &Turnd, way: Way, kid: &str, token: &[u8], mac_key: &[u8]) -> Option<u16> {
    let mut client = Client::new(way, turnd);
    let nonce = nonce(&mut client);
    client
        .exchange(&request(&nonce, kid, token, mac_key))
        .error()
}

/// D14: a token is good with its own key, name, server and time, and with nothing else of it changed.
#[test]
fn d14_only_the_token_itself_is_good() {
    let turnd = start();
    for way in [Way::Udp, Way::Tcp] {
        let shown = |kid: &str, issued: &Issued| show(&turnd, way, kid, &issued.bytes(), &MAC_KEY);
        let good = Issued::default();
        let with_128 = Issued {
            with_128: true,
            ..Issued::default()
        };
        assert_eq!(shown("north", &good), None, "{way:?}");
        assert_eq!(shown("both", &good), None, "{way:?}");
        assert_eq!(shown("short", &with_128), None, "{way:?}");
        // The other algorithm with a part of the same key, or a key of another name.
        for (kid, issued) in [
            ("short", &good),
            ("north", &with_128),
            ("both", &with_128),
            ("south", &good),
            ("", &good),
        ] {
            assert_eq!(shown(kid, issued), Some(401), "{way:?} {kid}");
        }
        for (what, issued) in [
            (
                "another server",
                Issued {
                    server: "turn.example.com",
                    ..good.clone()
                },
            ),
            (
                "no server",
                Issued {
                    server: "",
                    ..good.clone()
                },
            ),
            (
                "expired",
                Issued {
                    age: 3600,
                    ..good.clone()
                },
            ),
            (
                "just expired",
                Issued {
                    age: 710,
                    ..good.clone()
                },
            ),
            (
                "from the future",
                Issued {
                    age: -3600,
                    ..good.clone()
                },
            ),
            (
                "no life",
                Issued {
                    lifetime: 0,
                    age: 6,
                    ..good.clone()
                },
            ),
            (
                "a key of all bytes",
                Issued {
                    key_length: 32,
                    ..good.clone()
                },
            ),
            (
                "a key of more bytes",
                Issued {
                    key_length: 0xFFFF,
                    ..good.clone()
                },
            ),
            (
                "no key",
                Issued {
                    key_length: 0,
                    ..good.clone()
                },
            ),
            (
                "no nonce",
                Issued {
                    nonce: vec![],
                    ..good.clone()
                },
            ),
            (
                "a short nonce",
                Issued {
                    nonce: vec![1; 8],
                    ..good.clone()
                },
            ),
            (
                "a long nonce",
                Issued {
                    nonce: vec![1; 600],
                    ..good.clone()
                },
            ),
        ] {
            assert_eq!(shown("north", &issued), Some(401), "{way:?} {what}");
        }
        // Seen on the way, by somebody who does not know the key in it.
        let token = good.bytes();
        assert_eq!(show(&turnd, way, "north", &token, &[7; 20]), Some(401));
        // Each of its bits counts.
        for bit in (0..token.len() * 8).step_by(7) {
            let mut changed = token.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let code = show(&turnd, way, "north", &changed, &MAC_KEY);
            assert_eq!(code, Some(401), "{way:?} bit {bit}");
        }
        for length in 0..token.len() {
            let code = show(&turnd, way, "north", &token[..length], &MAC_KEY);
            assert_eq!(code, Some(401), "{way:?} {length} bytes");
        }
    }
}

/// D14: a whole request that was recorded is worth nothing from elsewhere.
#[test]
fn d14_a_recorded_request_is_not_good_from_elsewhere() {
    let turnd = start();
    let mut client = Client::new(Way::Udp, &turnd);
    let bytes = request(
        &nonce(&mut client),
        "north",
        &Issued::default().bytes(),
        &MAC_KEY,
    );
    let mut thief = Client::new(Way::Udp, &turnd);
    assert_eq!(thief.exchange(&bytes).error(), Some(438));
    assert_eq!(client.exchange(&bytes).error(), None);
}

/// Bytes of the longest request that is looked at.
const LONGEST: usize = 2048;

/// D14: what is too long, and what is nothing, over UDP and TCP, of clients who have shown nothing yet (CVE-2026-43994).
#[test]
fn d14_tokens_of_any_length_and_bytes_harm_nobody() {
    let turnd = start();
    let mut numbers = Numbers(0xD14);
    let before = turnd.resident();
    for (way, longest) in [(Way::Udp, 60_000), (Way::Tcp, 65_000)] {
        let mut client = Client::new(way, &turnd);
        let nonce = nonce(&mut client);
        for length in [
            0_usize, 1, 2, 13, 14, 255, 256, 1023, 1200, 4096, 16_384, 32_767, longest,
        ] {
            // The length of the nonce is what it may be, all that there is, and more.
            for announced in [12, length.saturating_sub(2), length, 0xFFFF] {
                let mut token: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
                let announced = u16::try_from(announced).unwrap().to_be_bytes();
                let count = token.len().min(2);
                token[..count].copy_from_slice(&announced[..count]);
                let bytes = request(&nonce, "north", &token, &MAC_KEY);
                client.send(&bytes);
                let answers = answers_until_now(&mut client);
                // A longer request is dropped before anybody looks for keys.
                let expected: &[u16] = if bytes.len() > LONGEST { &[] } else { &[401] };
                assert_eq!(answers, expected, "{way:?} {length} bytes");
            }
        }
        for _ in 0..as_long(1000, 50_000) {
            let length = numbers.next() as usize % 120;
            let token: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
            let bytes = request(&nonce, "north", &token, &MAC_KEY);
            assert_eq!(client.exchange(&bytes).error(), Some(401), "{token:?}");
        }
    }
    let grown = turnd.resident().saturating_sub(before);
    assert!(grown < 8192, "{grown} kB more");
    let good = Issued::default().bytes();
    assert_eq!(show(&turnd, Way::Udp, "north", &good, &MAC_KEY), None);
}
