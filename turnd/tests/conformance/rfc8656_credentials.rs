//! RFC 8656 sections 5 and 6: whose allocation it is, and what is kept of credentials.

use turnd_wire::attr;

use crate::{
    client::{CHANNEL, with_peer},
    messages::{OK, Request},
    row::{ALL, Row, Udp, V4, must, should},
    subject::{Account, Path},
};

const STORIES: &str = "crates/proto/tests/stories/authentication.rs";
/// A password that no other memory looks like.
const PASSWORD: &str = "a-parsimonious-pachyderm-9174";
const SECRETIVE: &str = "user=dora:a-parsimonious-pachyderm-9174\n";

pub(crate) const ROWS: &[Row] = &[
    must("T8656-5-1", "another user's allocation: 441").over(ALL, another_user),
    must(
        "T8656-5-2",
        "no allocation: 437, before anything else is looked at",
    )
    .over(ALL, no_allocation),
    must(
        "T8656-5-3",
        "Send and ChannelData without an allocation: silence",
    )
    .over(ALL, no_relay),
    should("T8656-5-4", "a NONCE lasts an hour, an allocation longer")
        .held(&[(STORIES, "an_allocation_outlives_its_nonce")]),
    should("T8656-5-5", "SOFTWARE in answers")
        .over(ALL, software)
        .departs("**SOFTWARE is sent to nobody**", "no SOFTWARE"),
    must("T8656-6-1", "the password is not kept, only the key")
        .on(SECRETIVE)
        .over(&[Udp], no_password)
        .by(V4)
        .departs(
            "**Passwords of the configuration stay in memory**",
            "the password is in",
        ),
];

fn another_user(path: &Path<'_>) {
    let (mut alice, mut bob) = (path.client(), path.bob());
    alice.allocate();
    bob.say_hello();
    std::mem::swap(&mut alice.account, &mut bob.account);
    let peer = path.peer().address();
    assert_eq!(alice.refresh(0).code(), 441);
    assert_eq!(alice.permit(&[peer]), 441);
    assert_eq!(alice.bind(CHANNEL, peer), 441);
    std::mem::swap(&mut alice.account, &mut bob.account);
    assert_eq!(alice.refresh(600).code(), OK);
}

fn no_allocation(path: &Path<'_>) {
    let mut client = path.client();
    let peer = path.peer().address();
    for request in [
        Request::refresh(),
        Request::create_permission(),
        Request::channel_bind(),
        with_peer(Request::create_permission(), &peer),
        with_peer(Request::channel_bind().channel(CHANNEL), &peer),
        Request::channel_bind().channel(1),
    ] {
        client.expect(437, &request);
    }
}

fn no_relay(path: &Path<'_>) {
    let mut client = path.client();
    let peer = path.peer();
    client.send_data(peer.address(), b"from nowhere");
    client.expect_nothing();
    client.send_channel(CHANNEL, b"from nowhere");
    client.expect_nothing();
}

fn software(path: &Path<'_>) {
    let mut client = path.client();
    let reply = client.call(&client.allocate_request());
    assert!(reply.has(attr::SOFTWARE), "no SOFTWARE");
}

/// Looks through everything that the process has in memory.
fn no_password(path: &Path<'_>) {
    use std::{
        fs::{self, File},
        os::unix::fs::FileExt,
    };
    let mut client = path.client();
    client.account = Account::new("dora", PASSWORD);
    client.allocate();
    let pid = path.turnd(crate::support::turnd::Turnd::pid);
    let memory = File::open(format!("/proc/{pid}/mem")).expect("the memory of a child");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("its map");
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let (range, _) = line.split_once(' ').expect("a range");
        let (start, end) = range.split_once('-').expect("a range");
        let [start, end] = [start, end].map(|it| u64::from_str_radix(it, 16).expect("a number"));
        let mut bytes = vec![0; usize::try_from(end - start).expect("a mapping")];
        // Some of it cannot be read, as what the kernel maps for itself.
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            let found = bytes
                .windows(PASSWORD.len())
                .any(|it| it == PASSWORD.as_bytes());
            assert!(!found, "the password is in {line}");
        }
    }
}
