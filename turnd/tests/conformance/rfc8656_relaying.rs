//! RFC 8656 sections 9 to 12: permissions, Send and Data, channels.

use std::net::SocketAddr;

use turnd_wire::{Method, attr};

use crate::{
    client::{CHANNEL, Client, Peer, unsigned, with_peer},
    messages::{OK, Request},
    row::{ALL, DATAGRAMS, Row, STREAMS, decided, must},
    subject::{Path, not_applicable},
};

const LIFETIMES: &str = "crates/proto/tests/stories/lifetimes.rs";
const LIMITS: &str = "crates/proto/tests/stories/limits.rs";
const DATA: &str = "crates/proto/tests/stories/data.rs";
const SOCKETS: &str = "crates/net/tests/net/udp.rs";
const CHANNELS: &str = "crates/proto/tests/stories/channels.rs";

const OLD_CHANNELS: &str = "rfc5766-channel-numbers\n";

/// Peers that no server relays to: groups. And one of nobody, for requests that send nothing.
const FORBIDDEN: [&str; 2] = ["239.1.2.3:5000", "[ff05::1:3]:5000"];
const NOBODY: [&str; 2] = ["8.8.8.8:5000", "[2a00:1450::8]:5000"];
const MOST_PERMISSIONS: u16 = 128;
const MOST_CHANNELS: u16 = 64;

pub(crate) const ROWS: &[Row] = &[
    must("T8656-9-1", "a permission lasts five minutes")
        .held(&[(LIFETIMES, "a_permission_lasts_five_minutes_whatever_flows")]),
    must(
        "T8656-9-2",
        "a permission is for an address, whatever the port",
    )
    .over(ALL, any_port),
    must("T8656-9-3", "from peers without a permission nothing comes").over(ALL, no_permission),
    must(
        "T8656-9-4",
        "data prolongs neither permissions nor channels",
    )
    .held(&[
        (LIFETIMES, "a_permission_lasts_five_minutes_whatever_flows"),
        (
            LIFETIMES,
            "channel_data_prolongs_neither_channel_nor_permission",
        ),
    ]),
    must("T8656-9-5", "a permission is for one allocation").over(ALL, own_permissions),
    must(
        "T8656-10.2-1",
        "CreatePermission without a peer, or with a bad one: 400",
    )
    .over(ALL, bad_peer),
    must("T8656-10.2-2", "several peers are permitted at once").over(ALL, several_peers),
    must(
        "T8656-10.2-3",
        "a peer of another family than the relay's: 443",
    )
    .over(ALL, other_family),
    decided(
        "T8656-10.2-4",
        "one forbidden peer among others: 403, and none is permitted",
    )
    .over(ALL, all_or_none),
    must(
        "T8656-10.2-5",
        "no room for a permission: 508, and those there are stay",
    )
    .over(ALL, too_many_permissions)
    .held(&[(LIMITS, "an_allocation_holds_128_permissions")]),
    must("T8656-11.2-1", "Send that breaks a rule relays nothing").over(ALL, bad_send),
    must(
        "T8656-11.2-2",
        "Send of nothing arrives as an empty datagram",
    )
    .over(ALL, empty_send),
    must("T8656-11.2-3", "DONT-FRAGMENT in Send is passed on")
        .over(ALL, dont_fragment)
        .held(&[
            (DATA, "dont_fragment_is_passed_on"),
            (
                SOCKETS,
                "with_df_a_datagram_longer_than_the_path_is_refused_and_without_it_is_not",
            ),
        ]),
    must(
        "T8656-11.3-1",
        "what a permitted peer sends comes as a Data indication",
    )
    .over(ALL, data_indication),
    must(
        "T8656-12-1",
        "ChannelData on a channel that is not bound: silence",
    )
    .over(ALL, unbound),
    must("T8656-12.2-1", "ChannelBind without number or peer: 400").over(ALL, incomplete_bind),
    must("T8656-12.2-2", "channels are 0x4000 to 0x4FFF").over(ALL, range),
    decided(
        "T8656-12.2-2b",
        "and to 0x7FFF for old clients, if the operator wants it",
    )
    .on(OLD_CHANNELS)
    .over(ALL, old_range),
    must(
        "T8656-12.2-3",
        "one number, one peer, both ways; the same pair again is a refresh",
    )
    .over(ALL, one_to_one)
    .held(&[(LIFETIMES, "binding_again_refreshes_both")]),
    must(
        "T8656-12.2-4",
        "peer of another family 443, forbidden 403, no room 508",
    )
    .over(ALL, refused_bind)
    .held(&[(LIMITS, "an_allocation_holds_64_channels")]),
    must(
        "T8656-12.2-5",
        "ChannelBind brings a permission, which ends sooner than the channel",
    )
    .over(ALL, bind_permits)
    .held(&[(
        LIFETIMES,
        "a_channel_lasts_ten_minutes_and_its_permission_five",
    )]),
    decided(
        "T8656-12.2-6",
        "a number is free again when its channel has expired, never before",
    )
    .held(&[(
        LIFETIMES,
        "a_channel_lasts_ten_minutes_and_its_permission_five",
    )]),
    must("T8656-12.5-1", "behind a channel data comes as ChannelData").over(ALL, channel_data),
    must(
        "T8656-12.5-2",
        "on streams ChannelData is padded to 4, both ways",
    )
    .over(STREAMS, padded),
    must(
        "T8656-12.6-1",
        "ChannelData longer than its datagram relays nothing",
    )
    .over(DATAGRAMS, too_long)
    .held(&[(
        CHANNELS,
        "the_length_field_is_believed_only_within_the_datagram",
    )]),
    must(
        "T8656-12.6-2",
        "what follows ChannelData in its datagram is left out",
    )
    .over(DATAGRAMS, trailing),
    must(
        "T8656-12.6-3",
        "empty ChannelData arrives as an empty datagram",
    )
    .over(ALL, empty_channel),
];

