//! Whom the rows are about: a turnd of the suite's own, or a server that somebody named.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    panic,
    sync::{LazyLock, Mutex},
};

use openssl::ssl::SslContextBuilder;
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use turnd_wire::Family;

use crate::{
    client::{CHANNEL, Client, Peer},
    options::Named,
    pki::{Authority, Issued},
    row::Transport,
    support::{blocks::free_block, turnd::Turnd},
};

/// Whom a turnd of the suite serves, and by what: every transport, both families.
const SERVES: &str = "listening-port=0\ntls-listening-port=0\n\
    cert=cert.pem\npkey=key.pem\ndtls\nrealm=example.org\nuser=alice:wonderland\nuser=bob:builder\n\
    user=マトリックス:TheMatrIX\nfailed-logins=0\nunanswered-challenges=0\nnew-peers-per-second=0\n\
    tls-handshakes-per-second=1000000\ntls-handshakes-per-address=1000000\n\
    max-connections-per-address=0\nallow-loopback-peers\n";
/// Where it listens if its lines do not say.
const LISTENS: &str = "listening-ip=127.0.0.1\nlistening-ip=::1\n";
/// And from where it relays.
const RELAYS: &str = "relay-ip=127.0.0.1\nrelay-ip=::1\n";
/// What else the server does that most rows share.
pub(crate) const SHARED: &str = "tcp-relay\nmobility\n";

/// Among a row's lines: relay from two ports, of which the first is even.
pub(crate) const TWO_PORTS: &str = "# two ports";

/// A certificate for an RSA key: the suite that every client must have is one of RSA (RFC 8489 section 6.2.3).
static ISSUED: LazyLock<Issued> = LazyLock::new(|| {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
    Authority::new().issue_for(&key)
});

/// A name and its password.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Account {
    pub(crate) fn new(user: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }
}

/// A server under test.
pub(crate) struct Subject {
    servers: Vec<(Transport, SocketAddr)>,
    accounts: [Option<Account>; 3],
    peers: Vec<IpAddr>,
    turnd: Option<Mutex<Turnd>>,
}

impl Subject {
    /// Starts a turnd that does what these lines say, and listens and relays on loopback unless they say where.
    pub(crate) fn start(lines: &str) -> Self {
        let listens = if lines.contains("listening-ip") {
            ""
        } else {
            LISTENS
        };
        let relays = if lines.contains("relay-ip") {
            ""
        } else {
            RELAYS
        };
        let lines = match lines.contains(TWO_PORTS) {
            true => lines.replace(TWO_PORTS, &two_ports()),
            false => lines.to_owned(),
        };
        let config = format!("{SERVES}{listens}{relays}{lines}");
        let turnd = Turnd::start_with_files(&config, &ISSUED.files());
        let mut servers = Vec::new();
        for (transport, name) in [
            (Transport::Udp, "udp"),
            (Transport::Tcp, "tcp"),
            (Transport::Tls, "tls"),
            (Transport::Dtls, "dtls"),
        ] {
            let addresses = turnd.addresses(name);
            servers.extend(addresses.into_iter().map(|it| (transport, reachable(it))));
        }
        Self {
            servers,
            accounts: [
                Some(Account::new("alice", "wonderland")),
                Some(Account::new("bob", "builder")),
                Some(Account::new("マトリックス", "TheMatrIX")),
            ],
            peers: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            turnd: Some(Mutex::new(turnd)),
        }
    }

    /// The server that was named on the command line.
    pub(crate) fn named(named: &Named) -> Self {
        let mut servers = Vec::new();
        for &address in &named.servers {
            servers.extend([(Transport::Udp, address), (Transport::Tcp, address)]);
        }
        for &address in &named.tls_servers {
            servers.extend([(Transport::Tls, address), (Transport::Dtls, address)]);
        }
        Self {
            servers,
            accounts: [Some(named.account.clone()), named.second.clone(), None],
            peers: named.peers.clone(),
            turnd: None,
        }
    }

    pub(crate) fn server(&self, transport: Transport, family: Family) -> Option<SocketAddr> {
        let mut servers = self.servers.iter();
        let found =
            servers.find(|(by, address)| *by == transport && Family::of(address.ip()) == family);
        found.map(|(_, address)| *address)
    }
}

