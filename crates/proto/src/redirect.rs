//! Redirection (RFC 8489 section 10): which server an Allocate request is sent to instead of being
//! served here.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::{
    io::{FiveTuple, Transport},
    refusal::Refusal,
    request::ReplyTo,
    server::Server,
};

/// The ports of RFC 8656 section 4, plain and encrypted.
const PORTS: (u16, u16) = (3478, 5349);

/// A server to send clients to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternate {
    /// Its address.
    pub ip: IpAddr,
    /// Its port, if it is not the registered one.
    pub port: Option<u16>,
    /// The name in its certificate, if that is not ours.
    pub domain: Option<Arc<str>>,
}

/// Whom to send where. Only who has shown that he has an account is sent anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirects {
    /// Clients for whose transport there is nothing below.
    pub any: Vec<Alternate>,
    /// Clients over UDP.
    pub udp: Vec<Alternate>,
    /// Clients over TCP.
    pub tcp: Vec<Alternate>,
    /// Clients over TLS and DTLS.
    pub tls: Vec<Alternate>,
    /// All of them, while this server drains; if it is empty, those above.
    pub drain: Vec<Alternate>,
    /// Anycast addresses of this server, and the unicast address where the client finds this very server
    /// again (RFC 8155 section 6).
    pub anycast: Vec<(IpAddr, IpAddr)>,
}

/// What an answer with 300 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Of the family that the request came over.
    pub(crate) first: SocketAddr,
    /// Of the other family, if there is one.
    pub(crate) second: Option<SocketAddr>,
    pub(crate) domain: Option<Arc<str>>,
}

impl Redirects {
    fn of(&self, transport: Transport) -> &[Alternate] {
        let own = match transport {
            Transport::Udp => &self.udp,
            Transport::Tcp => &self.tcp,
            Transport::Tls | Transport::Dtls => &self.tls,
        };
        if own.is_empty() { &self.any } else { own }
    }
}

impl Server {
    /// Where the client is to go, if it is not to be served here.
    pub(crate) fn redirection(&mut self, reply: &ReplyTo) -> Option<Refusal> {
        // RFC 8489 section 10: an answer that is not signed could come from anyone.
        reply.signer.as_ref()?;
        let path = reply.client.path;
        let redirects = &self.settings.redirects;
        let anycast = redirects.anycast.iter();
        let mut unicast = anycast.filter(|(anycast, _)| *anycast == path.server.ip());
        if let Some(&(_, ip)) = unicast.next() {
            return Some(Refusal::try_alternate(Target {
                first: SocketAddr::new(ip, path.server.port()),
                second: None,
                domain: None,
            }));
        }
        let is_draining = self.refuses_allocations;
        let list = match &redirects.drain {
            drain if is_draining && !drain.is_empty() => drain,
            _ => redirects.of(path.transport),
        };
        if list.is_empty() {
            return None;
        }
        let own = [path.server, self.settings.relays.external(path.server)];
        let is_own = |alternate: &Alternate| own.contains(&alternate.address(path.transport));
        // A list that names this server is one that all servers of a group have: nobody is sent in circles.
        if !is_draining && list.iter().any(is_own) {
            return None;
        }
        let target = choose(list, &path, self.redirected, is_own)?;
        self.redirected = self.redirected.wrapping_add(1);
        Some(Refusal::try_alternate(target))
    }
}

/// In turn, those of the client's family, with one of the other family beside it that the same certificate
/// is good for.
fn choose(
    list: &[Alternate],
    path: &FiveTuple,
    turn: usize,
    is_own: impl Fn(&Alternate) -> bool,
) -> Option<Target> {
    let usable = || list.iter().filter(|it| !is_own(it));
    let is_same_family = |it: &&Alternate| it.ip.is_ipv4() == path.client.is_ipv4();
    let first = in_turn(usable().filter(is_same_family), turn)?;
    let others = usable().filter(|it| !is_same_family(it) && it.domain == first.domain);
    let is_secure = matches!(path.transport, Transport::Tls | Transport::Dtls);
    Some(Target {
        first: first.address(path.transport),
        second: in_turn(others, turn).map(|it| it.address(path.transport)),
        domain: first.domain.clone().filter(|_| is_secure),
    })
}

fn in_turn<'a>(
    alternates: impl Iterator<Item = &'a Alternate> + Clone,
    turn: usize,
) -> Option<&'a Alternate> {
    let at = turn.checked_rem(alternates.clone().count())?;
    alternates.clone().nth(at)
}

impl Alternate {
    fn address(&self, transport: Transport) -> SocketAddr {
        let registered = match transport {
            Transport::Udp | Transport::Tcp => PORTS.0,
            Transport::Tls | Transport::Dtls => PORTS.1,
        };
        SocketAddr::new(self.ip, self.port.unwrap_or(registered))
    }
}
