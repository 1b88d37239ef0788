//! Nonces that need no memory: a time stamp and an authentication code over it, the client's address,
//! its transport and the security features on offer, behind the nonce cookie (RFC 8489 section 9.2).
//!
//! A datagram's source can be forged, so that a nonce given to one port proves nothing about another.
//! Whoever has a stream has shown where he is, and all streams of a host share a nonce: a data
//! connection (RFC 6062 section 4.3) then needs no challenge of its own.
//!
//! `obMatJos2` (9) + feature bits (4) + base64url of 3 bytes of time and 8 bytes of code (15): 28
//! characters. A smaller nonce would keep less than 64 bits of code, a longer one would make the
//! challenge, which anyone can ask for, longer than three times the request.

use core::{net::IpAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{io::FiveTuple, time::Instant};

/// What every nonce with feature bits starts with.
const COOKIE: &[u8; 9] = b"obMatJos2";
/// Time stamps count seconds and wrap after 194 days.
const TIME_MASK: u64 = 0xFF_FFFF;
/// Seconds by which the clock of another server that shares the key may be ahead.
const SKEW: u64 = 10;
const CODE_LENGTH: usize = 8;
const BODY_LENGTH: usize = 3 + CODE_LENGTH;
/// Length of every nonce made here, in bytes.
pub(crate) const LENGTH: usize = 9 + 4 + 15;

/// A nonce's text.
pub(crate) type Nonce = [u8; LENGTH];

/// The security feature bits of the nonce cookie (RFC 8489 section 18.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// Bit 0: the server sends PASSWORD-ALGORITHMS.
    pub(crate) password_algorithms: bool,
    /// Bit 1: the server understands USERHASH.
    pub(crate) username_anonymity: bool,
}

impl Features {
    /// The 24 bits as four base64 characters; bit 0 is the first bit of the first character.
    fn text(self) -> [u8; 4] {
        let bits = u8::from(self.password_algorithms) << 7 | u8::from(self.username_anonymity) << 6;
        let mut text = [0; 4];
        encode(&[bits, 0, 0], &mut text);
        text
    }
}

/// Makes and judges nonces. Every server of a process, and of a fleet, may share the key.
#[derive(Clone)]
pub(crate) struct Nonces {
    mac: Hmac<Sha256>,
    lifetime: Option<Duration>,
    features: Features,
}

/// The key of servers that share a secret and take each other's nonces. Their clocks must agree, too.
#[must_use]
pub fn nonce_key(secret: &str) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    // The same secret may be in use elsewhere.
    mac.update(b"turnd NONCE");
    mac.finalize().into_bytes().into()
}

impl Nonces {
    /// `lifetime` of `None`: nonces never go stale.
    pub(crate) fn new(key: &[u8; 32], lifetime: Option<Duration>, features: Features) -> Self {
        Self {
            mac: Hmac::new_from_slice(key).expect("HMAC takes keys of any length"),
            lifetime,
            features,
        }
    }

    /// A nonce for this client.
    pub(crate) fn make(&self, now: Instant, client: &FiveTuple) -> Nonce {
        self.stamped(now.as_secs() & TIME_MASK, client)
    }

    /// Whether this nonce was made here for this client and is still fresh.
    pub(crate) fn is_good(&self, nonce: &[u8], now: Instant, client: &FiveTuple) -> bool {
        let Some(stamp) = time_stamp(nonce) else {
            return false;
        };
        let made = self.stamped(stamp, client);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&made[..], nonce)) {
            return false;
        }
        let now = now.as_secs().wrapping_add(SKEW);
        let age = (now.wrapping_sub(stamp) & TIME_MASK).saturating_sub(SKEW);
        self.lifetime
            .is_none_or(|lifetime| age < lifetime.as_secs())
    }

    fn stamped(&self, stamp: u64, client: &FiveTuple) -> Nonce {
        let features = self.features.text();
        let stamp = &stamp.to_be_bytes()[5..];
        let mut mac = self.mac.clone();
        mac.update(stamp);
        mac.update(&features);
        if client.transport.is_stream() {
            mac.update(b"stream");
        } else {
            mac.update(&[client.transport as u8]);
            mac.update(&client.client.port().to_be_bytes());
        }
        match client.client.ip() {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        }
        let mut body = [0; BODY_LENGTH];
        body[..3].copy_from_slice(stamp);
        body[3..].copy_from_slice(&mac.finalize().into_bytes()[..CODE_LENGTH]);

        let mut nonce = [0; LENGTH];
        nonce[..9].copy_from_slice(COOKIE);
        nonce[9..13].copy_from_slice(&features);
        encode(&body, &mut nonce[13..]);
        nonce
    }
}

/// The time stamp that a nonce claims.
fn time_stamp(nonce: &[u8]) -> Option<u64> {
    let nonce: &Nonce = nonce.try_into().ok()?;
    let mut body = [0; BODY_LENGTH + 1];
    URL_SAFE_NO_PAD.decode_slice(&nonce[13..], &mut body).ok()?;
    Some(u64::from(u32::from_be_bytes([
        0, body[0], body[1], body[2],
    ])))
}