/// The one of these addresses that has the family of the path.
fn of_family(path: &Path<'_>, addresses: [&str; 2]) -> SocketAddr {
    let parsed = addresses.map(|it| it.parse::<SocketAddr>().expect("an address"));
    let server = path.server();
    let same = |address: &SocketAddr| address.is_ipv4() == server.is_ipv4();
    parsed.into_iter().find(same).expect("one of each")
}

/// What was sent before this did not arrive: this is the next thing that does.
#[track_caller]
fn expect_next(client: &mut Client, relay: SocketAddr, peer: &Peer) {
    client.send_data(peer.address(), b"what is allowed");
    peer.expect(b"what is allowed", relay);
}

fn any_port(path: &Path<'_>) {
    let (mut client, relay, peer) = path.permitted();
    let other = path.peer();
    other.send(relay, b"from another port");
    client.expect_data(other.address(), b"from another port");
    client.send_data(other.address(), b"and back");
    other.expect(b"and back", relay);
    drop(peer);
}

fn no_permission(path: &Path<'_>) {
    let (mut client, peer) = (path.client(), path.peer());
    let relay = client.allocate();
    peer.send(relay, b"unasked");
    client.send_data(peer.address(), b"without leave");
    client.expect_nothing_from_peers();
    client.must_permit(peer.address());
    peer.send(relay, b"asked");
    client.expect_data(peer.address(), b"asked");
    expect_next(&mut client, relay, &peer);
}

fn own_permissions(path: &Path<'_>) {
    let (_alice, _, peer) = path.permitted();
    let mut other = path.client();
    let relay = other.allocate();
    peer.send(relay, b"permitted by somebody else");
    other.send_data(peer.address(), b"permitted by somebody else");
    other.expect_nothing_from_peers();
    other.must_permit(peer.address());
    expect_next(&mut other, relay, &peer);
    peer.send(relay, b"permitted");
    other.expect_data(peer.address(), b"permitted");
}

