//! Users who are shut out, whatever password they know: what is asked in their name is refused (403), and what they
//! have ends when they are added.

use std::collections::HashSet;

use crate::{
    auth::Identity,
    io::{AllocationId, Client, Credential, Ending, Output},
    refusal::Refusal,
    server::Server,
    time::Instant,
};

/// The names of those users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeniedUsers(HashSet<String>);

impl FromIterator<String> for DeniedUsers {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl DeniedUsers {
    /// By the name that is sent, and by that of the account, which time-limited names of one user share.
    fn has(&self, credential: &Credential) -> bool {
        !self.0.is_empty()
            && (self.0.contains(&credential.name) || self.0.contains(&credential.account))
    }
}

impl Server {
    /// Refuses whoever has shown that he is one of them. Nobody else learns who is.
    pub(crate) fn refuse_denied(&self, identity: &Identity) -> Result<(), Refusal> {
        let denied = &self.settings.denied_users;
        match identity.credential() {
            Some(credential) if denied.has(credential) => Err(Refusal::FORBIDDEN),
            _ => Ok(()),
        }
    }

    /// Ends what they have, with the connections that it was asked for on; how many allocations that were.
    pub(crate) fn end_denied(&mut self, now: Instant) -> usize {
        let denied = &self.settings.denied_users;
        let is_denied = |id: &AllocationId| {
            let owner = self.table.allocation(*id).map(|it| &it.owner);
            let credential = owner.and_then(Identity::credential);
            credential.is_some_and(|credential| denied.has(credential))
        };
        let ids: Vec<AllocationId> = self.table.ids().filter(is_denied).collect();
        for &id in &ids {
            let Some(allocation) = self.table.allocation_mut(id) else {
                continue;
            };
            for relay in &mut allocation.relays {
                relay.expires = now;
            }
            let paths: Vec<Client> = allocation.paths().collect();
            self.expire_allocation(now, id, Ending::Denied);
            self.outputs
                .extend(paths.into_iter().map(Output::CloseClient));
        }
        ids.len()
    }
}
