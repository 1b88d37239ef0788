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

/// Reads an address.
fn at(text: &str) -> std::net::SocketAddr {
    text.parse().expect("an address")
}
