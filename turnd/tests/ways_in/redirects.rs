//! Clients on streams that are sent to another server (RFC 8489 section 10).

use std::net::SocketAddr;

use turnd_wire::{address, attr};

use crate::{
    client::{Client, Reply},
    encrypted::{Tls, both_ports, start, tls},
    pki::Authority,
};

fn targets(reply: &Reply) -> Vec<SocketAddr> {
    assert_eq!(reply.error(), Some(300));
    let message = reply.message();
    let all = message.attributes();
    let servers = all.filter(|it| it.kind == attr::ALTERNATE_SERVER);
    servers
        .map(|it| address::read(it.value).expect("an address"))
        .collect()
}

/// A client that checks certificates must know which name to expect there.
#[test]
fn over_tls_the_name_of_the_other_certificate_is_told() {
    let authority = Authority::new();
    let servers = "alternate-server=203.0.113.1\n\
        tls-alternate-server=203.0.113.2:443/two.example.org\n";
    let turnd = start(&authority, servers);
    let [plain, secure] = both_ports(&turnd);
    let config = Tls::trusting(authority.der()).config(None);
    let (mut client, _) = tls(secure, &config);
    let reply = client.allocate();
    assert_eq!(targets(&reply), ["203.0.113.2:443".parse().unwrap()]);
    let message = reply.message();
    let domain = message.attribute(attr::ALTERNATE_DOMAIN);
    assert_eq!(domain, Some(&b"two.example.org"[..]));
    assert!(message.integrity().is_some());

    let mut client = Client::tcp(plain);
    let reply = client.allocate();
    assert_eq!(targets(&reply), ["203.0.113.1:3478".parse().unwrap()]);
    assert!(!reply.message().has(attr::ALTERNATE_DOMAIN));
}