fn bad_peer(path: &Path<'_>) {
    let mut client = path.client();
    client.allocate();
    let bad = |value: &[u8]| Request::create_permission().with(attr::XOR_PEER_ADDRESS, value);
    for request in [
        Request::create_permission(),
        bad(b""),
        bad(&[0, 1, 0, 0]),
        bad(&[0, 3, 1, 2, 3, 4, 5, 6]),
        bad(&[0, 2, 1, 2, 3, 4, 5, 6]),
        bad(&[0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ] {
        client.expect(400, &request);
    }
}

fn several_peers(path: &Path<'_>) {
    let (mut client, peer) = (path.client(), path.peer());
    let relay = client.allocate();
    let nobody = of_family(path, NOBODY);
    let mut without_port = peer.address();
    without_port.set_port(0);
    assert_eq!(client.permit(&[nobody, without_port]), OK);
    expect_next(&mut client, relay, &peer);
}

fn other_family(path: &Path<'_>) {
    let mut client = path.client();
    client.allocate();
    let other = path.peer_of(client.family.other()).address();
    assert_eq!(client.permit(&[other]), 443);
    assert_eq!(client.permit(&[path.peer().address(), other]), 443);
    assert_eq!(client.bind(CHANNEL, other), 443);
}

fn all_or_none(path: &Path<'_>) {
    let (mut client, peer) = (path.client(), path.peer());
    let relay = client.allocate();
    let forbidden = of_family(path, FORBIDDEN);
    assert_eq!(client.permit(&[forbidden]), 403);
    assert_eq!(client.permit(&[peer.address(), forbidden]), 403);
    client.send_data(peer.address(), b"without leave");
    client.expect_nothing();
    client.must_permit(peer.address());
    expect_next(&mut client, relay, &peer);
}

fn too_many_permissions(path: &Path<'_>) {
    if !path.is_turnd() {
        not_applicable("how many there may be is the server's own matter");
    }
    let (mut client, relay, peer) = path.permitted();
    let nobody = |number: u16| {
        let [n0, n1] = number.to_be_bytes();
        match of_family(path, NOBODY) {
            SocketAddr::V4(_) => SocketAddr::from(([8, 8, n0, n1], 5000)),
            SocketAddr::V6(_) => SocketAddr::from(([0x2A00, 0x1450, 0, 0, 0, 0, 0, number], 5000)),
        }
    };
    let most: Vec<SocketAddr> = (1..MOST_PERMISSIONS).map(nobody).collect();
    for some in most.chunks(32) {
        assert_eq!(client.permit(some), OK);
    }
    assert_eq!(client.permit(&[nobody(1000)]), 508);
    assert_eq!(client.permit(&[nobody(1)]), OK, "a refresh needs no room");
    expect_next(&mut client, relay, &peer);
}

fn bad_send(path: &Path<'_>) {
    let (mut client, relay, peer) = path.permitted();
    let to = peer.address().to_string();
    let forbidden = of_family(path, FORBIDDEN).to_string();
    let bad = [
        Request::indication(Method::SEND).with(attr::DATA, b"to whom?"),
        Request::indication(Method::SEND).peer(&to),
        Request::send(&forbidden, b"to a group"),
        Request::send(
            &of_family(path, NOBODY).to_string(),
            b"without a permission",
        ),
        Request::indication(Method::SEND)
            .with(attr::XOR_PEER_ADDRESS, &[0, 1, 0, 0])
            .with(attr::DATA, b"to half an address"),
    ];
    for indication in bad {
        client.expect_silence(&unsigned(&indication));
    }
    expect_next(&mut client, relay, &peer);
}

fn empty_send(path: &Path<'_>) {
    let (mut client, relay, peer) = path.permitted();
    client.send_data(peer.address(), b"");
    assert_eq!(peer.next(), (Vec::new(), relay));
}

fn dont_fragment(path: &Path<'_>) {
    let (mut client, relay, peer) = path.permitted();
    let send = Request::send(&peer.address().to_string(), b"whole").with(attr::DONT_FRAGMENT, b"");
    client.send(&unsigned(&send));
    peer.expect(b"whole", relay);
    // And once more without: the option of the socket is not left behind.
    let large = vec![0x5A; 9000];
    client.send_data(peer.address(), &large);
    assert_eq!(peer.next(), (large, relay));
}

fn data_indication(path: &Path<'_>) {
    let (mut client, relay, peer) = path.permitted();
    for length in [5, 0, 1, 1200] {
        let data = vec![0xA5; length];
        peer.send(relay, &data);
        assert_eq!(client.next_data(), (peer.address(), data));
    }
}

fn unbound(path: &Path<'_>) {
    let (mut client, relay, peer) = path.bound();
    for channel in [0x4000, 0x4FFF, 0x5000, 0x7FFF] {
        client.send_channel(channel, b"to nobody");
    }
    if !path.transport.is_stream() {
        // On a stream this is no message, and nobody knows where the next one begins.
        for channel in [0x8000, 0xFFFF] {
            client.send_channel(channel, b"to nobody");
        }
    }
    client.expect_nothing();
    expect_next(&mut client, relay, &peer);
}

fn incomplete_bind(path: &Path<'_>) {
    let mut client = path.client();
    client.allocate();
    let peer = path.peer().address();
    for request in [
        Request::channel_bind(),
        Request::channel_bind().channel(CHANNEL),
        with_peer(Request::channel_bind(), &peer),
        with_peer(
            Request::channel_bind().with(attr::CHANNEL_NUMBER, &[0x40, 1]),
            &peer,
        ),
        Request::channel_bind()
            .channel(CHANNEL)
            .with(attr::XOR_PEER_ADDRESS, &[0, 1, 0, 0]),
    ] {
        client.expect(400, &request);
    }
}

fn range(path: &Path<'_>) {
    let mut client = path.client();
    client.allocate();
    for channel in [0, 0x3FFF, 0x5000, 0x7FFF, 0x8000, 0xFFFF] {
        assert_eq!(
            client.bind(channel, path.peer().address()),
            400,
            "{channel:#x}"
        );
    }
    for channel in [0x4000, 0x4FFF] {
        client.must_bind(channel, path.peer().address());
    }
}

fn old_range(path: &Path<'_>) {
    let (mut client, peer) = (path.client(), path.peer());
    let relay = client.allocate();
    for channel in [0x3FFF, 0x8000] {
        assert_eq!(
            client.bind(channel, path.peer().address()),
            400,
            "{channel:#x}"
        );
    }
    client.must_bind(0x7FFE, peer.address());
    client.send_channel(0x7FFE, b"as in old days");
    peer.expect(b"as in old days", relay);
    peer.send(relay, b"and back");
    client.expect_channel(0x7FFE, b"and back");
}

fn one_to_one(path: &Path<'_>) {
    let (mut client, _, peer) = path.bound();
    assert_eq!(client.bind(CHANNEL, path.peer().address()), 400);
    assert_eq!(client.bind(CHANNEL + 1, peer.address()), 400);
    client.must_bind(CHANNEL, peer.address());
}

fn refused_bind(path: &Path<'_>) {
    let mut client = path.client();
    client.allocate();
    assert_eq!(client.bind(CHANNEL, of_family(path, FORBIDDEN)), 403);
    assert_eq!(
        client.bind(CHANNEL, path.peer_of(client.family.other()).address()),
        443
    );
    if !path.is_turnd() {
        return;
    }
    let ip = path.peer().address().ip();
    for number in 0..MOST_CHANNELS {
        client.must_bind(CHANNEL + number, SocketAddr::new(ip, 20_000 + number));
    }
    let more = SocketAddr::new(ip, 30_000);
    assert_eq!(client.bind(CHANNEL + MOST_CHANNELS, more), 508);
    client.must_bind(CHANNEL, SocketAddr::new(ip, 20_000));
}

fn bind_permits(path: &Path<'_>) {
    let (mut client, relay, peer) = path.bound();
    let other = path.peer();
    client.send_data(other.address(), b"the same host");
    other.expect(b"the same host", relay);
    other.send(relay, b"another port");
    client.expect_data(other.address(), b"another port");
    drop(peer);
}

fn channel_data(path: &Path<'_>) {
    let (mut client, relay, peer) = path.bound();
    for length in [5, 0, 1200] {
        let data = vec![0xA5; length];
        peer.send(relay, &data);
        assert_eq!(client.next_channel(), (CHANNEL, data.clone()));
        client.send_channel(CHANNEL, &data);
        assert_eq!(peer.next(), (data, relay));
    }
    // Send indications go on working beside it.
    expect_next(&mut client, relay, &peer);
}

fn padded(path: &Path<'_>) {
    let (mut client, relay, peer) = path.bound();
    for length in 0..8_u8 {
        let data = vec![length; usize::from(length)];
        client.send_channel(CHANNEL, &data);
        assert_eq!(peer.next(), (data.clone(), relay));
        peer.send(relay, &data);
        assert_eq!(client.next_channel(), (CHANNEL, data));
    }
    // Every message behind was found: the stream is in step.
    client.expect_nothing();
}

fn too_long(path: &Path<'_>) {
    let (mut client, relay, peer) = path.bound();
    for (length, data) in [(6_u16, &b"short"[..]), (0xFFFF, b"short"), (1, b"")] {
        let [l0, l1] = length.to_be_bytes();
        client.send(&[&[0x40, 1, l0, l1], data].concat());
    }
    // Less than a header.
    client.send(&[0x40, 1, 0]);
    client.expect_nothing();
    expect_next(&mut client, relay, &peer);
}

fn trailing(path: &Path<'_>) {
    let (mut client, relay, peer) = path.bound();
    client.send(&[&[0x40, 1, 0, 5][..], b"exact\0\0\0"].concat());
    peer.expect(b"exact", relay);
    client.send(&[&[0x40, 1, 0, 5][..], b"exactly as long as this"].concat());
    peer.expect(b"exact", relay);
}

fn empty_channel(path: &Path<'_>) {
    let (mut client, relay, peer) = path.bound();
    client.send_channel(CHANNEL, b"");
    assert_eq!(peer.next(), (Vec::new(), relay));
}
