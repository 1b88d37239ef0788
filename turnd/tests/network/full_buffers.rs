//! A link that takes a fraction of what is sent over it: what does not fit is left out and counted, and that is all.
//!
//! ```text
//! server 9.9.9.1 -- 9.9.9.2 other
//! ```

use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{Class, Message, Method, Writer};

use crate::{
    scrape::scrape,
    session::Session,
    support::{
        End, as_long,
        namespace::{self, sh, within},
        turnd::Turnd,
    },
};

const NETWORK: &str = "\
ip netns add other
ip link add wan0 type veth peer name wan0 netns other
ip addr add 9.9.9.1/24 dev wan0; ip -n other addr add 9.9.9.2/24 dev wan0
ip link set wan0 up; ip -n other link set wan0 up; ip -n other link set lo up
";

const CONFIG: &str = "\
listening-ip=9.9.9.1
listening-port=0
relay-ip=9.9.9.1
relay-threads=1
realm=example.org
user=alice:secret
allowed-peer-ip=9.9.9.1
prometheus
prometheus-address=9.9.9.1
prometheus-port=0
";

/// A thirtieth of what comes, with a queue of an eighth of a second, or one that holds more than a small buffer.
const SHORT: &str = "tc qdisc add dev wan0 root tbf rate 1mbit burst 10kb limit 16kb";
const LONG: &str = "tc qdisc add dev wan0 root tbf rate 1mbit burst 10kb limit 1mb";
const SMALL: &str = "sock-buf-size=20000\n";

/// Datagrams of a millisecond.
const RATE: u32 = 4;
const SIZE: usize = 1000;

/// What a flood did.
#[derive(Debug)]
struct Seen {
    /// The server's time on processors.
    cost: Duration,
    /// Requests of somebody else meanwhile, and those of them that had an answer within half a second.
    asked: u32,
    answered: u32,
}

/// Has somebody send to the server, while another client asks it for things.
fn flood(turnd: &Turnd, send: impl Fn()) -> Seen {
    let other = Session::new(turnd.udp_v4(), "alice", "secret");
    let before = turnd.cpu_time();
    let is_over = AtomicBool::new(false);
    let (asked, answered) = thread::scope(|scope| {
        let is_over = &is_over;
        let _end = End(is_over);
        let asking = scope.spawn(move || ask_again_and_again(&other, is_over));
        let began = Instant::now();
        for millisecond in 0..as_long(1500, 10_000) {
            (0..RATE).for_each(|_| send());
            // A pause is what makes a rate; nothing waits for it.
            let due = began + Duration::from_millis(millisecond);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        is_over.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    Seen {
        cost: turnd.cpu_time().saturating_sub(before),
        asked,
        answered,
    }
}

fn ask_again_and_again(session: &Session, is_over: &AtomicBool) -> (u32, u32) {
    let half = Some(Duration::from_millis(500));
    session.socket.set_read_timeout(half).unwrap();
    let (mut asked, mut answered) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        let id = Session::next_id();
        let mut buffer = [0; 500];
        let writer = Writer::new(&mut buffer, Class::Request, Method::BINDING, id.into());
        session.socket.send(writer.finish().unwrap()).unwrap();
        asked += 1;
        // An answer that comes after its time is none to the next request.
        while let Ok(length) = session.socket.recv(&mut buffer) {
            let reply = Message::parse(&buffer[..length]).expect("a message");
            if reply.transaction_id() == id.into() {
                answered += 1;
                break;
            }
        }
        thread::sleep(Duration::from_millis(3));
    }
    (asked, answered)
}

/// The same flood over a link that takes it, and over one that does not.
fn compare(test: &str, config: &str, throttle: &str, send: impl Fn(&Turnd) -> Box<dyn Fn()>) {
    if !namespace::inside(NETWORK, test) {
        return;
    }
    let turnd = Turnd::start(&format!("{CONFIG}{config}"));
    let send = send(&turnd);
    let free = flood(&turnd, &send);
    sh(throttle);
    let full = flood(&turnd, &send);
    let drops = |reason: &str| {
        let name = format!("turnd_send_drops_total{{reason=\"{reason}\"}}");
        scrape(&turnd).value(&name)
    };
    let (blocked, dropped) = (drops("would-block"), drops("error"));
    println!("{free:?}, and then {full:?}, of which {blocked} and {dropped} were dropped");
    // A queue that is shorter than the buffer drops for itself, without a word.
    assert!(throttle == SHORT || blocked > 1000.0, "{blocked}");
    for seen in [&free, &full] {
        assert!(seen.answered * 100 >= seen.asked * 99, "{seen:?}");
    }
    // A fifth more where nothing else runs.
    let most = free.cost * as_long(20, 12) / 10;
    assert!(full.cost <= most, "{free:?}, and then {full:?}");
}

#[test]
fn a_link_to_a_peer_that_is_full_costs_what_does_not_fit() {
    compare(
        "full_buffers::a_link_to_a_peer_that_is_full_costs_what_does_not_fit",
        "",
        SHORT,
        to_peer,
    );
}

#[test]
fn a_small_buffer_toward_a_peer_costs_what_does_not_fit() {
    compare(
        "full_buffers::a_small_buffer_toward_a_peer_costs_what_does_not_fit",
        SMALL,
        LONG,
        to_peer,
    );
}

#[test]
fn a_link_to_a_client_that_is_full_costs_nobody_else_an_answer() {
    compare(
        "full_buffers::a_link_to_a_client_that_is_full_costs_nobody_else_an_answer",
        "",
        SHORT,
        to_client,
    );
}

#[test]
fn a_small_buffer_toward_a_client_costs_nobody_else_an_answer() {
    compare(
        "full_buffers::a_small_buffer_toward_a_client_costs_nobody_else_an_answer",
        SMALL,
        LONG,
        to_client,
    );
}

/// A client here, whose peer is at the other end of the link.
fn to_peer(turnd: &Turnd) -> Box<dyn Fn()> {
    let peer = within("other", || UdpSocket::bind("9.9.9.2:0").unwrap());
    let session = Session::new(turnd.udp_v4(), "alice", "secret");
    session.allocate().relayed();
    let address = peer.local_addr().unwrap();
    assert_eq!(session.bind(address).error(), None);
    Box::new(move || {
        session.send_channel(&[0x55; SIZE]);
        let _ = &peer;
    })
}

/// A client at the other end, whose peer is here.
fn to_client(turnd: &Turnd) -> Box<dyn Fn()> {
    let peer = UdpSocket::bind("9.9.9.1:0").unwrap();
    let server = turnd.udp_v4();
    let session = within("other", || Session::new(server, "alice", "secret"));
    let relayed = session.allocate().relayed();
    let address = peer.local_addr().unwrap();
    assert_eq!(session.bind(address).error(), None);
    Box::new(move || {
        let _ = (peer.send_to(&[0x55; SIZE], relayed), &session);
    })
}