fn encode(bytes: &[u8], text: &mut [u8]) {
    URL_SAFE_NO_PAD
        .encode_slice(bytes, text)
        .expect("the lengths are constants that fit");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Transport;

    const FEATURES: Features = Features {
        password_algorithms: true,
        username_anonymity: true,
    };

    fn nonces() -> Nonces {
        Nonces::new(&[7; 32], Some(Duration::from_secs(600)), FEATURES)
    }

    fn client() -> FiveTuple {
        from("192.0.2.1:4000", Transport::Udp)
    }

    fn from(client: &str, transport: Transport) -> FiveTuple {
        FiveTuple {
            transport,
            client: client.parse().unwrap(),
            server: "192.0.2.9:3478".parse().unwrap(),
        }
    }

    #[test]
    fn both_feature_bits_read_w_a_a_a() {
        let nonce = nonces().make(Instant::default(), &client());
        assert_eq!(&nonce[..13], b"obMatJos2wAAA");
    }

    #[test]
    fn a_nonce_is_good_for_its_client_until_it_is_old() {
        let made = Instant::from_millis(5_000_000);
        let nonce = nonces().make(made, &client());
        assert!(nonces().is_good(&nonce, made, &client()));
        assert!(nonces().is_good(&nonce, made + Duration::from_secs(599), &client()));
        assert!(!nonces().is_good(&nonce, made + Duration::from_secs(600), &client()));
        for other in ["192.0.2.1:4001", "192.0.2.2:4000", "[2001:db8::1]:4000"] {
            let other = from(other, Transport::Udp);
            assert!(!nonces().is_good(&nonce, made, &other));
        }
        for transport in [Transport::Dtls, Transport::Tcp, Transport::Tls] {
            let other = from("192.0.2.1:4000", transport);
            assert!(!nonces().is_good(&nonce, made, &other), "{transport:?}");
        }
    }

    #[test]
    fn the_streams_of_a_host_share_a_nonce() {
        let now = Instant::default();
        let nonce = nonces().make(now, &from("192.0.2.1:4000", Transport::Tcp));
        for transport in [Transport::Tcp, Transport::Tls] {
            assert!(nonces().is_good(&nonce, now, &from("192.0.2.1:4001", transport)));
            assert!(!nonces().is_good(&nonce, now, &from("192.0.2.2:4000", transport)));
        }
        for transport in [Transport::Udp, Transport::Dtls] {
            assert!(!nonces().is_good(&nonce, now, &from("192.0.2.1:4000", transport)));
        }
    }

    #[test]
    fn a_nonce_from_the_future_or_another_key_is_refused() {
        let nonce = nonces().make(Instant::from_millis(9_000_000), &client());
        assert!(!nonces().is_good(&nonce, Instant::from_millis(8_000_000), &client()));
        let other = Nonces::new(&[8; 32], None, FEATURES);
        assert!(!other.is_good(&nonce, Instant::from_millis(9_000_000), &client()));
    }

    #[test]
    fn servers_that_share_a_secret_take_each_others_nonces() {
        let server = |secret| {
            let lifetime = Some(Duration::from_secs(600));
            Nonces::new(&nonce_key(secret), lifetime, FEATURES)
        };
        let (now, client) = (Instant::from_millis(5_000_000), client());
        let nonce = server("north").make(now + Duration::from_secs(SKEW), &client);
        assert!(server("north").is_good(&nonce, now, &client));
        assert!(!server("south").is_good(&nonce, now, &client));
        let nonce = server("north").make(now + Duration::from_secs(SKEW + 1), &client);
        assert!(!server("north").is_good(&nonce, now, &client));
    }

    #[test]
    fn no_single_character_can_be_changed() {
        let now = Instant::from_millis(77_000);
        let good = nonces().make(now, &client());
        for at in 0..good.len() {
            for byte in (0..=255).filter(|&byte| byte != good[at]) {
                let mut changed = good;
                changed[at] = byte;
                assert!(!nonces().is_good(&changed, now, &client()), "{at} {byte}");
            }
        }
        assert!(!nonces().is_good(&good[..27], now, &client()));
        assert!(!nonces().is_good(&[], now, &client()));
    }

    /// F20 of the faults: the stamp has 24 bits.
    #[test]
    fn the_wrap_of_the_time_stamp_is_a_second_like_others() {
        let wrap = (TIME_MASK + 1) * 1000;
        for before in [1000, 300_000, 599_000] {
            let nonce = nonces().make(Instant::from_millis(wrap - before), &client());
            for after in [0, 1000, 599_000] {
                let now = Instant::from_millis(wrap + after);
                let is_good = nonces().is_good(&nonce, now, &client());
                assert_eq!(is_good, before + after < 600_000, "{before} and {after}");
            }
        }
    }

    #[test]
    fn without_a_lifetime_a_nonce_stays_good() {
        let nonces = Nonces::new(&[7; 32], None, FEATURES);
        let nonce = nonces.make(Instant::default(), &client());
        assert!(nonces.is_good(&nonce, Instant::from_millis(1_000_000_000), &client()));
    }
}
