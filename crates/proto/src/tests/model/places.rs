//! What the model knows of credentials and of places: nonces, the quota of each user and that of all.
//!
//! A place that nobody needs any more is counted until the server has looked: when a timer runs, or when the
//! client that had it sends its next request, or shows a ticket of what it was for.

use turnd_wire::Family;

use super::{
    LastAllocate, Model, NONCE, Outcome, QUOTA, SECOND, TOTAL_QUOTA, USERS, Wish,
    allocations::ModelAllocation,
};

/// A port that is reserved, or was.
#[derive(Clone, Debug)]
pub(super) struct Reservation {
    pub(super) ends: u64,
    pub(super) user: usize,
    /// It is neither redeemed, nor has its timer run.
    pub(super) place: bool,
}

impl Model {
    /// Whether a request with this nonce is refused for it, and what the client learns.
    pub(super) fn admit(&mut self, client: usize, nonce: Option<u64>) -> Option<Outcome> {
        self.settle(client);
        let now = self.now / SECOND;
        let code = match nonce {
            None => 401,
            Some(made) if now - made >= NONCE => 438,
            Some(_) => return None,
        };
        self.clients[client].nonce = Some(now);
        Some(Outcome::Refused(code))
    }

    /// The server looks at this client: what has ended gives its place back.
    pub(super) fn settle(&mut self, client: usize) {
        self.allocations
            .retain(|it| it.lives() || !it.is_of(client));
    }

    pub(super) fn run_timers(&mut self) {
        let now = self.now;
        for client in &mut self.clients {
            client.opening = client.opening.filter(|end| now < *end);
        }
        self.orphans.retain(|(_, end)| now < *end);
        self.allocations.retain(ModelAllocation::lives);
        for token in &mut self.tokens {
            token.place &= now < token.ends;
        }
    }

    /// Whether there are as many places as the wish needs.
    pub(super) fn has_places(&self, client: usize, wish: &Wish) -> bool {
        let user = USERS[client];
        let needed = match wish {
            Wish::EvenAndNext => 2,
            Wish::Token(number) => match self.tokens.get(*number) {
                // His own port brings its place with it.
                Some(token) if token.place && token.user == user => 0,
                _ => 1,
            },
            _ => 1,
        };
        let holders = self.holders();
        let own = holders.iter().filter(|holder| **holder == user).count();
        needed == 0 || (own + needed <= QUOTA && holders.len() + needed <= TOTAL_QUOTA)
    }

    /// Whose the places are that are taken.
    pub(super) fn holders(&self) -> Vec<usize> {
        let clients = self.clients.iter().zip(USERS);
        let on_their_way = clients.filter(|(it, _)| it.opening.is_some());
        let orphans = self.orphans.iter().map(|(user, _)| *user);
        let allocations = self.allocations.iter().map(|it| it.user);
        let tokens = self.tokens.iter().filter(|it| it.place).map(|it| it.user);
        let on_their_way = on_their_way.map(|(_, user)| user);
        let all = on_their_way.chain(orphans).chain(allocations).chain(tokens);
        all.collect()
    }

    /// Uses a token up, if it is one and still good.
    pub(super) fn redeem(&mut self, number: usize) -> bool {
        let now = self.now;
        let token = self.tokens.get_mut(number);
        let good = token.filter(|token| token.place && now < token.ends);
        good.map(|token| token.place = false).is_some()
    }

    /// An Allocate whose socket does not come.
    pub(super) fn allocate_unanswered(&mut self, client: usize) -> Outcome {
        let wish = Wish::Family(Family::V4, None);
        let state = &mut self.clients[client];
        state.requests += 1;
        let nonce = state.nonce;
        state.last = Some(LastAllocate {
            wish: wish.clone(),
            mobile: false,
            nonce,
        });
        if let Some(refused) = self.admit(client, nonce) {
            return refused;
        }
        if self.found(client).is_some() {
            return Outcome::Refused(437);
        }
        if self.clients[client].opening.is_none() {
            if !self.has_places(client, &wish) {
                return Outcome::Refused(486);
            }
            self.clients[client].opening = Some(self.now + 10 * SECOND);
        }
        Outcome::Silence
    }
}
