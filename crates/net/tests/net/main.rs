//! The sockets against the kernel. A new test goes into the file that names what it is about.

mod interfaces;
mod mtu;
mod no_allocation;
mod ring;
mod support;
mod tcp;
mod udp;
mod undelivered;
