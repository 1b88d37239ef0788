//! A client of socket.io over polling, one request a connection, and two of them in a call.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// Nothing takes that long that is answered at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    try_connect(address).expect("a connection")
}

fn try_connect(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    Some(stream)
}

/// Whether this went well. A server that has heard enough may have closed; one that is silent is what is looked for.
pub(crate) fn went_well<T>(result: std::io::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("neither an answer nor an end: {error}")
        }
        Err(_) => None,
    }
}

/// All that comes until the end.
pub(crate) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    while let Some(length @ 1..) = went_well(stream.read(&mut buffer)) {
        all.extend_from_slice(&buffer[..length]);
    }
    all
}

/// What a request is answered with: its number, 0 for an end without one, and all of it.
pub(crate) fn exchange(
    server: SocketAddr,
    method: &str,
    query: &str,
    more: &str,
    body: &[u8],
) -> (u16, String) {
    exchange_on(connect(server), method, query, more, body)
}

fn exchange_on(
    mut stream: TcpStream,
    method: &str,
    query: &str,
    more: &str,
    body: &[u8],
) -> (u16, String) {
    let head = format!(
        "{method} /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {}\r\n{more}\r\n",
        body.len()
    );
    if went_well(stream.write_all(head.as_bytes())).is_some() {
        went_well(stream.write_all(body));
    }
    let answer = String::from_utf8_lossy(&rest(&mut stream)).into_owned();
    let status = answer.get(9..12).and_then(|it| it.parse().ok());
    (status.unwrap_or(0), answer)
}

/// A session of engine.io over polling.
#[derive(Clone)]
pub(crate) struct Session {
    server: SocketAddr,
    pub(crate) query: String,
}

impl Session {
    pub(crate) fn open(server: SocketAddr, version: u8) -> Self {
        let query = format!("EIO={version}&transport=polling");
        let (status, answer) = exchange(server, "GET", &query, "", b"");
        assert_eq!(status, 200, "{answer}");
        let (_, sid) = answer.split_once("\"sid\":\"").expect("a session");
        let (sid, _) = sid.split_once('"').unwrap();
        let query = format!("{query}&sid={sid}");
        Self { server, query }
    }

    /// Is in the namespace of calls, so that what it sends is read by all of the server.
    pub(crate) fn connected(server: SocketAddr, version: u8) -> Self {
        let session = Self::open(server, version);
        if version == 4 {
            assert_eq!(session.post("", b"40").0, 200);
        }
        let mut all = String::new();
        while !all.contains("40") {
            let body = session.poll().expect("it is connected");
            // The first ping may come as early; without an answer the session ends ten seconds later.
            if body.split('\x1e').any(|packet| packet == "2") {
                session.post("", b"3");
            }
            all += &body;
        }
        session
    }

    pub(crate) fn post(&self, more: &str, body: &[u8]) -> (u16, String) {
        exchange(self.server, "POST", &self.query, more, body)
    }

    /// What waits for it, or comes; nothing once the session has ended.
    fn poll(&self) -> Option<String> {
        let stream = try_connect(self.server)?;
        let (status, answer) = exchange_on(stream, "GET", &self.query, "", b"");
        let (_, body) = answer.split_once("\r\n\r\n")?;
        (status == 200).then(|| body.to_owned())
    }
}

/// A session that answers pings, as long as it has not ended.
pub(crate) struct Member {
    session: Session,
    heard: Receiver<String>,
}

impl Member {
    pub(crate) fn join(server: SocketAddr, room: &str) -> Self {
        Self::told(server, room).0
    }

    /// One who joins, and what it is told then.
    pub(crate) fn told(server: SocketAddr, room: &str) -> (Self, String) {
        let session = Session::connected(server, 4);
        let (hears, heard) = mpsc::channel();
        let polling = session.clone();
        thread::spawn(move || {
            while let Some(body) = polling.poll() {
                for packet in body.split('\x1e') {
                    if packet == "2" {
                        polling.post("", b"3");
                    } else if hears.send(packet.to_owned()).is_err() {
                        return;
                    }
                }
            }
        });
        let member = Self { session, heard };
        member.say(&format!("42[\"join\",\"{room}\"]"));
        let joined = member.wait_for("\"joined\"");
        (member, joined)
    }

    pub(crate) fn say(&self, packet: &str) {
        let (status, answer) = self.session.post("", packet.as_bytes());
        assert_eq!(status, 200, "{answer}");
    }

    /// The next packet that has `text`.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        loop {
            let heard = self.heard.recv_timeout(PATIENCE);
            let heard = heard.expect("the call goes on");
            if heard.contains(text) {
                return heard;
            }
        }
    }
}

/// Two members of a room.
pub(crate) struct Call {
    members: [Member; 2],
    room: &'static str,
    messages: u32,
}

impl Call {
    pub(crate) fn begin(server: SocketAddr, room: &'static str) -> Self {
        Self {
            members: [(); 2].map(|()| Member::join(server, room)),
            room,
            messages: 0,
        }
    }

    pub(crate) fn goes_on(&mut self) {
        self.messages += 1;
        let [alice, bob] = &self.members;
        for (from, to) in [(alice, bob), (bob, alice)] {
            let kind = format!("ring-{};", self.messages);
            let room = self.room;
            from.say(&format!(
                "42[\"message\",\"{room}\",{{\"type\":\"{kind}\"}}]"
            ));
            to.wait_for(&kind);
        }
    }
}
