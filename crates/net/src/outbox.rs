//! What waits to be sent, gathered from where it lies.
//!
//! Datagrams of one length to one destination that follow each other leave as one run, which the
//! kernel cuts up (UDP_SEGMENT); what goes out through one socket enters the kernel together. Order
//! is kept within a socket. Nothing here waits or spins: what cannot be sent now is dropped.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd},
};

use crate::{
    cmsg::{self, Control},
    run_limits::RunLimits,
    slots::{Piece, Place, Slots},
    sys::{self, RawAddress},
    udp::UdpSocket,
};

/// The kernel cuts a run into no more pieces than this.
const MAX_SEGMENTS: usize = 64;
/// Longest run in bytes: below what fits one IP packet with any headers.
const MAX_RUN: usize = 65_000;

/// One datagram that waits.
#[derive(Clone, Copy)]
struct Datagram {
    socket: u64,
    to: SocketAddr,
    from: Option<IpAddr>,
    first_piece: u32,
    pieces: u32,
    length: u32,
}

/// One system call's worth: a datagram, or a run of them.
#[derive(Clone, Copy)]
struct Message {
    /// Where in the sorted order its datagrams stand.
    first: usize,
    datagrams: usize,
    bytes: usize,
    first_vector: usize,
    vectors: usize,
    segment: Option<u16>,
}

/// Datagrams that wait to be sent, and memory for the small parts of them.
#[derive(Default)]
pub struct Outbox {
    datagrams: Vec<Datagram>,
    pieces: Vec<Piece>,
    scratch: Vec<u8>,
    limits: RunLimits,
    // Kept between flushes, so that sending allocates nothing once they have grown.
    order: Vec<u32>,
    messages: Vec<Message>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    addresses: Vec<RawAddress>,
    controls: Vec<Control>,
}

// SAFETY: the raw pointers in `vectors` and `headers` are written and used within one `flush` and mean
// nothing before or after it.
unsafe impl Send for Outbox {}

/// What came of a flush.
#[derive(Debug, Default)]
pub struct Flushed {
    /// Datagrams handed to the kernel.
    pub datagrams: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// System calls made.
    pub calls: u64,
    /// Datagrams of `datagrams` that left in runs.
    pub gso_datagrams: u64,
    /// Datagrams that could not be sent.
    pub dropped: u64,
    /// Of those, because the socket's buffer was full.
    pub blocked: u64,
    /// Of those, because there is no such socket any more.
    pub closed: u64,
    /// Why, for the last of them.
    pub last_error: Option<io::Error>,
}

impl Outbox {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies a few bytes that lie nowhere else, such as a header.
    ///
    /// # Panics
    /// If 4 GiB wait already.
    pub fn scratch(&mut self, bytes: &[u8]) -> Piece {
        let start = u32::try_from(self.scratch.len()).expect("less than 4 GiB waits");
        self.scratch.extend_from_slice(bytes);
        Piece {
            place: Place::Scratch,
            start,
            length: u32::try_from(bytes.len()).expect("less than 4 GiB"),
        }
    }

    /// Adds a datagram made of `pieces`, one after the other, for the socket with this number. `from`
    /// names the address it leaves from, where the socket is bound to none.
    pub fn push(&mut self, socket: u64, to: SocketAddr, from: Option<IpAddr>, pieces: &[Piece]) {
        self.datagrams.push(Datagram {
            socket,
            to,
            from,
            first_piece: self.pieces.len() as u32,
            pieces: pieces.len() as u32,
            length: pieces.iter().map(|piece| piece.length).sum(),
        });
        self.pieces.extend_from_slice(pieces);
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// How many datagrams wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Sends everything. `slots` is the memory that the pieces lie in; `socket` finds a socket by its
    /// number, and what is for one that is gone is dropped.
    pub fn flush<'s>(
        &mut self,
        slots: &Slots,
        socket: impl Fn(u64) -> Option<&'s UdpSocket>,
    ) -> Flushed {
        let mut flushed = Flushed::default();
        self.sort();
        let mut next = 0;
        while let Some(&at) = self.order.get(next) {
            let number = self.datagrams[at as usize].socket;
            let group = self.order[next..]
                .iter()
                .take_while(|&&at| self.datagrams[at as usize].socket == number)
                .count();
            match socket(number) {
                Some(socket) => self.send_group(slots, socket, next, group, &mut flushed),
                None => {
                    flushed.dropped += group as u64;
                    flushed.closed += group as u64;
                }
            }
            next += group;
        }
        self.datagrams.clear();
        self.pieces.clear();
        self.scratch.clear();
        flushed
    }

    /// Brings what goes through one socket together, in the order it was pushed.
    fn sort(&mut self) {
        self.order.clear();
        self.order.extend(0..self.datagrams.len() as u32);
        let datagrams = &self.datagrams;
        if datagrams
            .windows(2)
            .any(|pair| pair[0].socket > pair[1].socket)
        {
            self.order
                .sort_unstable_by_key(|&at| (datagrams[at as usize].socket, at));
        }
    }

    /// Sends `count` datagrams of the order, all for one socket.
    fn send_group(
        &mut self,
        slots: &Slots,
        socket: &UdpSocket,
        first: usize,
        count: usize,
        flushed: &mut Flushed,
    ) {
        let end = first + count;
        let mut rest = Some(first);
        while let Some(from) = rest {
            self.build(slots, from, end - from, socket.sends_runs());
            rest = self.send_built(socket, flushed);
        }
    }

