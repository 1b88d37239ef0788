//! MOBILITY-TICKET (RFC 8016 sections 3.1.2 and 5): what a client shows to have its allocation from another
//! address. Encrypted, so that it tells nothing, and authenticated, so that nothing is looked for that this
//! process has not given out.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use slotmap::{Key, KeyData};

use crate::io::AllocationId;

const NONCE: usize = 12;
const TAG: usize = 16;
/// The server, the allocation, the secret.
const CONTENT: usize = 1 + 8 + SECRET;
const SECRET: usize = 16;
const LENGTH: usize = NONCE + CONTENT + TAG;

/// Keeps what is sealed for something else from being a ticket.
const ASSOCIATED: &[u8] = b"turnd MOBILITY-TICKET";

/// What nobody can guess of a ticket, even who has the key: 128 bits that the allocation knows too.
pub(crate) type Secret = [u8; SECRET];

/// A ticket's bytes.
pub(crate) type SealedTicket = [u8; LENGTH];

/// The key that tickets are encrypted with. All servers of a process have the same, so that each finds out
/// which of them a ticket is for.
pub struct TicketKey(Aes256Gcm);

impl TicketKey {
    /// `key` must be unpredictable.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    pub(crate) fn seal(&self, ticket: &Ticket, nonce: &[u8; NONCE]) -> SealedTicket {
        let mut content = [0; CONTENT];
        content[0] = ticket.server;
        content[1..9].copy_from_slice(&ticket.allocation.data().as_ffi().to_be_bytes());
        content[9..].copy_from_slice(&ticket.secret);
        let payload = Payload {
            msg: &content,
            aad: ASSOCIATED,
        };
        let encrypted = self.0.encrypt(nonce.into(), payload);
        let mut sealed = [0; LENGTH];
        sealed[..NONCE].copy_from_slice(nonce);
        sealed[NONCE..].copy_from_slice(&encrypted.expect("25 bytes are not too long"));
        sealed
    }

    /// What a ticket says; `None` if it was not made with this key, or has been changed.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Ticket> {
        let (nonce, encrypted) = <&SealedTicket>::try_from(sealed)
            .ok()?
            .split_first_chunk()?;
        let nonce: &[u8; NONCE] = nonce;
        let payload = Payload {
            msg: encrypted,
            aad: ASSOCIATED,
        };
        let content = self.0.decrypt(nonce.into(), payload).ok()?;
        let (&server, rest) = content.split_first()?;
        let (allocation, secret) = rest.split_first_chunk()?;
        Some(Ticket {
            server,
            allocation: KeyData::from_ffi(u64::from_be_bytes(*allocation)).into(),
            secret: secret.try_into().ok()?,
        })
    }
}

/// What a ticket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The index of the server that has the allocation.
    pub(crate) server: u8,
    pub(crate) allocation: AllocationId,
    pub(crate) secret: Secret,
}

/// Where a server has the secrets and nonces of its tickets from.
pub(crate) struct Secrets {
    mac: Hmac<Sha256>,
    made: u64,
}

impl Secrets {
    /// `seed` must be unpredictable.
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(seed)
            .expect("HMAC takes keys of any length");
        // Other things are made from the same seed.
        mac.update(b"MOBILITY-TICKET");
        Self { mac, made: 0 }
    }

    /// A secret and a nonce that were never given out.
    pub(crate) fn next(&mut self) -> (Secret, [u8; NONCE]) {
        self.made = self.made.wrapping_add(1);
        let mut mac = self.mac.clone();
        mac.update(&self.made.to_be_bytes());
        let random: [u8; 32] = mac.finalize().into_bytes().into();
        let (mut secret, mut nonce) = (Secret::default(), [0; NONCE]);
        secret.copy_from_slice(&random[..SECRET]);
        nonce.copy_from_slice(&random[SECRET..SECRET + NONCE]);
        (secret, nonce)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ticket(secret: Secret) -> Ticket {
        Ticket {
            server: 3,
            allocation: KeyData::from_ffi(7 << 32 | 9).into(),
            secret,
        }
    }

    #[test]
    fn a_ticket_opens_with_its_key_alone() {
        let key = TicketKey::new(&[1; 32]);
        let (secret, nonce) = Secrets::new(&[2; 32]).next();
        let sealed = key.seal(&ticket(secret), &nonce);
        assert_eq!(key.open(&sealed), Some(ticket(secret)));
        assert_eq!(TicketKey::new(&[3; 32]).open(&sealed), None);
    }

    #[test]
    fn no_bit_can_be_changed_and_nothing_left_out_or_added() {
        let key = TicketKey::new(&[1; 32]);
        let (secret, nonce) = Secrets::new(&[2; 32]).next();
        let sealed = key.seal(&ticket(secret), &nonce);
        for bit in 0..LENGTH * 8 {
            let mut changed = sealed;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&changed), None, "{bit}");
        }
        for length in 0..LENGTH {
            assert_eq!(key.open(&sealed[..length]), None);
        }
        assert_eq!(key.open(&[&sealed[..], &[0]].concat()), None);
    }

    /// A ticket of one allocation says nothing about another, and not even which of two is the older one.
    #[test]
    fn tickets_of_one_allocation_have_nothing_in_common() {
        let key = TicketKey::new(&[1; 32]);
        let mut secrets = Secrets::new(&[2; 32]);
        let (mut seen, mut ones) = (HashSet::new(), 0);
        for _ in 0..1000 {
            let (secret, nonce) = secrets.next();
            let sealed = key.seal(&ticket(secret), &nonce);
            ones += sealed.iter().map(|byte| byte.count_ones()).sum::<u32>();
            assert!(seen.insert(secret.to_vec()) && seen.insert(nonce.to_vec()));
            assert!(seen.insert(sealed[NONCE..NONCE + 9].to_vec()));
        }
        let share = f64::from(ones) / (1000 * LENGTH * 8) as f64;
        assert!((0.49..0.51).contains(&share), "{share}");
        assert_ne!(Secrets::new(&[4; 32]).next(), Secrets::new(&[2; 32]).next());
    }
}
