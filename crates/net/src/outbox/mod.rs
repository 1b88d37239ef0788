//! What waits to be sent, gathered from where it lies.
//!
//! Datagrams of one length to one destination that follow each other there leave as one run, which the
//! kernel cuts up (UDP_SEGMENT); what goes out through one socket enters the kernel together, and so do
//! single messages of many sockets, where the system has an io_uring. Order is kept on the way from a socket to a
//! destination, but for answers, which go before the data of their flush.
//! Nothing here waits or spins: what cannot be sent now is dropped, and data before answers.

mod messages;
mod queue;
mod ring;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ops::Range,
    os::fd::{AsFd, AsRawFd, RawFd},
};

use crate::{
    run_limits::RunLimits,
    slots::{Piece, Slots},
    sys,
    udp::UdpSocket,
};

use messages::{Message, Messages};
use queue::{Kind, Queue};
use ring::{Entry, Outcome, Ring};

/// From so many single messages on, one entry by the ring costs less than one `sendto` each: where entering the kernel
/// is dear from three on, where it is cheap from six.
const WORTH_THE_RING: usize = 4;
/// How often a send is tried again after an error that may be about an earlier datagram: each ICMP message fails
/// one, and where they rain another may come meanwhile.
const RETRIES: usize = 3;
/// How everything is sent. Without MSG_DONTWAIT the ring could put a message aside and read its memory later.
const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// What leaves through one socket.
struct Group {
    socket: u64,
    fd: RawFd,
    /// Its place in the queue's order.
    datagrams: Range<usize>,
    messages: Range<usize>,
}

/// Datagrams that wait to be sent, and memory for the small parts of them.
#[derive(Default)]
pub struct Outbox {
    queue: Queue,
    limits: RunLimits,
    messages: Messages,
    groups: Vec<Group>,
    /// What is left of groups in which a message was refused.
    again: Vec<(u64, Range<usize>)>,
    /// Sockets whose buffers were full.
    full: Vec<u64>,
    ring: Ring,
    entries: Vec<Entry>,
    outcomes: Vec<Outcome>,
}

