//! The client of the `turn` crate 0.17, in this process.

use super::*;
use crate::support::{echo::EchoPeer, turn_client::TurnClient};

const DATAGRAMS: u32 = 1000;

#[tokio::test]
async fn echo_through_a_channel() {
    let turnd = Turnd::start(&long_term());
    let peer = EchoPeer::start(V4);
    let client = TurnClient::allocate(turnd.udp_v4(), USER, PASSWORD, REALM).await;
    assert_eq!(client.relayed().ip(), V4);
    client.echo_until_the_channel_is_bound(peer.address()).await;
    let before = client.channel_data();

    client.echo(peer.address(), DATAGRAMS).await;

    let after = client.channel_data();
    assert_eq!(after.sent - before.sent, DATAGRAMS, "sent as ChannelData");
    assert_eq!(
        after.received - before.received,
        DATAGRAMS,
        "received as ChannelData"
    );
}

#[tokio::test]
async fn from_relay_to_relay() {
    // No allow-loopback-peers: a live relayed address of this server is a peer that needs no permission of the operator.
    let turnd = Turnd::start(&config(&format!("user={USER}:{PASSWORD}\nlt-cred-mech\n")));
    let alice = TurnClient::allocate(turnd.udp_v4(), USER, PASSWORD, REALM).await;
    let bob = TurnClient::allocate(turnd.udp_v4(), USER, PASSWORD, REALM).await;
    assert_ne!(alice.relayed(), bob.relayed());
    alice.permit(bob.relayed()).await;

    bob.send_and_expect_at(&alice, DATAGRAMS).await;
    alice.send_and_expect_at(&bob, DATAGRAMS).await;
    alice.close().await;
    bob.close().await;
}
