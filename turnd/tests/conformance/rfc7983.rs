//! RFC 7983: what the first byte of a datagram tells.

use crate::{
    client::{ByHand, datagrams, unsigned},
    messages::{OK, Request},
    row::{Row, Udp, must},
    subject::Path,
};

pub(crate) const ROWS: &[Row] = &[must(
    "T7983-1",
    "0 to 3 is STUN, 20 to 63 DTLS, 64 to 79 ChannelData, and the rest is dropped",
)
.over(&[Udp], first_byte)];

fn first_byte(path: &Path<'_>) {
    // All three on one port.
    let (mut client, relay, peer) = path.bound();
    client.send_channel(crate::client::CHANNEL, b"ChannelData");
    peer.expect(b"ChannelData", relay);
    assert_eq!(client.ask(&Request::binding()).code(), OK);
    let socket = datagrams(path.server());
    socket.send(&ByHand::new().hello()).expect("sending");
    let mut answer = [0; 2048];
    let length = socket.recv(&mut answer).expect("an answer");
    assert!(length > 13 && answer[0] == 22, "a DTLS record");

    let request = unsigned(&Request::binding());
    for first in (4..20).chain(80..=255) {
        let mut bytes = request.clone();
        bytes[0] = first;
        client.send(&bytes);
    }
    client.expect_nothing();
}