// SAFETY: the raw pointers in `messages` and `entries` are written and used within one `flush` and mean
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

    /// One that enters the kernel for each socket, as it does where there is no io_uring.
    #[must_use]
    pub fn without_ring() -> Self {
        Self {
            ring: Ring::Refused,
            ..Self::default()
        }
    }

    /// Copies a few bytes that lie nowhere else, such as a header.
    ///
    /// # Panics
    /// If 4 GiB wait already.
    pub fn scratch(&mut self, bytes: &[u8]) -> Piece {
        self.queue.scratch(bytes)
    }

    /// Adds a datagram of data made of `pieces`, one after the other, for the socket with this number. `from`
    /// names the address it leaves from, where the socket is bound to none.
    pub fn push(
        &mut self,
        socket: u64,
        to: SocketAddr,
        from: Option<IpAddr>,
        pieces: impl IntoIterator<Item = Piece>,
    ) {
        self.queue.push(socket, to, from, pieces, Kind::Data);
    }

    /// Adds a copy of data.
    ///
    /// # Panics
    /// If 4 GiB wait already.
    pub fn push_copy(&mut self, socket: u64, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8]) {
        let piece = self.queue.scratch(bytes);
        self.push(socket, to, from, [piece]);
    }

    /// Adds a copy of what is no data of others: for this room is kept in the buffers of sockets that say so
    /// ([`crate::UdpOptions::keeps_room`]).
    ///
    /// # Panics
    /// If 4 GiB wait already.
    pub fn push_answer(&mut self, socket: u64, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8]) {
        let piece = self.queue.scratch(bytes);
        self.queue.push(socket, to, from, [piece], Kind::Answer);
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.len() == 0
    }

    /// Whether a datagram waits for the socket with this number.
    #[must_use]
    pub fn waits_for(&self, socket: u64) -> bool {
        self.queue.has(socket)
    }

    /// How many datagrams wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Sends everything. `slots` is the memory that the pieces lie in; `socket` finds a socket by its
    /// number, and what is for one that is gone is dropped.
    pub fn flush<'s>(
        &mut self,
        slots: &Slots,
        socket: impl Fn(u64) -> Option<&'s UdpSocket>,
    ) -> Flushed {
        let mut flushed = Flushed::default();
        self.queue.sort();
        self.build(slots, &socket, &mut flushed);
        self.send_singles(&mut flushed);
        self.send_groups(&mut flushed);
        while let Some((number, range)) = self.again.pop() {
            if let Some(socket) = socket(number) {
                self.send_again(slots, socket, range, &mut flushed);
            }
        }
        while let Some(number) = self.full.pop() {
            if let Some(socket) = socket(number) {
                socket.kept_room().was_full();
            }
        }
        self.queue.clear();
        flushed
    }

    /// Makes the groups and their messages.
    fn build<'s>(
        &mut self,
        slots: &Slots,
        socket: impl Fn(u64) -> Option<&'s UdpSocket>,
        flushed: &mut Flushed,
    ) {
        self.groups.clear();
        self.messages.clear();
        let mut next = 0;
        while next < self.queue.in_order() {
            let number = self.queue.at(next).socket;
            let mut datagrams = next..next + self.queue.group(next);
            let Some(socket) = socket(number) else {
                next = datagrams.end;
                flushed.dropped += datagrams.len() as u64;
                flushed.closed += datagrams.len() as u64;
                continue;
            };
            if let Some(left) = socket.kept_room().left(socket.as_fd()) {
                let dropped = self.queue.drop_data_beyond(&datagrams, left);
                datagrams.end -= dropped;
                if dropped > 0 {
                    self.full.push(number);
                    blocked(flushed, dropped);
                }
            }
            next = datagrams.end;
            if datagrams.is_empty() {
                continue;
            }
            let messages = self.messages.add(
                &self.queue,
                slots,
                datagrams.clone(),
                socket.sends_runs(),
                &mut self.limits,
            );
            self.groups.push(Group {
                socket: number,
                fd: socket.as_fd().as_raw_fd(),
                datagrams,
                messages,
            });
        }
        self.messages.finish(&self.queue);
    }

    /// Sends groups of one message, if there are enough of them and there is a ring, and takes them out.
    fn send_singles(&mut self, flushed: &mut Flushed) {
        let is_single = |group: &Group| group.messages.len() == 1;
        let singles = self.groups.iter().filter(|group| is_single(group));
        if singles.clone().count() < WORTH_THE_RING || !self.ring.is_usable() {
            return;
        }
        let headers = &self.messages.headers;
        self.entries.clear();
        self.entries.extend(singles.clone().map(|group| Entry {
            fd: group.fd,
            header: &raw const headers[group.messages.start].msg_hdr,
        }));
        // SAFETY: the headers point at addresses, vectors and control of `messages`, and those at memory of
        // the queue and the slots, all of which this and its caller borrow.
        flushed.calls += unsafe { self.ring.send(&self.entries, &mut self.outcomes) };
        for (group, outcome) in singles.zip(&self.outcomes) {
            let message = &self.messages.list[group.messages.start];
            match outcome {
                Outcome::Sent => count_sent(flushed, message),
                Outcome::Blocked => {
                    self.full.push(group.socket);
                    blocked(flushed, message.datagrams);
                }
                Outcome::Refused => self.again.push((group.socket, group.datagrams.clone())),
            }
        }
        self.groups.retain(|group| !is_single(group));
    }

    fn send_groups(&mut self, flushed: &mut Flushed) {
        let groups = std::mem::take(&mut self.groups);
        for group in &groups {
            let was_blocked = flushed.blocked;
            if let Some(first) = self.send_messages(group.fd, group.messages.clone(), flushed) {
                self.again.push((group.socket, first..group.datagrams.end));
            }
            if flushed.blocked > was_blocked {
                self.full.push(group.socket);
            }
        }
        self.groups = groups;
    }

    /// Sends the datagrams of a range of the order, all for one socket, in as many attempts as it takes.
    fn send_again(
        &mut self,
        slots: &Slots,
        socket: &UdpSocket,
        range: Range<usize>,
        flushed: &mut Flushed,
    ) {
        let mut rest = Some(range.start);
        while let Some(first) = rest {
            self.messages.clear();
            let messages = self.messages.add(
                &self.queue,
                slots,
                first..range.end,
                socket.sends_runs(),
                &mut self.limits,
            );
            self.messages.finish(&self.queue);
            rest = self.send_messages(socket.as_fd().as_raw_fd(), messages, flushed);
        }
    }

    /// Sends messages of one socket. Where a run is refused its destination gets a lower limit, and what
    /// follows from there must be built anew: now starting with a single datagram, so that ends.
    fn send_messages(
        &mut self,
        fd: RawFd,
        messages: Range<usize>,
        flushed: &mut Flushed,
    ) -> Option<usize> {
        let mut next = messages.start;
        let mut retries = 0;
        while next < messages.end {
            flushed.calls += 1;
            match send(fd, &mut self.messages.headers[next..messages.end]) {
                Ok(accepted) => {
                    for message in &self.messages.list[next..next + accepted] {
                        count_sent(flushed, message);
                    }
                    next += accepted;
                    retries = 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if sys::is_about_an_earlier_datagram(&error) && retries < RETRIES => {
                    retries += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // The socket's buffer is full; so it is for the rest.
                    for message in &self.messages.list[next..messages.end] {
                        blocked(flushed, message.datagrams);
                    }
                    return None;
                }
                Err(error) => {
                    let message = self.messages.list[next];
                    match message.segment {
                        Some(segment) if refuses_runs(&error) => {
                            let to = self.queue.at(message.first).to;
                            let is_about_size =
                                matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EMSGSIZE));
                            let size = is_about_size.then_some(usize::from(segment));
                            self.limits.refused(to.ip(), size);
                            return Some(message.first);
                        }
                        _ => {
                            flushed.dropped += message.datagrams as u64;
                            flushed.last_error = Some(error);
                            next += 1;
                            retries = 0;
                        }
                    }
                }
            }
        }
        None
    }
}

