//! What the model knows of credentials and of places: nonces, the quota of each user and that of all.
//!
//! A place that nobody needs any more is counted until the server has looked: when a timer runs, or when the
//! client that had it sends its next request.

use turnd_wire::Family;

use super::{CLIENTS, Model, NONCE, Outcome, QUOTA, SECOND, TOTAL_QUOTA, USERS, Wish};

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
        let state = &mut self.clients[client];
        state.place &= state.allocation.is_some() || state.opening.is_some();
    }

    pub(super) fn run_timers(&mut self) {
        let now = self.now;
        for client in 0..CLIENTS {
            let opening = &mut self.clients[client].opening;
            *opening = opening.filter(|end| now < *end);
            self.settle(client);
        }
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
        let of_clients = self.clients.iter().zip(USERS).filter(|(it, _)| it.place);
        let of_tokens = self.tokens.iter().filter(|token| token.place);
        let holders = of_clients.map(|(_, user)| user);
        let holders: Vec<_> = holders.chain(of_tokens.map(|token| token.user)).collect();
        let own = holders.iter().filter(|holder| **holder == user).count();
        needed == 0 || (own + needed <= QUOTA && holders.len() + needed <= TOTAL_QUOTA)
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
        state.last = Some((wish.clone(), nonce));
        if let Some(refused) = self.admit(client, nonce) {
            return refused;
        }
        let state = &self.clients[client];
        if state.allocation.is_some() {
            return Outcome::Refused(437);
        }
        if state.opening.is_none() {
            if !self.has_places(client, &wish) {
                return Outcome::Refused(486);
            }
            let state = &mut self.clients[client];
            state.opening = Some(self.now + 10 * SECOND);
            state.place = true;
        }
        Outcome::Silence
    }
}
