//! What the benchmarks of turnd are made of: a load generator for TURN servers, the servers beside us, tables and plots.
