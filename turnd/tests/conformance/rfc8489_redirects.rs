//! RFC 8489 sections 10 and 11: clients that are sent to another server, and clients of RFC 3489.

use std::net::SocketAddr;

use turnd_wire::{Family, Integrity, Message, Method, address, attr};

use crate::{
    client::{Client, unsigned},
    messages::{OK, Reply, Request},
    row::{ALL, Dtls, Row, Tcp, Tls, Udp, decided, must, should},
    subject::Path,
};

const REDIRECTED: &str = "alternate-server=203.0.113.1\nalternate-server=[2001:db8::1]\n\
    tls-alternate-server=203.0.113.2:443/two.example.org\n\
    tls-alternate-server=[2001:db8::2]:443/two.example.org\n";
const CLASSIC: &str = "rfc3489-compatibility\n";

const STORIES: &str = "crates/proto/tests/stories/redirects.rs";
const CLASSIC_STORIES: &str = "crates/proto/tests/stories/classic.rs";

pub(crate) const ROWS: &[Row] = &[
    must(
        "T8489-10-1",
        "300 goes to who has an account, is signed, and names a server of the client's family first",
    )
    .on(REDIRECTED)
    .over(ALL, signed)
    .held(&[(STORIES, "only_who_has_an_account_is_told_where_to_go")]),
    must(
        "T8489-10-2",
        "where certificates are checked: ALTERNATE-DOMAIN, if there is another one",
    )
    .on(REDIRECTED)
    .over(&[Tls, Dtls], domain)
    .held(&[(
        STORIES,
        "another_certificate_is_told_where_certificates_are_checked",
    )]),
    should("T8489-10-3", "then a server of the other family")
        .on(REDIRECTED)
        .over(ALL, second)
        .held(&[(STORIES, "the_first_address_is_of_the_clients_family")]),
    must("T8489-14.8-1", "no 300 without credentials")
        .on(REDIRECTED)
        .over(ALL, unknown),
    must(
        "T8489-11-1",
        "without the magic cookie under DTLS: 500, and nothing to an indication",
    )
    .over(&[Dtls], classic_under_dtls),
    decided(
        "T8489-5-2b",
        "clients of RFC 3489 over UDP, if the operator wants it: MAPPED-ADDRESS, all 128 bits",
    )
    .on(CLASSIC)
    .over(&[Udp], classic)
    .held(&[(CLASSIC_STORIES, "nothing_but_binding_over_udp_is_answered")]),
];

#[track_caller]
fn redirected(client: &mut Client) -> (Reply, Vec<SocketAddr>) {
    let reply = client.expect(300, &Request::allocate());
    let servers = reply.addresses(attr::ALTERNATE_SERVER);
    (reply, servers)
}

fn servers(path: &Path<'_>) -> [SocketAddr; 2] {
    let (v4, v6) = match path.transport {
        Udp | Tcp => ("203.0.113.1:3478", "[2001:db8::1]:3478"),
        Tls | Dtls => ("203.0.113.2:443", "[2001:db8::2]:443"),
    };
    let [v4, v6] = [v4, v6].map(|text| text.parse().expect("an address"));
    match path.family {
        Family::V4 => [v4, v6],
        Family::V6 => [v6, v4],
    }
}

fn signed(path: &Path<'_>) {
    for mut client in [path.client(), path.client().sha256()] {
        let (reply, to) = redirected(&mut client);
        assert_eq!(to.first(), Some(&servers(path)[0]));
        assert_eq!(reply.signatures(), client.signs);
        for signature in reply.signatures() {
            assert!(reply.message().verify(signature, &client.key()));
        }
    }
}

fn domain(path: &Path<'_>) {
    let mut client = path.client().sha256();
    let (reply, _) = redirected(&mut client);
    assert_eq!(reply.signatures(), [Integrity::Sha256]);
    let name = reply.value(attr::ALTERNATE_DOMAIN);
    assert_eq!(name.as_deref(), Some(&b"two.example.org"[..]));
}

fn second(path: &Path<'_>) {
    let (_, to) = redirected(&mut path.client());
    assert_eq!(to, servers(path));
}

fn unknown(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.ask(&Request::allocate());
    assert!(reply.code() == 401 && !reply.has(attr::ALTERNATE_SERVER));
    client.learn(&reply);
    client.account.password = "guessed".to_owned();
    let reply = client.call(&Request::allocate());
    assert!(reply.code() == 401 && !reply.has(attr::ALTERNATE_SERVER));
}

fn old(request: &Request) -> Vec<u8> {
    let mut bytes = unsigned(request);
    bytes[4..8].copy_from_slice(&[1, 2, 3, 4]);
    bytes
}

/// The answer, once its first 32 bits of the transaction id are looked at.
fn ask(client: &mut Client, bytes: &[u8]) -> Vec<u8> {
    client.send(bytes);
    let mut reply = client.next().expect("an answer");
    assert_eq!(reply[4..20], bytes[4..20]);
    reply[4..8].copy_from_slice(&turnd_wire::message::MAGIC_COOKIE.to_be_bytes());
    reply
}

fn classic_under_dtls(path: &Path<'_>) {
    let mut client = path.client();
    for request in [Request::binding(), Request::allocate()] {
        let reply = ask(&mut client, &old(&request));
        let message = Message::parse(&reply).expect("a message");
        let code = message.attribute(attr::ERROR_CODE);
        assert_eq!(code, Some(&[0, 0, 5, 0][..]));
    }
    client.expect_silence(&old(&Request::indication(Method::BINDING)));
}

fn classic(path: &Path<'_>) {
    let mut client = path.client();
    let change = |flags| Request::binding().with(attr::CHANGE_REQUEST, &[0, 0, 0, flags]);
    for request in [Request::binding(), change(0)] {
        let reply = ask(&mut client, &old(&request));
        let message = Message::parse(&reply).expect("a message");
        let mapped = message.attribute(attr::MAPPED_ADDRESS).expect("an address");
        assert_eq!(address::read(mapped), Some(client.local()));
        assert!(!message.has(attr::XOR_MAPPED_ADDRESS));
    }
    let reply = ask(&mut client, &old(&change(6)));
    let message = Message::parse(&reply).expect("a message");
    assert_eq!(
        message.attribute(attr::ERROR_CODE),
        Some(&[0, 0, 4, 20][..])
    );
    client.expect_silence(&old(&Request::allocate()));
    assert_eq!(client.ask(&Request::binding()).code(), OK);
}
