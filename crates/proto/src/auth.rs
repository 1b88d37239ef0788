//! The long-term credential mechanism (RFC 8489 section 9.2), one question after the other: cheap
//! checks first, and no key is looked for before the nonce has proved to be ours.

use core::time::Duration;
use std::sync::Arc;

use turnd_wire::{Algorithm, Integrity, Key, Message, attr, integrity};

use crate::{
    counters::AuthFailures,
    io::{Credential, FiveTuple, UserId},
    refusal::Refusal,
    settings::{Access, LongTerm},
    time::Instant,
    token::TokenKey,
};

/// RFC 8489 section 14.3: fewer than 509 bytes.
const MAX_USERNAME: usize = 508;
/// RFC 8489 sections 14.9 and 14.10: fewer than 128 characters.
const MAX_TEXT: usize = 127;
/// How PASSWORD-ALGORITHMS reads when SHA-256 is on offer: SHA-256, then MD5, no parameters.
pub(crate) const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// What a request says about who sent it. Its nonce is good; the signature is not checked yet.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) user: UserId,
    pub(crate) algorithm: Algorithm,
    pub(crate) integrity: Integrity,
    /// The realm that the client's key is for.
    pub(crate) realm: Arc<str>,
}

/// Which keys the owner of an allocation has proved to be one by.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    /// See [`LongTerm::with_keys`].
    pub(crate) keys: u64,
    pub(crate) realm: Arc<str>,
}

impl Proof {
    pub(crate) fn of(long_term: &LongTerm, claim: &Claim) -> Self {
        Self {
            keys: long_term.keys,
            realm: claim.realm.clone(),
        }
    }

    /// Of who makes an allocation by these rules.
    pub(crate) fn new(access: &Access) -> Self {
        match access {
            Access::DangerousAnyone => Self {
                keys: 0,
                realm: Arc::from(""),
            },
            Access::LongTerm(long_term) => Self {
                keys: long_term.keys,
                realm: long_term.realm.clone(),
            },
        }
    }
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// Anyone: nothing is signed.
    Anyone,
    /// A user whose signature was right.
    User(Box<Credential>),
    /// Whoever a third party gave a token to, until that is good no more. Nothing is known of him but by
    /// which key it was made, which stands for the user.
    Bearer(Box<Credential>, Instant),
}

impl Identity {
    /// The name for logs.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Anyone => "",
            Self::User(credential) | Self::Bearer(credential, _) => &credential.name,
        }
    }

    /// Whom the quota counts.
    pub(crate) fn account(&self) -> &str {
        match self {
            Self::Anyone => "",
            Self::User(credential) | Self::Bearer(credential, _) => &credential.account,
        }
    }

    pub(crate) fn credential(&self) -> Option<&Credential> {
        match self {
            Self::Anyone => None,
            Self::User(credential) | Self::Bearer(credential, _) => Some(credential),
        }
    }

    /// What of a life time can be granted: no more than the token is good for (RFC 7635 section 9).
    pub(crate) fn grant(&self, now: Instant, lifetime: Duration) -> Duration {
        match self {
            // Not zero, which would be the end.
            Self::Bearer(_, until) => lifetime.min(until.since(now).max(Duration::from_secs(1))),
            Self::Anyone | Self::User(_) => lifetime,
        }
    }

    /// When what is granted ends: with the token at the latest, or the second that is granted at least would be granted again and
    /// again.
    pub(crate) fn ends(&self, now: Instant, granted: Duration) -> Instant {
        match self {
            Self::Bearer(_, until) => (now + granted).min(*until),
            Self::Anyone | Self::User(_) => now + granted,
        }
    }
}

/// How to sign an answer: as the request was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signer {
    pub(crate) integrity: Integrity,
    pub(crate) key: Key,
}

/// What was wrong with a request's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    NoCredential,
    Malformed,
    StaleNonce,
    WrongRealm,
    UnknownUser,
    WrongPassword,
    WrongUser,
    TooMany,
    BadToken,
}

