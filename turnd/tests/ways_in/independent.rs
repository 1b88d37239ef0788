//! A client that we did not write, over TCP.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    client::{CONFIG, REALM},
    support::{echo::EchoPeer, turn_client::TurnClient, turnd::Turnd},
};

/// RFC 8656 section 3.1: with the client of the `turn` crate, indications and channels, to a peer and
/// between a client over TCP and one over UDP.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_of_another_library_relays_over_tcp() {
    let turnd = Turnd::start(CONFIG);
    let peer = EchoPeer::start(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let server = turnd.address_of("tcp");
    let client = TurnClient::allocate_over_tcp(server, "alice", "secret", REALM).await;
    client.echo_until_the_channel_is_bound(peer.address()).await;
    let before = client.channel_data();
    client.echo(peer.address(), 200).await;
    assert_eq!(client.channel_data().sent - before.sent, 200);
    assert_eq!(client.channel_data().received - before.received, 200);

    let other = TurnClient::allocate(turnd.udp_v4(), "alice", "secret", REALM).await;
    client.permit(other.relayed()).await;
    other.permit(client.relayed()).await;
    client.send_and_expect_at(&other, 100).await;
    other.send_and_expect_at(&client, 100).await;
    client.close().await;
    other.close().await;
}