fn count_sent(flushed: &mut Flushed, message: &Message) {
    flushed.datagrams += message.datagrams as u64;
    flushed.bytes += message.bytes as u64;
    if message.segment.is_some() {
        flushed.gso_datagrams += message.datagrams as u64;
    }
}

fn blocked(flushed: &mut Flushed, datagrams: usize) {
    flushed.dropped += datagrams as u64;
    flushed.blocked += datagrams as u64;
    flushed.last_error = Some(io::ErrorKind::WouldBlock.into());
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
fn send(fd: RawFd, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let result = if let [header] = headers {
        // SAFETY: the header points at addresses, vectors and control of the messages, and those at
        // memory of the queue and the slots, all borrowed for the call.
        unsafe { send_one(fd, &header.msg_hdr) }.min(1)
    } else {
        // SAFETY: as above, for each header.
        let count = unsafe {
            libc::sendmmsg(
                fd,
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                FLAGS,
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

/// # Safety
/// The header, and all that it points at, must be readable.
unsafe fn send_one(fd: RawFd, header: &libc::msghdr) -> isize {
    // SAFETY: the caller's promise.
    match unsafe { messages::only_part(header) } {
        // SAFETY: the caller's promise.
        Some(part) => unsafe {
            libc::sendto(
                fd,
                part.iov_base,
                part.iov_len,
                FLAGS,
                header.msg_name.cast(),
                header.msg_namelen,
            )
        },
        // SAFETY: the caller's promise.
        None => unsafe { libc::sendmsg(fd, header, FLAGS) },
    }
}
