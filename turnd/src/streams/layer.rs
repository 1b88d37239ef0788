//! What lies between a stream's socket and its messages: nothing, or TLS.
//!
//! Both are driven by the worker that has the socket; nothing here waits.

use std::{
    io::{self, ErrorKind, Read, Write},
    mem,
};

use rustls::{IoState, ServerConnection};
use turnd_net::TcpStream;

use super::Staging;

/// Plaintext that is encrypted ahead of what the socket takes: one TLS record.
const AHEAD: usize = 16 * 1024;

/// Plain TCP or TLS.
pub enum Layer {
    /// Bytes are messages.
    Plain,
    /// Bytes are TLS records.
    Tls(Box<Tls>),
}

/// A TLS connection.
pub struct Tls {
    connection: ServerConnection,
    /// Records that were read but not decrypted yet, because there was no room for what is in them.
    pending: Vec<u8>,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// So many bytes of messages.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing any more: the other end has finished.
    End,
}

impl Layer {
    /// A connection whose handshake has begun.
    #[must_use]
    pub fn tls(connection: ServerConnection) -> Self {
        Self::Tls(Box::new(Tls {
            connection,
            pending: Vec::new(),
        }))
    }

    /// Reads message bytes into `room`, from at most one read of the socket. `cipher` is memory for
    /// what arrives encrypted.
    ///
    /// # Errors
    /// Those of the socket, and `InvalidData` for what is no TLS.
    pub fn read(
        &mut self,
        socket: &TcpStream,
        room: &mut [u8],
        cipher: &mut [u8],
    ) -> io::Result<Input> {
        match self {
            Self::Plain => read_socket(socket, room),
            Self::Tls(tls) => tls.read(socket, room, cipher),
        }
    }

    /// Whether a read would bring something without the socket: decrypted bytes, or the end.
    #[must_use]
    pub fn has_input(&mut self) -> bool {
        match self {
            Self::Plain => false,
            Self::Tls(tls) => {
                let state = tls.connection.process_new_packets();
                !tls.pending.is_empty()
                    || state.is_ok_and(|state| {
                        state.plaintext_bytes_to_read() > 0 || state.peer_has_closed()
                    })
            }
        }
    }

    /// Whether TLS is still being agreed on.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Tls(tls) => tls.connection.is_handshaking(),
        }
    }

    /// Writes as much of `bytes` as can be; returns how much that is. What TLS has encrypted counts as
    /// written and leaves with [`Self::flush`].
    ///
    /// # Errors
    /// Those of the socket: the stream is broken.
    pub fn write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain => write_socket(socket, bytes),
            Self::Tls(tls) => tls.write(socket, bytes),
        }
    }

    /// Writes messages as [`Self::write`] does. Under TLS each is a record of its own, because there are
    /// clients that look for one message in a record and no more.
    ///
    /// # Errors
    /// Those of the socket: the stream is broken.
    pub fn write_messages(&mut self, socket: &TcpStream, messages: &Staging) -> io::Result<usize> {
        match self {
            Self::Plain => write_socket(socket, messages.bytes()),
            Self::Tls(tls) => tls.write_messages(socket, messages),
        }
    }

    /// Whether this is TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Sends what is encrypted; returns whether all of it has left.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn flush(&mut self, socket: &TcpStream) -> io::Result<bool> {
        match self {
            Self::Plain => Ok(true),
            Self::Tls(tls) => tls.flush(socket),
        }
    }

    /// Whether encrypted bytes wait for the socket.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Tls(tls) => tls.connection.wants_write(),
        }
    }

    /// Says that nothing more will be written; returns whether that could be said. If not, the closing
    /// alert of TLS waits as [`Self::wants_write`] tells, and this is to be called again when it has left.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn finish(&mut self, socket: &TcpStream) -> io::Result<bool> {
        if let Self::Tls(tls) = self {
            tls.connection.send_close_notify();
            if !tls.flush(socket)? {
                return Ok(false);
            }
        }
        socket.finish()?;
        Ok(true)
    }
}

/// Feeds bytes that were read before TLS was known to be meant; they are records of a handshake.
///
/// # Errors
/// `InvalidData` for what is no TLS.
pub fn feed(tls: &mut ServerConnection, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        tls.read_tls(&mut bytes)?;
        process(tls)?;
    }
    Ok(())
}

