//! What strangers have sent to others: little, seldom, and never for what is no request.

use std::{
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use turnd_wire::{
    Class, Method, Writer,
    attr::{self, AttributeType},
    message::header,
};

use crate::{
    namespace::in_own_network,
    numbers::Numbers,
    support::{as_long, turnd::Turnd},
    ways::{Reply, message},
};

const CONFIG: &str = "realm=turn.org\nuser=alice:wonderland\nlistening-port=0\nrelay-threads=1\n";

fn on_loopback() -> Turnd {
    Turnd::start(&format!(
        "{CONFIG}listening-ip=127.0.0.1\nlistening-ip=::1\n"
    ))
}

fn stranger(from: &str, server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(from).unwrap();
    socket.connect(server).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    socket
}

fn exchange(socket: &UdpSocket, bytes: &[u8]) -> Vec<u8> {
    socket.send(bytes).unwrap();
    let mut buffer = [0; 2048];
    let length = socket.recv(&mut buffer).expect("an answer");
    buffer[..length].to_vec()
}

/// What has come up to the answer to a Binding request of our own.
fn answers_until_now(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let (id, probe) = message(Class::Request, Method::BINDING, |_| ());
    socket.send(&probe).unwrap();
    let mut answers = Vec::new();
    loop {
        let mut buffer = vec![0; 2048];
        let length = socket.recv(&mut buffer).expect("an answer to the probe");
        buffer.truncate(length);
        if buffer.get(8..20) == Some(&id[..]) {
            return answers;
        }
        answers.push(buffer);
    }
}

/// An Allocate without credentials: 28 bytes.
fn bare_allocate() -> Vec<u8> {
    let (_, bytes) = message(Class::Request, Method::ALLOCATE, |writer| {
        writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    });
    bytes
}

/// B01 and B02: 1.6 and 2.2 times a Binding request, and three times an Allocate.
#[test]
fn b01_answers_to_strangers_are_short() {
    let turnd = on_loopback();
    let (v4, v6) = (turnd.udp_v4(), turnd.udp_v6());
    let (v4, v6) = (stranger("127.0.0.1:0", v4), stranger("[::1]:0", v6));
    let (_, binding) = message(Class::Request, Method::BINDING, |_| ());
    assert_eq!((binding.len(), bare_allocate().len()), (20, 28));
    assert_eq!(exchange(&v4, &binding).len(), 32);
    assert_eq!(exchange(&v6, &binding).len(), 44);
    for stranger in [&v4, &v6] {
        assert_eq!(exchange(stranger, &bare_allocate()).len(), 84);
    }
}

/// B01 and B02: whatever options are set, an answer that is not asked to be longer is at most three times as long.
#[test]
fn b02_no_option_makes_answers_to_strangers_long() {
    for options in [
        "fingerprint\n",
        "stun-backward-compatibility\n",
        "alternate-server=203.0.113.1\n",
        "software-attribute\n",
        "include-reason-string\n",
        "fingerprint\nstun-backward-compatibility\nrfc3489-compatibility\nmobility\ntcp-relay\n\
         alternate-server=203.0.113.1:4000/other.example.org\nsoftware-attribute\ninclude-reason-string\n",
    ] {
        let turnd = Turnd::start(&format!(
            "{CONFIG}listening-ip=127.0.0.1\nlistening-ip=::1\n{options}"
        ));
        let (v4, v6) = (turnd.udp_v4(), turnd.udp_v6());
        for stranger in [stranger("127.0.0.1:0", v4), stranger("[::1]:0", v6)] {
            let request =
                |method, fill: fn(&mut Writer<'_>)| message(Class::Request, method, fill).1;
            for bytes in [
                bare_allocate(),
                request(Method::BINDING, |_| ()),
                request(Method::BINDING, |writer| {
                    writer.bytes(AttributeType(0x7F00), b"")
                }),
                request(Method::REFRESH, |writer| writer.number32(attr::LIFETIME, 0)),
                request(Method::CREATE_PERMISSION, |writer| {
                    writer.xor_address(attr::XOR_PEER_ADDRESS, ([8, 8, 8, 8], 9).into());
                }),
            ] {
                let length = exchange(&stranger, &bytes).len();
                assert!(
                    length <= 3 * bytes.len(),
                    "{options}: {length} for {bytes:?}"
                );
            }
            let with_fingerprint = request(Method::ALLOCATE, |writer| {
                writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
                writer.fingerprint();
            });
            let reply = Reply(exchange(&stranger, &with_fingerprint));
            assert_eq!(reply.message().fingerprint(), Some(true));
            assert!(reply.0.len() <= 3 * with_fingerprint.len());
        }
    }
}

/// The longest name that a realm may be.
const LONGEST: &str = "a-realm-as-long-as-it-may-be.with-many-labels-in-it.that-nobody-types.because-it-is-the-name-of-a-machine.somewhere.example.org";

/// B02: what makes an answer longer than three times its request, which is a long realm, the name of an authorization
/// server, or the other address of NAT discovery, makes such answers fewer: in sum they are no longer than that.
#[test]
fn b02_no_option_makes_answers_to_strangers_many_and_long() {
    assert_eq!(LONGEST.len(), 127);
    in_own_network(|| {
        let key = STANDARD.encode([7; 32]);
        let tokens = format!("oauth\nserver-name={LONGEST}\noauth-key=north:{key}\n");
        let discovery =
            "rfc5780\nalt-listening-port=3479\nlistening-ip=8.8.4.2\nlistening-ip=2a00:1450::2\n";
        for options in [
            String::new(),
            format!("realm={LONGEST}\n"),
            tokens.clone(),
            discovery.to_owned(),
            format!("realm={LONGEST}\n{tokens}{discovery}software-attribute\n"),
        ] {
            let turnd = Turnd::start(&format!(
                "realm=turn.org\nuser=alice:wonderland\nlistening-port=3478\nrelay-threads=1\n\
                 listening-ip=8.8.4.1\nlistening-ip=2a00:1450::1\n{options}"
            ));
            let request =
                |method, fill: fn(&mut Writer<'_>)| message(Class::Request, method, fill).1;
            let requests = [
                bare_allocate(),
                request(Method::BINDING, |_| ()),
                request(Method::REFRESH, |writer| writer.number32(attr::LIFETIME, 0)),
                request(Method::CREATE_PERMISSION, |writer| {
                    writer.xor_address(attr::XOR_PEER_ADDRESS, ([8, 8, 8, 8], 9).into());
                }),
            ];
            for (nth, bytes) in requests.iter().enumerate() {
                // Networks that have been sent nothing yet.
                for (from, server) in [
                    (format!("203.0.{nth}.7:0"), turnd.udp_v4()),
                    (format!("[2001:db8:{nth}::7]:0"), turnd.udp_v6()),
                ] {
                    let answers = flood(&stranger(&from, server), bytes);
                    let (sent, received) = (FLOOD * bytes.len(), answers.iter().sum::<usize>());
                    assert!(
                        received <= 3 * sent,
                        "{options}: {received} bytes for {sent} from {from}: {bytes:?}"
                    );
                    assert!(
                        answers.len() >= 10,
                        "{options}: some may be honest: {answers:?}"
                    );
                }
            }
        }
    });
}

/// How often a request is sent at once.
const FLOOD: usize = 200;

/// The lengths of what a request is answered with that comes many times.
fn flood(socket: &UdpSocket, request: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    for _ in 0..FLOOD / 20 {
        for _ in 0..20 {
            socket.send(request).unwrap();
        }
        // So that all of it has been read.
        lengths.extend(answers_until_now(socket).iter().map(Vec::len));
    }
    lengths
}

/// B02 and B03: ten thousand requests a second in the names of a /24 bring it no more bytes than they are, and a
/// client of that network is served within three seconds.
#[test]
fn b03_a_flood_in_the_name_of_a_network_is_not_made_larger() {
    in_own_network(|| {
        let turnd = Turnd::start(&format!("{CONFIG}listening-ip=8.8.4.1\n"));
        let server = turnd.udp_v4();
        let victims: Vec<UdpSocket> = (1..=200)
            .map(|host| {
                let victim = stranger(&format!("203.0.113.{host}:0"), server);
                victim.set_nonblocking(true).unwrap();
                victim
            })
            .collect();
        let client = stranger("203.0.113.250:0", server);
        client.set_nonblocking(true).unwrap();
        let (seconds, request) = (as_long(4_u64, 10), bare_allocate());
        let began = Instant::now();
        let (mut sent, mut received, mut nth) = (0, 0, 0);
        let mut buffer = [0; 2048];
        // The client's tries, by the clock of RFC 8489 section 6.2.1.
        let mut tries = [1000, 1500, 2500]
            .map(Duration::from_millis)
            .into_iter()
            .peekable();
        let mut served = None;
        while began.elapsed() < Duration::from_secs(seconds) {
            for victim in victims.iter().cycle().skip(nth % victims.len()).take(50) {
                victim.send(&request).unwrap();
                sent += request.len();
                while let Ok(length) = victim.recv(&mut buffer) {
                    received += length;
                }
            }
            nth += 50;
            if served.is_none() && tries.next_if(|it| *it <= began.elapsed()).is_some() {
                client.send(&request).unwrap();
            }
            if client.recv(&mut buffer).is_ok() {
                served.get_or_insert(began.elapsed());
            }
            // 50 in 5 ms.
            let due = Duration::from_millis(nth as u64 / 10);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(200));
        for victim in &victims {
            while let Ok(length) = victim.recv(&mut buffer) {
                received += length;
            }
        }
        assert!(
            sent > 28 * 1000 * usize::try_from(seconds).unwrap(),
            "{sent} bytes are no flood"
        );
        assert!(received <= sent, "{received} bytes for {sent}");
        assert!(
            received > sent / 10,
            "some may be honest: {received} for {sent}"
        );
        let served = served.expect("the client is served");
        assert!(served <= Duration::from_secs(4), "{served:?}");

        // B02: what is shorter than an Allocate is worth three answers a second.
        let host = stranger("198.51.100.7:0", server);
        host.set_nonblocking(true).unwrap();
        let began = Instant::now();
        let mut answers = 0;
        while began.elapsed() < Duration::from_secs(2) {
            let (_, short) = message(Class::Request, Method::ALLOCATE, |_| ());
            host.send(&short).unwrap();
            std::thread::sleep(Duration::from_millis(2));
            answers += std::iter::from_fn(|| host.recv(&mut buffer).ok()).count();
        }
        let most = 2 + (began.elapsed().as_secs_f64() * 3.0).ceil() as usize;
        assert!(
            (1..=most).contains(&answers),
            "{answers} answers in two seconds"
        );
    });
}

/// B06: one server's answer is no request to another. Each message of every kind goes to one server, its answer
/// to the other, and so on: as if each had been made to believe that the other asks.
#[test]
fn b06_two_servers_that_are_set_on_each_other_fall_silent() {
    let servers = [on_loopback(), on_loopback()];
    let sockets = [0, 1].map(|nth: usize| stranger("127.0.0.1:0", servers[nth].udp_v4()));
    for number in 0..=0xFFF {
        for class in [
            Class::Request,
            Class::Indication,
            Class::Success,
            Class::Error,
        ] {
            let method = Method::new(number).unwrap();
            let mut packets = vec![header(class, method, [3; 12].into(), 0).to_vec()];
            let mut count = 0;
            for turn in 0..4 {
                let to = &sockets[turn % 2];
                for packet in &packets {
                    to.send(packet).unwrap();
                    count += 1;
                }
                packets = answers_until_now(to);
                if packets.is_empty() {
                    break;
                }
            }
            assert!(count <= 2, "{class:?} {number:#x}: {count} packets");
        }
    }
}

/// B06: whoever answers everything is not sent anything.
#[test]
fn b06_the_ports_of_services_that_answer_everything_are_not_answered() {
    let turnd = on_loopback();
    for (port, is_answered) in [
        (1900, false),
        (5353, false),
        (11_211, false),
        (11_212, true),
    ] {
        // No other test is here, and no service of the machine.
        let socket = stranger(&format!("127.66.6.6:{port}"), turnd.udp_v4());
        for request in [
            bare_allocate(),
            message(Class::Request, Method::BINDING, |_| ()).1,
        ] {
            socket.send(&request).unwrap();
        }
        // When this one is answered, those have been read.
        let other = stranger("127.0.0.1:0", turnd.udp_v4());
        assert!(answers_until_now(&other).is_empty());
        socket.set_nonblocking(true).unwrap();
        let answers = std::iter::from_fn(|| socket.recv(&mut [0; 2048]).ok()).count();
        assert_eq!(answers, if is_answered { 2 } else { 0 }, "port {port}");
    }
}

/// B07: of 4096 methods in four classes five requests are answered.
#[test]
fn b07_only_requests_of_five_methods_are_answered() {
    let turnd = on_loopback();
    let socket = stranger("127.0.0.1:0", turnd.udp_v4());
    let mut answered = Vec::new();
    for number in 0..=0xFFF {
        let method = Method::new(number).unwrap();
        for class in [
            Class::Request,
            Class::Indication,
            Class::Success,
            Class::Error,
        ] {
            socket
                .send(&header(class, method, [3; 12].into(), 0))
                .unwrap();
            if number % 16 == 15 || number < 16 {
                for answer in answers_until_now(&socket) {
                    answered.push(Reply(answer).message().method());
                }
            }
        }
    }
    let expected = [
        Method::BINDING,
        Method::ALLOCATE,
        Method::REFRESH,
        Method::CREATE_PERMISSION,
        Method::CHANNEL_BIND,
    ];
    answered.sort_by_key(|method| method.number());
    let mut expected = expected.to_vec();
    expected.sort_by_key(|method| method.number());
    assert_eq!(answered, expected);
}

/// B07: random bytes get silence, whatever they begin with. A million in the long run.
#[test]
fn b07_random_datagrams_are_not_answered() {
    let turnd = on_loopback();
    let socket = stranger("127.0.0.1:0", turnd.udp_v4());
    let mut numbers = Numbers(0xBAD_C0DE_5EED_0001);
    for round in 0..as_long(400, 20_000) {
        for _ in 0..50 {
            let length = numbers.next() as usize % 120;
            let bytes: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
            socket.send(&bytes).unwrap();
        }
        let answers = answers_until_now(&socket);
        assert!(answers.is_empty(), "round {round}: {answers:?}");
    }
}
