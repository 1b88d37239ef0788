//! Asks a STUN server one question (RFC 8489 section 6.2), without credentials and from a thread that may wait.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use turnd_wire::{
    Class, Message, Method, TransactionId, Writer, attr,
    framing::{self, Frame},
};

use crate::listeners::Protocol;

/// Before the first retransmission; doubled for each further one (RFC 8489 section 6.2.1).
const RTO: Duration = Duration::from_millis(500);
/// Longest answer that is read.
const LONGEST: usize = 2048;

/// A question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// Over UDP or TCP.
    pub(crate) protocol: Protocol,
    /// Whom.
    pub(crate) server: SocketAddr,
    /// From which address; the system's choice without.
    pub(crate) from: Option<IpAddr>,
    /// What: `BINDING`, or `ALLOCATE` for a server that answers no Binding requests.
    pub(crate) method: Method,
    /// How long to wait for an answer.
    pub(crate) patience: Duration,
}

/// The answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whether it is an error response, as one that asks for credentials.
    pub(crate) is_error: bool,
    /// XOR-MAPPED-ADDRESS: whom the server saw.
    pub(crate) mapped: Option<SocketAddr>,
}

impl Question {
    /// Asks. What is no answer to this question is passed over.
    pub(crate) fn ask(self) -> io::Result<Answer> {
        let mut id = [0; 12];
        getrandom::fill(&mut id).map_err(io::Error::other)?;
        let id = TransactionId::from(id);
        let mut buffer = [0; 64];
        let mut request = Writer::new(&mut buffer, Class::Request, self.method, id);
        if self.method == Method::ALLOCATE {
            // UDP, in the first of four bytes (RFC 8656 section 18.8).
            request.number32(attr::REQUESTED_TRANSPORT, 17 << 24);
        }
        request.fingerprint();
        let request = request.finish().map_err(io::Error::other)?;
        let deadline = Instant::now() + self.patience;
        match self.protocol {
            Protocol::Udp => self.ask_by_datagrams(request, id, deadline),
            Protocol::Tcp => self.ask_on_a_stream(request, id, deadline),
        }
    }

    fn ask_by_datagrams(
        self,
        request: &[u8],
        id: TransactionId,
        deadline: Instant,
    ) -> io::Result<Answer> {
        let any = match self.server.ip() {
            IpAddr::V4(_) => IpAddr::from([0; 4]),
            IpAddr::V6(_) => IpAddr::from([0; 16]),
        };
        let socket = UdpSocket::bind((self.from.unwrap_or(any), 0))?;
        // From then on nobody else is heard, and a closed port is.
        socket.connect(self.server)?;
        let mut answer = [0; LONGEST];
        let mut rto = RTO;
        loop {
            socket.send(request)?;
            let again = (Instant::now() + rto).min(deadline);
            rto *= 2;
            while let Some(left) = left(again) {
                socket.set_read_timeout(Some(left))?;
                match socket.recv(&mut answer) {
                    Ok(length) => {
                        if let Some(answer) = self.read(&answer[..length], id) {
                            return Ok(answer);
                        }
                    }
                    Err(error) if is_timeout(&error) => {}
                    Err(error) => return Err(error),
                }
            }
            if left(deadline).is_none() {
                return Err(ErrorKind::TimedOut.into());
            }
        }
    }