/// Two neighbouring ports that are no other row's.
fn two_ports() -> String {
    let port = free_block(2);
    format!("min-port={port}\nmax-port={}", port + 1)
}

/// Where a listener on all addresses is reached.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

/// One way to the server.
pub(crate) struct Path<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) transport: Transport,
    pub(crate) family: Family,
}

/// What a check ends with that cannot be made here.
pub(crate) struct NotApplicable(pub(crate) &'static str);

/// Ends the check: it says nothing about this server.
pub(crate) fn not_applicable(why: &'static str) -> ! {
    panic::panic_any(NotApplicable(why))
}

impl Path<'_> {
    pub(crate) fn server(&self) -> SocketAddr {
        let server = self.subject.server(self.transport, self.family);
        server.unwrap_or_else(|| not_applicable("no address of it was named"))
    }

    /// A client of alice's, who has said nothing yet.
    pub(crate) fn client(&self) -> Client {
        self.client_of(0)
    }

    /// The same server by another way.
    pub(crate) fn by(&self, transport: Transport, family: Family) -> Self {
        Self {
            subject: self.subject,
            transport,
            family,
        }
    }

    /// A client of another user's.
    pub(crate) fn bob(&self) -> Client {
        self.client_of(1)
    }

    /// A client of a user whose name is not ASCII (RFC 5769 section 2.4).
    pub(crate) fn matrix(&self) -> Client {
        self.client_of(2)
    }

    fn client_of(&self, account: usize) -> Client {
        let account = self.subject.accounts[account].as_ref();
        let account = account.unwrap_or_else(|| not_applicable("it needs another user"));
        Client::connect(self.transport, self.server(), account)
    }

    /// A client with other wishes for the handshake, or why there was none.
    pub(crate) fn handshake(
        &self,
        set: impl FnOnce(&mut SslContextBuilder),
    ) -> Result<Client, String> {
        let account = self.subject.accounts[0].as_ref().expect("the first user");
        Client::try_connect(self.transport, self.server(), account, set)
    }

    /// A peer of the family of the path.
    pub(crate) fn peer(&self) -> Peer {
        self.peer_of(self.family)
    }

    pub(crate) fn peer_of(&self, family: Family) -> Peer {
        let mut peers = self.subject.peers.iter();
        let ip = peers.find(|ip| Family::of(**ip) == family);
        let ip = ip.unwrap_or_else(|| not_applicable("no address for a peer was named"));
        Peer::new(*ip)
    }

    /// A client with an allocation and a permission for a peer, and its relayed address.
    #[track_caller]
    pub(crate) fn permitted(&self) -> (Client, SocketAddr, Peer) {
        let (mut client, peer) = (self.client(), self.peer());
        let relay = client.allocate();
        client.must_permit(peer.address());
        (client, relay, peer)
    }

    /// The same with a channel.
    #[track_caller]
    pub(crate) fn bound(&self) -> (Client, SocketAddr, Peer) {
        let (mut client, peer) = (self.client(), self.peer());
        let relay = client.allocate();
        client.must_bind(CHANNEL, peer.address());
        (client, relay, peer)
    }

    /// Whether it is known how much the server takes.
    pub(crate) const fn is_turnd(&self) -> bool {
        self.subject.turnd.is_some()
    }

    /// The turnd that is tested.
    pub(crate) fn turnd<T>(&self, look: impl FnOnce(&Turnd) -> T) -> T {
        let turnd = self.subject.turnd.as_ref();
        let turnd = turnd.unwrap_or_else(|| not_applicable("it looks into turnd itself"));
        look(&turnd.lock().expect("no check holds it for long"))
    }

    /// Has the turnd that is tested read a configuration with this line, or without it if it is there.
    pub(crate) fn toggle(&self, line: &str) {
        self.turnd(|turnd| {
            const FILE: &str = "turnserver.conf";
            let old = fs::read_to_string(turnd.directory().join(FILE)).expect("its configuration");
            let lines: Vec<&str> = old.lines().filter(|it| *it != line).collect();
            let mut new = lines.join("\n");
            if lines.len() == old.lines().count() {
                new = format!("{new}\n{line}");
            }
            turnd.write_file(FILE, &new);
            let seen = turnd.line_count();
            turnd.signal("HUP");
            let said = turnd.wait_for_line_after(seen, "SIGHUP received: ");
            assert!(said.contains("changed:"), "{said}");
        });
    }
}
