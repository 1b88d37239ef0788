//! What happens to the servers of a conversation that is nobody's request: other settings, other tokens, no more
//! ports, a new beginning.

use core::time::Duration;

use turnd_proto::{AbuseLimits, PeerRules};
use turnd_wire::Family;

use super::{BEARER, LIMITS, QUOTA, Talk};
use crate::{
    input::Input,
    issued::{Issued, SERVER, token_keys},
    support::{OTHER_PEER, Request, Setup, at},
};

/// What the operator wants.
pub(super) fn setup(flags: u8, more: u8) -> Setup {
    let denied = at(OTHER_PEER).ip();
    Setup {
        open: flags & 1 != 0,
        sha256: flags & 2 == 0,
        fingerprint: flags & 4 != 0,
        legacy_channels: flags & 8 != 0,
        by_account: flags & 16 != 0,
        max_bps: (flags & 32 != 0).then_some(2000),
        nonce_lifetime: (flags & 64 == 0).then_some(Duration::from_secs(1000)),
        tcp_relay: true,
        limits: LIMITS,
        quota: Some(QUOTA),
        servers: 2,
        mobility: more & 1 != 0,
        third_party: (more & 2 != 0).then_some(SERVER),
        rules: PeerRules {
            denied: Vec::from_iter((more & 4 != 0).then_some(denied..=denied)),
            ..PeerRules::default()
        },
        unauthorized: (more & 8 != 0).then_some(2),
        abuse: AbuseLimits {
            new_peers: (more & 16 != 0).then_some(1),
            challenges: (more & 32 != 0).then_some(1),
            failed_logins: (more & 64 != 0).then_some(2),
            ..AbuseLimits::default()
        },
        total_quota: (more & 128 != 0).then_some(5),
        ..Setup::default()
    }
}

impl Talk {
    pub(super) fn world(&mut self, who: usize, input: &mut Input<'_>) {
        match input.byte() % 11 {
            0 => self.net.ports.fail = usize::from(input.byte() % 3),
            1 => self.net.stick = true,
            2 => {
                let fresh = Request::allocate().unsigned();
                self.deliver(who, &fresh);
            }
            3 => self.net.ports.full = *input.one(&[None, Some(Family::V4), Some(Family::V6)]),
            4 => self.new_token(input),
            5 => self.clients[BEARER].hides_token = input.flag(),
            6 => self.reconfigure(input),
            7 => self.undelivered(input),
            8 => self.net.begin_anew(usize::from(input.flag())),
            9 => {
                let refuses = input.flag();
                self.net.servers[usize::from(input.flag())].refuse_allocations(refuses);
            }
            _ => self.log_in_as(who, usize::from(input.byte()) % self.clients.len()),
        }
    }

    /// A client is somebody else's from now on.
    fn log_in_as(&mut self, who: usize, other: usize) {
        if who != BEARER && other != BEARER {
            let other = self.clients[other].clone();
            self.clients[who].user = other.user;
            self.clients[who].password = other.password;
        }
    }

    /// The third party gives out another token, which may be an old one.
    fn new_token(&mut self, input: &mut Input<'_>) {
        let unix = self.net.now.unix;
        let issued = Issued {
            made: unix - *input.one(&[0, 50, 3600, 4000]),
            lifetime: *input.one(&[3600, 60, 1, u32::MAX]),
            mac_key: vec![input.byte(); 20],
            ..Issued::at(&self.net)
        };
        self.clients[BEARER].token = issued.client().token;
    }

    /// The operator wants something else. Who may be served at all stays as it is.
    fn reconfigure(&mut self, input: &mut Input<'_>) {
        self.flags = self.flags & 1 | input.byte() & !1;
        self.more = input.byte();
        self.changes += u64::from(input.flag());
        // Without, it is over for whoever has a token.
        self.net.keys.tokens = if input.flag() {
            Vec::new()
        } else {
            token_keys()
        };
        self.net.reconfigure(Setup {
            keys: self.changes,
            ..setup(self.flags, self.more)
        });
    }
}
