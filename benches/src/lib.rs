//! What the benchmarks of turnd are made of: a load generator for TURN servers, the servers beside us, tables and plots.
//!
//! [`load::run`] is the generator: clients, peers and meter in one thread, so that what it measures is the server.
//! `examples/relayload.rs` is its command line. `benches/relay.rs` runs several servers side by side with it.

pub mod load;
pub mod process;
