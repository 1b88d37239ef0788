//! Sockets only: batched UDP with segmentation offload both ways, TCP, a poller, this machine's addresses.
//!
//! What lives here: system calls, and every `unsafe` block of the workspace, each with its reason.
//! What does not: any knowledge of STUN or TURN, threads, logs. Linux only.
//!
//! The way of a datagram: [`UdpSocket::recv`] fills [`Slots`]; whoever decides where it goes names its
//! bytes by [`Piece`]s and pushes them into the [`Outbox`]; [`Outbox::flush`] sends them from where
//! they lie. What comes back of it instead of an answer: [`UdpSocket::recv_undelivered`].

mod cmsg;
mod interfaces;
mod kept_room;
mod log_limit;
mod memory;
mod offload;
mod outbox;
mod poller;
mod run_limits;
mod slots;
mod sys;
mod tcp;
mod udp;
mod undelivered;

pub use interfaces::{local_addresses, own_addresses};
pub use log_limit::LogLimit;
pub use memory::give_back_memory;
pub use offload::Offload;
pub use outbox::{Flushed, Outbox};
pub use poller::{Events, Interest, Poller, Readiness, Token, Waker};
pub use slots::{HEADROOM, Piece, Received, SLOT_CAPACITY, Segments, Slots};
pub use tcp::{TcpListener, TcpOptions, TcpStream};
pub use udp::{UdpOptions, UdpSocket};
pub use undelivered::Undelivered;