    fn ask_on_a_stream(
        self,
        request: &[u8],
        id: TransactionId,
        deadline: Instant,
    ) -> io::Result<Answer> {
        let time_left = || left(deadline).ok_or(io::Error::from(ErrorKind::TimedOut));
        let mut stream = TcpStream::connect_timeout(&self.server, time_left()?)?;
        stream.set_write_timeout(Some(time_left()?))?;
        stream.write_all(request)?;
        let (mut answer, mut filled) = ([0; LONGEST], 0);
        loop {
            if let Frame::Whole { length, .. } = framing::next(&answer[..filled]) {
                let read = self.read(&answer[..length], id);
                return read.ok_or_else(|| {
                    io::Error::new(ErrorKind::InvalidData, "it answered something else")
                });
            }
            stream.set_read_timeout(Some(time_left()?))?;
            match stream.read(&mut answer[filled..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => filled += length,
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn read(self, bytes: &[u8], id: TransactionId) -> Option<Answer> {
        let message = Message::parse(bytes).ok()?;
        let is_error = match message.class() {
            Class::Success => false,
            Class::Error => true,
            Class::Request | Class::Indication => return None,
        };
        let is_ours = message.transaction_id() == id && message.method() == self.method;
        is_ours.then(|| Answer {
            is_error,
            mapped: message.xor_address(attr::XOR_MAPPED_ADDRESS),
        })
    }
}

/// The time until then, if it is not over.
fn left(until: Instant) -> Option<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, thread};

    const PATIENCE: Duration = Duration::from_secs(10);

    fn question(protocol: Protocol, server: SocketAddr) -> Question {
        Question {
            protocol,
            server,
            from: None,
            method: Method::BINDING,
            patience: PATIENCE,
        }
    }

    fn answer_to(request: &[u8], class: Class, mapped: SocketAddr) -> Vec<u8> {
        let request = Message::parse(request).unwrap();
        assert_eq!(request.fingerprint(), Some(true));
        let mut buffer = [0; 100];
        let id = request.transaction_id();
        let mut answer = Writer::new(&mut buffer, class, Method::BINDING, id);
        answer.xor_address(attr::XOR_MAPPED_ADDRESS, mapped);
        answer.finish().unwrap().to_vec()
    }

    /// A server that answers nothing, garbage, a foreign transaction, its own question, and at last the question.
    #[test]
    fn what_is_no_answer_is_passed_over_and_the_question_is_asked_again() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let mapped: SocketAddr = "203.0.113.9:1234".parse().unwrap();
        let serving = thread::spawn(move || {
            let mut first = [0; 100];
            let (length, client) = server.recv_from(&mut first).unwrap();
            let first = &first[..length];
            let mut foreign = answer_to(first, Class::Success, mapped);
            foreign[19] ^= 1;
            for not_it in [&b"garbage"[..], first, &foreign, b""] {
                server.send_to(not_it, client).unwrap();
            }
            let mut second = [0; 100];
            let (length, client) = server.recv_from(&mut second).unwrap();
            assert_eq!(&second[..length], first);
            let answer = answer_to(first, Class::Success, mapped);
            // Nobody else's answer counts.
            let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
            let lie = answer_to(first, Class::Success, "198.51.100.1:1".parse().unwrap());
            stranger.send_to(&lie, client).unwrap();
            server.send_to(&answer, client).unwrap();
        });
        let answer = question(Protocol::Udp, address).ask().unwrap();
        serving.join().unwrap();
        assert_eq!(answer.mapped, Some(mapped));
        assert!(!answer.is_error);
    }

    #[test]
    fn an_error_response_is_an_answer_also_in_pieces_on_a_stream() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let (mut stream, client) = server.accept().unwrap();
            let mut request = [0; 28];
            stream.read_exact(&mut request).unwrap();
            for byte in answer_to(&request, Class::Error, client) {
                stream.write_all(&[byte]).unwrap();
            }
        });
        let answer = question(Protocol::Tcp, address).ask().unwrap();
        serving.join().unwrap();
        assert!(answer.is_error);
    }

    #[test]
    fn a_closed_port_is_told_at_once_and_silence_after_the_patience() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let silent = Question {
            patience: Duration::from_millis(20),
            ..question(Protocol::Udp, address)
        };
        assert_eq!(silent.ask().unwrap_err().kind(), ErrorKind::TimedOut);
        drop(socket);
        for protocol in [Protocol::Udp, Protocol::Tcp] {
            let refused = question(protocol, address).ask().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
    }
}
