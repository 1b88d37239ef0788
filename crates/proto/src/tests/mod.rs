//! Tests that look inside: everything else is in `tests/stories`.

mod connections;
mod model;
mod peer_policy;
