//! Requests and replies as the stories of `crates/proto` write and read them.

#![allow(
    dead_code,
    unused_imports,
    reason = "the stories use the part that is not used here"
)]

#[path = "../../../crates/proto/tests/stories/support/reply.rs"]
mod reply;
#[path = "../../../crates/proto/tests/stories/support/request.rs"]
mod request;

pub(crate) use reply::{OK, Reply};
pub(crate) use request::Request;
use turnd_wire::attr::{self, AttributeType};

/// An Allocate with this REQUESTED-TRANSPORT.
pub(crate) fn allocate_for(protocol: u8) -> Request {
    Request::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[protocol, 0, 0, 0])
}

/// Comprehension-required and comprehension-optional numbers that no RFC has given a meaning.
pub(crate) const UNKNOWN: AttributeType = AttributeType(0x7ABC);
pub(crate) const OTHER_UNKNOWN: AttributeType = AttributeType(0x7ABD);
pub(crate) const OPTIONAL: AttributeType = AttributeType(0xFABC);

/// Reads an address.
fn at(text: &str) -> std::net::SocketAddr {
    text.parse().expect("an address")
}
