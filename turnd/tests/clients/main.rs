//! Clients that we did not write, each driving a turnd of its own on loopback: coturn's `turnutils_uclient`, aioice,
//! the `turn` crate, headless Chromium, OpenSSL's s_client. A client that is not installed is skipped aloud; with CI set that is a failure.

#[path = "../support/mod.rs"]
mod support;

mod aioice;
mod chromium;
mod coturn;
#[cfg(feature = "dtls")]
mod dtls;
mod openssl;
mod turn_crate;
mod uclient;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use support::certificates::{Certificates, KeyKind};
use support::turnd::Turnd;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

const USER: &str = "alice";
const PASSWORD: &str = "correct-horse";
const SECRET: &str = "north";
const REALM: &str = "turnd.test";

/// A server with TLS, and DTLS if this program was built with it.
fn secured(certificates: &Certificates, lines: &str) -> Turnd {
    let dtls = if cfg!(feature = "dtls") { "dtls\n" } else { "" };
    let tls = certificates.options();
    Turnd::start(&(long_term() + &tls + dtls + lines))
}

/// A user of the long-term mechanism, and peers on loopback.
fn long_term() -> String {
    config(&format!(
        "user={USER}:{PASSWORD}\nlt-cred-mech\nallow-loopback-peers\n"
    ))
}

/// What every test needs, and these lines.
fn config(lines: &str) -> String {
    format!(
        "listening-ip=127.0.0.1\n\
         listening-ip=::1\n\
         listening-port=0\n\
         relay-ip=127.0.0.1\n\
         relay-ip=::1\n\
         realm={REALM}\n\
         # uclient draws its channels from the whole range of the older RFC.\n\
         rfc5766-channel-numbers\n\
         {lines}"
    )
}
