//! Requests of a real client, changed: no answer but an error, and nothing remembered.

use turnd_wire::{Class, Message, Method, Writer, attr};

use crate::{
    session::{Arrival, Session, channel_and_peer, peer, signed},
    support::turnd::Turnd,
};

/// What is sent before the answers are read.
const BATCH: usize = 50;

fn start(more: &str) -> Turnd {
    Turnd::start(&format!(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nrelay-threads=1\nverbose\n\
         allow-loopback-peers\n{more}"
    ))
}

#[test]
fn signed_requests_changed_in_any_bit_or_cut_anywhere_do_nothing() {
    let turnd = start("");
    let (client, peer) = (Session::alice(turnd.udp_v4()), peer("127.0.0.1:0"));
    let relayed = client.allocate().relayed();
    let address = peer.local_addr().unwrap();
    let newcomer = Session::alice(turnd.udp_v4());
    let files = open_files(turnd.pid());

    let of = |session: &Session, method, fill: &dyn Fn(&mut Writer<'_>)| {
        signed(method, &nonce(session), fill)
    };
    let bind = of(&client, Method::CHANNEL_BIND, &|writer| {
        channel_and_peer(writer, 0x4001, address);
    });
    let permit = of(&client, Method::CREATE_PERMISSION, &|writer| {
        writer.xor_address(attr::XOR_PEER_ADDRESS, address);
    });
    let delete = of(&client, Method::REFRESH, &|writer| {
        writer.number32(attr::LIFETIME, 0);
    });
    let allocate = of(&newcomer, Method::ALLOCATE, &|writer| {
        writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    });
    let mut tried = 0;
    for (session, request) in [
        (&client, &bind),
        (&client, &permit),
        (&client, &delete),
        (&newcomer, &allocate),
    ] {
        let forgeries: Vec<Vec<u8>> = changed(request).chain(cut(request)).collect();
        tried += forgeries.len();
        for batch in forgeries.chunks(BATCH) {
            for bytes in batch {
                session.socket.send(bytes).unwrap();
            }
            for answer in answers_until_now(session) {
                let message = Message::parse(&answer).expect("a STUN message");
                // One bit makes a Binding request of an Allocate request; it needs no signature.
                let is_harmless = message.method() == Method::BINDING;
                assert!(message.class() == Class::Error || is_harmless, "{answer:?}");
            }
        }
    }
    assert!(tried > 4000, "{tried}");

    // The allocation stands, and nothing was opened: the peer is heard only after an honest request.
    assert_eq!(open_files(turnd.pid()), files);
    peer.send_to(b"too early", relayed).unwrap();
    assert_eq!(client.binding().error(), None);
    client.socket.send(&bind).unwrap();
    client.socket.recv(&mut [0; 500]).expect("a reply");
    peer.send_to(b"now", relayed).unwrap();
    assert_eq!(client.arrival(), Arrival::Channel(0x4001, b"now".to_vec()));
    let log = turnd.stop().log;
    let sessions: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("session ") && !line.contains("session 000000000000000000:"))
        .collect();
    // What the honest client has done, and nothing else.
    let done = [
        ": new,",
        "ALLOCATE processed, success",
        "CHANNEL_BIND processed, success",
    ];
    assert_eq!(sessions.len(), done.len(), "{sessions:?}");
    for (line, done) in sessions.iter().zip(done) {
        assert!(line.contains(done), "{sessions:?}");
    }
    // Ten refusals a second.
    assert!(log.len() < 16 << 10, "{} bytes of log", log.len());
}

#[test]
fn a_signed_request_from_another_address_is_refused() {
    let turnd = start("");
    let (client, thief) = (
        Session::alice(turnd.udp_v4()),
        Session::alice(turnd.udp_v4()),
    );
    client.allocate().relayed();
    let delete = signed(Method::REFRESH, &nonce(&client), |writer| {
        writer.number32(attr::LIFETIME, 0);
    });
    thief.socket.send(&delete).unwrap();
    let answers = answers_until_now(&thief);
    let answer = Message::parse(&answers[0]).unwrap();
    assert_eq!(answer.class(), Class::Error);
    assert_eq!(client.refresh(600).error(), None);
}

#[test]
fn without_users_no_credentials_open_anything() {
    let turnd = Turnd::start("listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\n");
    let files = open_files(turnd.pid());
    for (user, password) in [("", ""), ("alice", ""), ("", "secret"), ("alice", "secret")] {
        let session = Session::new(turnd.udp_v4(), user, password);
        for _ in 0..25 {
            assert_eq!(session.allocate().error(), Some(401));
        }
    }
    assert_eq!(open_files(turnd.pid()), files);
}

/// Every message that differs in one bit.
fn changed(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..message.len() * 8).map(|bit| {
        let mut bytes = message.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    })
}

/// The message cut at every length, as it is and with a header that says so.
fn cut(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (1..message.len()).flat_map(|length| {
        let bytes = message[..length].to_vec();
        let mut honest = bytes.clone();
        if let Some(says) = honest.get_mut(2..4) {
            let attributes = u16::try_from(length.saturating_sub(20)).unwrap();
            says.copy_from_slice(&attributes.to_be_bytes());
        }
        [bytes, honest]
    })
}

/// What the server has answered to all that was sent before, when it has read that.
fn answers_until_now(session: &Session) -> Vec<Vec<u8>> {
    let mut buffer = [0; 32];
    let id = [0x11; 12];
    let writer = Writer::new(&mut buffer, Class::Request, Method::BINDING, id.into());
    session.socket.send(writer.finish().unwrap()).unwrap();
    let mut answers = Vec::new();
    loop {
        let mut buffer = vec![0; 1500];
        let length = session.socket.recv(&mut buffer).expect("an answer");
        buffer.truncate(length);
        if Message::parse(&buffer).is_ok_and(|message| message.transaction_id() == id.into()) {
            return answers;
        }
        answers.push(buffer);
    }
}

fn nonce(session: &Session) -> Vec<u8> {
    let challenge = session.exchange(Method::REFRESH, |_| ());
    let nonce = challenge.message().attribute(attr::NONCE);
    nonce.expect("a nonce").to_vec()
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}