fn process(tls: &mut ServerConnection) -> io::Result<IoState> {
    tls.process_new_packets()
        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

impl Tls {
    fn read(
        &mut self,
        socket: &TcpStream,
        room: &mut [u8],
        cipher: &mut [u8],
    ) -> io::Result<Input> {
        match read_plaintext(&mut self.connection, room)? {
            Input::Nothing => {}
            found => return Ok(found),
        }
        let pending = mem::take(&mut self.pending);
        let mut rest = &pending[..];
        if rest.is_empty() {
            rest = match read_socket(socket, cipher)? {
                Input::Bytes(count) => &cipher[..count],
                other => return Ok(other),
            };
        }
        let mut filled = 0;
        while !rest.is_empty() && filled < room.len() {
            self.connection.read_tls(&mut rest)?;
            let is_over = process(&mut self.connection)?.peer_has_closed();
            if let Input::Bytes(count) = read_plaintext(&mut self.connection, &mut room[filled..])?
            {
                filled += count;
            }
            if is_over {
                // What follows a closing alert is not to be looked at (RFC 8446 section 6.1).
                rest = &[];
            }
        }
        self.pending = rest.to_vec();
        match filled {
            0 if process(&mut self.connection)?.peer_has_closed() => Ok(Input::End),
            0 => Ok(Input::Nothing),
            filled => Ok(Input::Bytes(filled)),
        }
    }

    fn write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush(socket)? {
            return Ok(0);
        }
        let mut written = 0;
        while written < bytes.len() {
            let end = bytes.len().min(written + AHEAD);
            self.connection.writer().write_all(&bytes[written..end])?;
            written = end;
            if !self.flush(socket)? {
                break;
            }
        }
        Ok(written)
    }

    fn write_messages(&mut self, socket: &TcpStream, messages: &Staging) -> io::Result<usize> {
        if !self.flush(socket)? {
            return Ok(0);
        }
        let (mut written, mut ahead) = (0, 0);
        for message in messages.messages() {
            self.connection.writer().write_all(message)?;
            written += message.len();
            ahead += message.len();
            if ahead >= AHEAD {
                ahead = 0;
                if !self.flush(socket)? {
                    return Ok(written);
                }
            }
        }
        self.flush(socket)?;
        Ok(written)
    }

    fn flush(&mut self, socket: &TcpStream) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut &*socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn read_socket(mut socket: &TcpStream, room: &mut [u8]) -> io::Result<Input> {
    loop {
        match socket.read(room) {
            Ok(0) => return Ok(Input::End),
            Ok(count) => return Ok(Input::Bytes(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Input::Nothing),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn write_socket(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// Fetches what is decrypted, as much as there is room for.
fn read_plaintext(tls: &mut ServerConnection, room: &mut [u8]) -> io::Result<Input> {
    let mut filled = 0;
    while filled < room.len() {
        match tls.reader().read(&mut room[filled..]) {
            Ok(0) if filled == 0 => return Ok(Input::End),
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(match filled {
        0 => Input::Nothing,
        filled => Input::Bytes(filled),
    })
}

#[cfg(test)]
mod tests {
    use std::{net, sync::Arc, thread};

    use rustls::{ServerConfig, crypto::aws_lc_rs, server::ResolvesServerCertUsingSni};
    use turnd_net::{TcpListener, TcpOptions};

    use super::*;

    /// A closing alert in the clear (RFC 5246 section 7.2), as before a handshake.
    const CLOSE_NOTIFY: [u8; 7] = [21, 3, 3, 0, 2, 1, 0];

    fn before_its_handshake() -> Layer {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        Layer::tls(ServerConnection::new(Arc::new(config)).unwrap())
    }

    fn pair() -> (TcpStream, net::TcpStream) {
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = TcpListener::bind(any, &TcpOptions::default()).unwrap();
        let client = net::TcpStream::connect(listener.local_addr()).unwrap();
        loop {
            if let Some(socket) = listener.accept().unwrap() {
                return (socket, client);
            }
        }
    }

    #[test]
    fn a_closing_alert_that_finds_no_room_leaves_before_the_end() {
        let (socket, mut client) = pair();
        let mut layer = before_its_handshake();
        let (mut filled, mut full) = (0, 0);
        // The kernel may move what it has until the other end's buffer is full too.
        while full < 1000 {
            let written = write_socket(&socket, &[0; 65_536]).unwrap();
            filled += written;
            full = if written == 0 { full + 1 } else { 0 };
            thread::yield_now();
        }
        assert!(!layer.finish(&socket).unwrap());
        assert!(layer.wants_write());

        client.read_exact(&mut vec![0; filled]).unwrap();
        while !layer.finish(&socket).unwrap() {
            thread::yield_now();
        }
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, CLOSE_NOTIFY);
    }
}
