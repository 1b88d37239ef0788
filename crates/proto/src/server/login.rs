//! Who sends a request: the owner of an allocation by the key that was found for it, anybody else by asking for the
//! keys (RFC 8489 section 9.2, RFC 7635).

use turnd_wire::{Message, attr};

use super::Server;
use crate::{
    auth::{AuthFailure, Claim, Identity, Proof, Signer},
    io::{AllocationId, Client, Credential, Ending, FiveTuple},
    refusal::Refusal,
    request::ReplyTo,
    settings::{Access, LongTerm},
    time::Instant,
    token::TokenKey,
};

impl Server {
    /// Finds out who sends a request, at once or by asking.
    pub(super) fn authenticate(&mut self, now: Instant, from: Client, message: &Message<'_>) {
        let subject = self.live_subject(now, &from.path, message);
        let settings = self.settings.clone();
        let reply = ReplyTo::new(&settings, from, message);
        let Access::LongTerm(long_term) = &settings.access else {
            return self.serve(now, message, reply, Identity::Anyone);
        };
        // RFC 7635 section 7. What signed it is not to be found out.
        if long_term.third_party.is_none()
            && message.has(attr::ACCESS_TOKEN)
            && message.integrity().is_some()
        {
            let refusal = Refusal::unknown(vec![attr::ACCESS_TOKEN]);
            return self.refuse(now, &reply, None, &refusal);
        }
        let allocation = subject.and_then(|id| self.table.allocation(id));
        let realm = allocation.map(|allocation| &*allocation.proof.realm);
        let claim = match long_term.claim(message, now, &from.path, realm) {
            Ok(claim) => claim,
            Err((why, refusal)) => {
                self.counters.auth_failures.count(why);
                return self.refuse(now, &reply, None, &refusal);
            }
        };
        let owner = self.owner_of(long_term, subject, message, &claim);
        if let Some((owner, signer)) = owner {
            let signer = Some(signer);
            self.challenge_answered(now, &from.path);
            return self.serve(now, message, ReplyTo { signer, ..reply }, owner);
        }
        if !self.may_log_in(now, &from.path, &claim) {
            let user = claim.user.name();
            self.counters.auth_failures.count(AuthFailure::TooMany);
            return self.refuse(now, &reply, user, &Refusal::UNAUTHENTICATED);
        }
        let owner = self.owner_to_find(long_term, subject, &claim);
        self.ask_for_keys(now, from, message, claim, owner);
    }

    /// The allocation that a request is about, without what has expired.
    fn live_subject(
        &mut self,
        now: Instant,
        path: &FiveTuple,
        message: &Message<'_>,
    ) -> Option<AllocationId> {
        let id = self.subject(path, message)?;
        self.expire_allocation(now, id, Ending::Expired);
        Some(id)
    }

    /// The name of the allocation's owner, if that is who claims to write and whose keys are not
    /// known to be good any more: those of the configuration have changed, or the realm has.
    fn owner_to_find(
        &self,
        long_term: &LongTerm,
        subject: Option<AllocationId>,
        claim: &Claim,
    ) -> Option<String> {
        let allocation = self.table.allocation(subject?)?;
        let credential = allocation.owner.credential()?;
        let proof = &allocation.proof;
        let is_owner = claim.names(credential, &claim.realm);
        let is_proved = proof.keys == long_term.keys && proof.realm == claim.realm;
        (is_owner && !is_proved).then(|| credential.name.clone())
    }

    /// The owner of the allocation, if that is who signed: the key found for the first
    /// request serves as long as the allocation lives, even if the credential expires meanwhile.
    fn owner_of(
        &self,
        long_term: &LongTerm,
        subject: Option<AllocationId>,
        message: &Message<'_>,
        claim: &Claim,
    ) -> Option<(Identity, Signer)> {
        // A token may be a new one.
        if message.has(attr::ACCESS_TOKEN) {
            return None;
        }
        let allocation = self.table.allocation(subject?)?;
        let credential = allocation.owner.credential()?;
        let proof = &allocation.proof;
        if proof.keys != long_term.keys || !claim.names(credential, &proof.realm) {
            return None;
        }
        let own = core::slice::from_ref(credential);
        let (_, signer) = long_term.verify(message, claim, own).ok()?;
        Some((allocation.owner.clone(), signer))
    }

    /// The keys of whoever has the name are known.
    pub(crate) fn keys_found(
        &mut self,
        now: Instant,
        client: Client,
        request: &[u8],
        claim: &Claim,
        credentials: &[Credential],
    ) {
        let failure = match credentials {
            [] => AuthFailure::UnknownUser,
            _ => AuthFailure::WrongPassword,
        };
        // A name that nobody has is told too: most often it is a mistyped one.
        let known = credentials.first().map(|known| &*known.name);
        let user = claim.user.name().or(known);
        self.judge(
            now,
            client,
            request,
            claim,
            (failure, user),
            |long_term, message| long_term.verify(message, claim, credentials),
        );
    }

    /// The keys that may have made a token are known.
    pub(crate) fn token_keys_found(
        &mut self,
        (now, unix): (Instant, u64),
        client: Client,
        request: &[u8],
        claim: &Claim,
        keys: &[TokenKey],
    ) {
        let failure = (AuthFailure::BadToken, claim.user.name());
        self.judge(
            now,
            client,
            request,
            claim,
            failure,
            |long_term, message| long_term.verify_token(message, (now, unix), claim, keys),
        );
    }

    /// Serves a request that has waited for keys, or says what is wrong with it.
    fn judge(
        &mut self,
        now: Instant,
        client: Client,
        request: &[u8],
        claim: &Claim,
        (failure, user): (AuthFailure, Option<&str>),
        verify: impl FnOnce(&LongTerm, &Message<'_>) -> Result<(Identity, Signer), Refusal>,
    ) {
        let settings = self.settings.clone();
        let (Ok(message), Access::LongTerm(long_term)) =
            (Message::parse(request), &settings.access)
        else {
            return;
        };
        let path = client.path;
        let subject = self.live_subject(now, &path, &message);
        let reply = ReplyTo::new(&settings, client, &message);
        match verify(long_term, &message) {
            Ok((identity, signer)) => {
                self.prove_owner(subject, &identity, Proof::of(long_term, claim));
                self.challenge_answered(now, &path);
                self.logged_in(now, &path, claim, true);
                let signer = Some(signer);
                self.serve(now, &message, ReplyTo { signer, ..reply }, identity);
            }
            Err(refusal) => {
                self.logged_in(now, &path, claim, false);
                self.counters.auth_failures.count(failure);
                self.refuse(now, &reply, user, &refusal);
            }
        }
    }

    /// The owner of an allocation has shown a key that is good now; it serves for the next request too.
    fn prove_owner(&mut self, id: Option<AllocationId>, identity: &Identity, proof: Proof) {
        if let Some(allocation) = id.and_then(|id| self.table.allocation_mut(id))
            && allocation.owner.name() == identity.name()
        {
            allocation.owner = identity.clone();
            allocation.proof = proof;
        }
    }
}