    /// Sends the messages that were built. Where a run is refused its destination gets a lower limit, and
    /// what follows from there must be built anew: now starting with a single datagram, so that ends.
    fn send_built(&mut self, socket: &UdpSocket, flushed: &mut Flushed) -> Option<usize> {
        let mut sent = 0;
        let mut retried = None;
        while sent < self.messages.len() {
            flushed.calls += 1;
            match send(socket, &mut self.headers[sent..]) {
                Ok(accepted) => {
                    for message in &self.messages[sent..sent + accepted] {
                        count_sent(flushed, message);
                    }
                    sent += accepted;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if sys::is_about_an_earlier_datagram(&error) && retried != Some(sent) =>
                {
                    retried = Some(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // The socket's buffer is full; so it is for the rest.
                    let rest = self.messages[sent..]
                        .iter()
                        .map(|message| message.datagrams as u64)
                        .sum::<u64>();
                    flushed.dropped += rest;
                    flushed.blocked += rest;
                    flushed.last_error = Some(error);
                    return None;
                }
                Err(error) => {
                    let message = self.messages[sent];
                    match message.segment {
                        Some(segment) if refuses_runs(&error) => {
                            let to = self.datagrams[self.order[message.first] as usize].to;
                            let is_about_size =
                                matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EMSGSIZE));
                            let size = is_about_size.then_some(usize::from(segment));
                            self.limits.refused(to.ip(), size);
                            return Some(message.first);
                        }
                        _ => {
                            flushed.dropped += message.datagrams as u64;
                            flushed.last_error = Some(error);
                            sent += 1;
                        }
                    }
                }
            }
        }
        None
    }

    /// Makes messages of the datagrams `first..first + count` of the order.
    fn build(&mut self, slots: &Slots, first: usize, count: usize, sends_runs: bool) {
        self.messages.clear();
        self.vectors.clear();
        let mut at = first;
        while at < first + count {
            let message = self.gather(slots, at, first + count, sends_runs);
            at += message.datagrams;
            self.messages.push(message);
        }
        self.headers.clear();
        self.addresses.clear();
        self.controls.clear();
        self.addresses
            .resize(self.messages.len(), sys::no_address());
        self.controls.resize(self.messages.len(), Control::EMPTY);
        for (index, message) in self.messages.iter().enumerate() {
            let datagram = &self.datagrams[self.order[message.first] as usize];
            let name_length = sys::write_address(datagram.to, &mut self.addresses[index]);
            let control_length =
                cmsg::write(&mut self.controls[index], datagram.from, message.segment);
            // SAFETY: all bytes zero is a valid mmsghdr.
            let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_name = (&raw mut self.addresses[index]).cast();
            header.msg_hdr.msg_namelen = name_length;
            header.msg_hdr.msg_iov = self.vectors[message.first_vector..].as_mut_ptr();
            header.msg_hdr.msg_iovlen = message.vectors;
            if control_length > 0 {
                header.msg_hdr.msg_control = self.controls[index].0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = control_length;
            }
            self.headers.push(header);
        }
    }

    /// The message that starts with the datagram at `first`: it and those that can go with it.
    fn gather(&mut self, slots: &Slots, first: usize, end: usize, sends_runs: bool) -> Message {
        let head = self.datagrams[self.order[first] as usize];
        let size = head.length as usize;
        let may_run = sends_runs && self.limits.allow(head.to.ip(), size);
        let mut message = Message {
            first,
            datagrams: 0,
            bytes: 0,
            first_vector: self.vectors.len(),
            vectors: 0,
            segment: None,
        };
        for at in first..end {
            let next = self.datagrams[self.order[at] as usize];
            let length = next.length as usize;
            let fits = message.datagrams == 0
                || (may_run
                    && next.to == head.to
                    && next.from == head.from
                    && (1..=size).contains(&length)
                    && message.datagrams < MAX_SEGMENTS
                    && message.bytes + length <= MAX_RUN);
            if !fits {
                break;
            }
            let pieces = next.first_piece as usize..(next.first_piece + next.pieces) as usize;
            for piece in &self.pieces[pieces] {
                let bytes = match piece.place {
                    Place::Slots => slots.bytes(*piece),
                    Place::Scratch => &self.scratch[piece.range()],
                };
                self.vectors.push(libc::iovec {
                    iov_base: bytes.as_ptr().cast_mut().cast(),
                    iov_len: bytes.len(),
                });
            }
            message.datagrams += 1;
            message.bytes += length;
            // A shorter one can only be the last of a run.
            if length < size {
                break;
            }
        }
        message.vectors = self.vectors.len() - message.first_vector;
        if message.datagrams > 1 {
            message.segment = u16::try_from(size).ok();
        }
        message
    }
}

fn count_sent(flushed: &mut Flushed, message: &Message) {
    flushed.datagrams += message.datagrams as u64;
    flushed.bytes += message.bytes as u64;
    if message.segment.is_some() {
        flushed.gso_datagrams += message.datagrams as u64;
    }
}

/// Whether an error may mean that this run cannot be cut up here: segments longer than the MTU
/// (EINVAL, EMSGSIZE) or a device that cannot do it (EIO, EOPNOTSUPP).
fn refuses_runs(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE | libc::EOPNOTSUPP)
    )
}

/// Hands messages to the kernel; returns how many it took, at least one.
fn send(socket: &UdpSocket, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let fd = socket.as_fd().as_raw_fd();
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    let result = if let [header] = headers {
        // SAFETY: the header points at addresses, vectors and control of the outbox, and those at
        // memory of the outbox and the slots, all borrowed for the call.
        unsafe { libc::sendmsg(fd, &raw const header.msg_hdr, flags) }.min(1)
    } else {
        // SAFETY: as above, for each header.
        let count = unsafe {
            libc::sendmmsg(
                fd,
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                flags,
            )
        };
        count as isize
    };
    match usize::try_from(result) {
        // A single empty datagram is taken too, though no byte of it.
        Ok(count) => Ok(count.max(1)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}
