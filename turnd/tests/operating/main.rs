//! What an operator does with the program: start it, tell it things, look at it. A new test goes into
//! the file that names what it is about.

#[allow(dead_code, reason = "the tests of ways_in use the rest")]
#[path = "../ways_in/client.rs"]
mod client;
#[allow(dead_code, reason = "the tests of ways_in use the rest")]
#[path = "../ways_in/pki.rs"]
mod pki;
#[allow(dead_code, reason = "the tests of serving use the rest")]
#[path = "../serving/session.rs"]
mod session;
#[path = "../support/mod.rs"]
mod support;

mod accounts_of_streams;
mod check;
mod check_network;
mod check_ports;
mod coalescing;
mod container;
mod convert;
mod daemon;
mod drain;
#[cfg(feature = "dtls")]
mod dtls;
mod external;
mod hairpin;
mod healthcheck;
mod logs;
#[cfg(feature = "dtls")]
mod memory;
mod metrics;
mod metrics_access;
mod metrics_documents;
mod metrics_health;
mod mobility;
mod packages;
mod pid_file;
mod privileges;
mod reload;
mod reload_certificates;
#[cfg(feature = "dtls")]
mod reload_dtls;
mod reload_listeners;
mod reload_metrics;
mod reload_rest;
mod reload_under_load;
mod scrape;
mod strangers;
mod systemd;
mod templates;
mod third_party;
mod tls;
mod turnserver;
