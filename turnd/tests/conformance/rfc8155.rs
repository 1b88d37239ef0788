//! RFC 8155: servers that are found by an anycast address.

use turnd_wire::attr;

use crate::{
    messages::{OK, Request},
    row::{ALL, Row, V4, must},
    subject::Path,
};

/// The first is the anycast address.
const ANYCAST: &str =
    "listening-ip=127.0.0.9\nlistening-ip=127.0.0.1\nanycast-ip=127.0.0.9/127.0.0.1\n";

pub(crate) const ROWS: &[Row] = &[must(
    "T8155-6-1",
    "Allocate to an anycast address: 300 with the unicast address, to who has an account",
)
.on(ANYCAST)
.over(ALL, anycast)
.by(V4)];

fn anycast(path: &Path<'_>) {
    let mut client = path.client();
    assert_eq!(client.ask(&Request::allocate()).code(), 401);
    let reply = client.expect(300, &Request::allocate());
    let signatures = reply.signatures();
    assert!(!signatures.is_empty());
    for signature in signatures {
        assert!(reply.message().verify(signature, &client.key()));
    }
    let mut unicast = path.server();
    unicast.set_ip([127, 0, 0, 1].into());
    assert_eq!(reply.addresses(attr::ALTERNATE_SERVER), [unicast]);
    assert_eq!(client.ask(&Request::binding()).code(), OK);
}
