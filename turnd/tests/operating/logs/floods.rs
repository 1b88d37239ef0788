//! What strangers can make the log grow by.

use std::{
    collections::BTreeMap,
    net::UdpSocket,
    sync::atomic::{AtomicU64, Ordering},
};

use turnd_wire::{Algorithm, Class, Integrity, Key, Method, Writer, attr};

use super::*;
use crate::session::REALM;

const FLOOD: Duration = Duration::from_secs(3);
/// Bytes of the log that strangers may cause in a second.
const MOST: usize = 2_000;

/// A request as bytes.
fn request(method: Method, fill: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = [0; 500];
    let mut writer = Writer::new(&mut buffer, Class::Request, method, [7; 12].into());
    fill(&mut writer);
    writer.finish().unwrap().to_vec()
}

/// What a stranger sends from this socket: what is no STUN, Allocates without and with credentials, which are
/// wrong, and one that is malformed.
fn junk(client: &UdpSocket) -> Vec<Vec<u8>> {
    let transport =
        |writer: &mut Writer<'_>| writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    let first = request(Method::ALLOCATE, transport);
    client.send(&first).unwrap();
    let mut buffer = [0; 500];
    let length = client.recv(&mut buffer).unwrap();
    let challenge = turnd_wire::Message::parse(&buffer[..length]).unwrap();
    let nonce = challenge.attribute(attr::NONCE).unwrap().to_vec();
    let name = "mallory\n\u{202e}<".repeat(6);
    let key = Key::long_term(Algorithm::Md5, &name, REALM, "guess");
    let signed = |writer: &mut Writer<'_>| {
        writer.text(attr::USERNAME, &name);
        writer.text(attr::REALM, REALM);
        writer.bytes(attr::NONCE, &nonce);
        writer.integrity(Integrity::Sha1, &key);
    };
    vec![
        b"\x00\x01what is no STUN at all".to_vec(),
        vec![0xFF; 1200],
        first,
        request(Method::ALLOCATE, |writer| {
            transport(writer);
            signed(writer);
        }),
        request(Method::REFRESH, |writer| {
            writer.bytes(attr::LIFETIME, &[1]);
            writer.bytes(attr::AttributeType(0x7FFF), b"nobody understands this");
        }),
        request(Method::BINDING, |writer| {
            writer.bytes(attr::AttributeType(0x7FFE), b"nor this")
        }),
        request(Method::BINDING, |_| ()),
    ]
}

fn flood(options: &str) {
    let config = CONFIG.replace("relay-threads=1", "relay-threads=2");
    let turnd = Turnd::start(&format!(
        "{config}failed-logins=0\nVerbose\nlog-binding\nsimple-log\nlog-file=turnd.log\n{options}\n"
    ));
    let server = turnd.udp_v4();
    let log = turnd.directory().join("turnd.log");
    until("the start is logged", || {
        text(&log).contains("turnd is ready")
    });
    let before = text(&log).len();
    let sent = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Several, so that both workers get some.
                let clients: Vec<_> = (0..8)
                    .map(|_| {
                        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
                        client.connect(server).unwrap();
                        client.set_read_timeout(Some(PATIENCE)).unwrap();
                        let junk = junk(&client);
                        (client, junk)
                    })
                    .collect();
                while began.elapsed() < FLOOD {
                    for (client, junk) in &clients {
                        for datagram in junk {
                            let is_sent = client.send(datagram).is_ok();
                            sent.fetch_add(is_sent.into(), Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let took = began.elapsed();
    // The last line of a client whose first datagrams may be behind the flood's.
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    until("it answers", || {
        client.send(&request(Method::BINDING, |_| ())).unwrap();
        client.recv(&mut [0; 100]).is_ok()
    });
    call(server);
    until("the call is logged", || text(&log).contains("delete: "));
    let written = text(&log)[before..].to_owned();
    let of_strangers = written
        .lines()
        // Whichever worker has the call.
        .filter(|line| !line.contains("000000000000001: "));
    // By the second in the time that each line has, as text or in JSON.
    let mut seconds: BTreeMap<&str, usize> = BTreeMap::new();
    for line in of_strangers {
        let start = line.find("20").unwrap();
        *seconds.entry(&line[start..start + 19]).or_default() += line.len() + 1;
    }
    let (sent, most) = (sent.into_inner(), seconds.values().max().unwrap());
    println!("{sent} datagrams in {took:.1?}, bytes logged by the second: {seconds:?}");
    assert!(sent > 20_000, "{sent} datagrams are no flood");
    assert!(*most <= MOST, "{most} bytes in a second\n{written}");
    // Not silence either: an operator sees who it is, and how much there was.
    for text in ["check_stun_auth", "processed, error 4", "not logged"] {
        assert!(written.contains(text), "{text}\n{written}");
    }
    assert!(!written.contains(['\u{202e}', '\u{1b}']));
}

#[test]
fn a_flood_of_strangers_is_a_trickle_in_the_log() {
    flood("");
}

#[test]
fn a_flood_of_strangers_is_a_trickle_in_json_too() {
    flood("log-format=json");
}