impl AuthFailures {
    pub(crate) const fn count(&mut self, why: AuthFailure) {
        let count = match why {
            AuthFailure::NoCredential => &mut self.no_credential,
            AuthFailure::Malformed => &mut self.malformed,
            AuthFailure::StaleNonce => &mut self.stale_nonce,
            AuthFailure::WrongRealm => &mut self.wrong_realm,
            AuthFailure::UnknownUser => &mut self.unknown_user,
            AuthFailure::WrongPassword => &mut self.wrong_password,
            AuthFailure::WrongUser => &mut self.wrong_user,
            AuthFailure::TooMany => &mut self.too_many,
            AuthFailure::BadToken => &mut self.bad_token,
        };
        *count += 1;
    }
}

impl LongTerm {
    /// Reads the claim out of a request. `allocated_in` is the realm that the client's allocation was made
    /// in: the owner need not notice that it has changed since.
    pub(crate) fn claim(
        &self,
        message: &Message<'_>,
        now: Instant,
        path: &FiveTuple,
        allocated_in: Option<&str>,
    ) -> Result<Claim, (AuthFailure, Refusal)> {
        let Some(integrity) = message.integrity() else {
            return Err((AuthFailure::NoCredential, Refusal::CHALLENGE));
        };
        let (mut claim, realm, nonce) = self
            .parts(message, integrity)
            .map_err(|refusal| (AuthFailure::Malformed, refusal))?;
        if !self.nonces.is_good(nonce, now, path) {
            return Err((AuthFailure::StaleNonce, Refusal::STALE_NONCE));
        }
        if realm != &*self.realm {
            if Some(realm) != allocated_in {
                return Err((AuthFailure::WrongRealm, Refusal::UNAUTHENTICATED));
            }
            claim.realm = Arc::from(realm);
        }
        Ok(claim)
    }

    /// The claim, as if it were for this realm, and the realm and nonce of a request, if they are well
    /// formed.
    fn parts<'a>(
        &self,
        message: &Message<'a>,
        integrity: Integrity,
    ) -> Result<(Claim, &'a str, &'a [u8]), Refusal> {
        let user = user_id(message)?;
        let realm = text(message, attr::REALM, MAX_TEXT * 4)?;
        let nonce = message.attribute(attr::NONCE).ok_or(Refusal::BAD_REQUEST)?;
        if realm.chars().count() > MAX_TEXT || characters(nonce) > MAX_TEXT {
            return Err(Refusal::BAD_REQUEST);
        }
        if message
            .attribute(attr::MESSAGE_INTEGRITY_SHA256)
            .is_some_and(is_misshapen)
        {
            return Err(Refusal::BAD_REQUEST);
        }
        let claim = Claim {
            user,
            algorithm: self.algorithm(message)?,
            integrity,
            realm: self.realm.clone(),
        };
        Ok((claim, realm, nonce))
    }

    /// Which key the client chose, with the checks against bidding down of RFC 8489 section 9.2.4.
    /// Without either attribute it is MD5, as before RFC 8489.
    fn algorithm(&self, message: &Message<'_>) -> Result<Algorithm, Refusal> {
        let chosen = message.attribute(attr::PASSWORD_ALGORITHM);
        let offered = message.attribute(attr::PASSWORD_ALGORITHMS);
        if !self.sha256 {
            return Ok(Algorithm::Md5);
        }
        match (chosen, offered) {
            (None, None) => Ok(Algorithm::Md5),
            (Some(&[n0, n1, 0, 0]), Some(offered)) if offered == ALGORITHMS => {
                Algorithm::from_number(u16::from_be_bytes([n0, n1])).ok_or(Refusal::BAD_REQUEST)
            }
            _ => Err(Refusal::BAD_REQUEST),
        }
    }

    /// The credential that signed the message, out of those that the user may have, and how to sign
    /// the answer.
    pub(crate) fn verify(
        &self,
        message: &Message<'_>,
        claim: &Claim,
        credentials: &[Credential],
    ) -> Result<(Identity, Signer), Refusal> {
        for credential in credentials {
            let Some(key) = claim.key(credential) else {
                continue;
            };
            if message.verify(claim.integrity, &key) {
                let signer = Signer {
                    integrity: claim.integrity,
                    key,
                };
                return Ok((Identity::User(Box::new(credential.clone())), signer));
            }
        }
        if credentials.is_empty() {
            // As much work as for a user who exists, so that time does not tell them apart.
            let nobody = Key::long_term(claim.algorithm, "", &self.realm, "");
            let _ = message.verify(claim.integrity, &nobody);
        }
        Err(Refusal::UNAUTHENTICATED)
    }
}

impl LongTerm {
    /// The bearer of a token, if it is good at `unix` seconds since 1970 and its key signed the message, and how
    /// to sign the answer.
    pub(crate) fn verify_token(
        &self,
        message: &Message<'_>,
        (now, unix): (Instant, u64),
        claim: &Claim,
        keys: &[TokenKey],
    ) -> Result<(Identity, Signer), Refusal> {
        let third_party = self.third_party.as_ref();
        let bearer = third_party.and_then(|third_party| {
            let sealed = message.attribute(attr::ACCESS_TOKEN)?;
            let UserId::Name(kid) = &claim.user else {
                return None;
            };
            let name = &third_party.server_name;
            let token = keys.iter().find_map(|key| key.open(sealed, name))?;
            let remaining = token.remaining(unix)?;
            let signer = Signer {
                integrity: claim.integrity,
                key: token.key,
            };
            let credential = Credential {
                name: kid.clone(),
                account: kid.clone(),
                md5: token.key,
                sha256: Some(token.key),
            };
            let identity = Identity::Bearer(Box::new(credential), now + remaining);
            let is_signed = message.verify(claim.integrity, &token.key);
            is_signed.then_some((identity, signer))
        });
        bearer.ok_or(Refusal::UNAUTHENTICATED)
    }
}

impl Claim {
    /// Whether the claim names this credential.
    pub(crate) fn names(&self, credential: &Credential, realm: &str) -> bool {
        match &self.user {
            UserId::Name(name) => *name == credential.name,
            UserId::Hash(hash) => *hash == integrity::user_hash(&credential.name, realm),
        }
    }

    fn key(&self, credential: &Credential) -> Option<Key> {
        match self.algorithm {
            Algorithm::Md5 => Some(credential.md5),
            Algorithm::Sha256 => credential.sha256,
        }
    }
}

fn user_id(message: &Message<'_>) -> Result<UserId, Refusal> {
    if message.has(attr::USERNAME) {
        return Ok(UserId::Name(
            text(message, attr::USERNAME, MAX_USERNAME)?.to_owned(),
        ));
    }
    let hash = message
        .attribute(attr::USERHASH)
        .ok_or(Refusal::BAD_REQUEST)?;
    Ok(UserId::Hash(
        hash.try_into().map_err(|_| Refusal::BAD_REQUEST)?,
    ))
}

fn text<'a>(
    message: &Message<'a>,
    kind: attr::AttributeType,
    longest: usize,
) -> Result<&'a str, Refusal> {
    let value = message
        .attribute(kind)
        .filter(|value| value.len() <= longest);
    value
        .and_then(|value| core::str::from_utf8(value).ok())
        .ok_or(Refusal::BAD_REQUEST)
}

/// How many characters these bytes are; one for each if they are no text at all.
fn characters(bytes: &[u8]) -> usize {
    core::str::from_utf8(bytes).map_or(bytes.len(), |text| text.chars().count())
}

/// A code that no sender may produce: 16 to 32 bytes in steps of four (RFC 8489 section 14.6). What
/// is allowed there but shorter than 32 fails its check, because TURN does not shorten it.
fn is_misshapen(code: &[u8]) -> bool {
    !(16..=32).contains(&code.len()) || !code.len().is_multiple_of(4)
}
