//! How much of the addresses of clients and peers a line shows (`log-addresses`).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicU8, Ordering},
};

use crate::config::LogAddresses;

/// The log is one for the whole program, and so is this.
static SHOWN: AtomicU8 = AtomicU8::new(FULL);

const FULL: u8 = 0;
const MASKED: u8 = 1;
const NONE: u8 = 2;

/// From now on lines show this much.
pub(super) fn show(addresses: LogAddresses) {
    let shown = match addresses {
        LogAddresses::Full => FULL,
        LogAddresses::Masked => MASKED,
        LogAddresses::None => NONE,
    };
    SHOWN.store(shown, Ordering::Relaxed);
}

fn shown() -> LogAddresses {
    match SHOWN.load(Ordering::Relaxed) {
        FULL => LogAddresses::Full,
        MASKED => LogAddresses::Masked,
        _ => LogAddresses::None,
    }
}

/// The address of a client or a peer, with its port.
#[derive(Clone, Copy, Debug)]
pub struct Remote(pub SocketAddr);

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match shown() {
            LogAddresses::Full => self.0.fmt(f),
            less => write_less(f, self.0.ip(), less),
        }
    }
}

/// The address of a client or a peer.
#[derive(Clone, Copy, Debug)]
pub struct RemoteIp(pub IpAddr);

impl fmt::Display for RemoteIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match shown() {
            LogAddresses::Full => self.0.fmt(f),
            less => write_less(f, self.0, less),
        }
    }
}

/// What is masked must not look like an address: whoever blocks addresses by the log would block that of
/// someone else. The port tells clients behind one address apart, so it goes too.
fn write_less(f: &mut fmt::Formatter<'_>, ip: IpAddr, shown: LogAddresses) -> fmt::Result {
    match ip {
        _ if shown == LogAddresses::None => f.write_str("-"),
        IpAddr::V4(ip) => write_masked_v4(f, ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => write_masked_v4(f, ip),
            None => write_masked_v6(f, ip),
        },
    }
}

fn write_masked_v4(f: &mut fmt::Formatter<'_>, ip: Ipv4Addr) -> fmt::Result {
    let [a, b, c, _] = ip.octets();
    write!(f, "{a}.{b}.{c}.x")
}

fn write_masked_v6(f: &mut fmt::Formatter<'_>, ip: Ipv6Addr) -> fmt::Result {
    let [a, b, c, ..] = ip.segments();
    write!(f, "{a:x}:{b:x}:{c:x}:x")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Less(IpAddr, LogAddresses);

    impl fmt::Display for Less {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_less(f, self.0, self.1)
        }
    }

    #[test]
    fn what_is_masked_is_the_network_and_no_address() {
        for (address, masked) in [
            ("192.0.2.77", "192.0.2.x"),
            ("::ffff:192.0.2.77", "192.0.2.x"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:x"),
            ("::1", "0:0:0:x"),
        ] {
            let ip = address.parse().unwrap();
            assert_eq!(Less(ip, LogAddresses::Masked).to_string(), masked);
            assert_eq!(masked.parse::<IpAddr>().ok(), None);
            assert_eq!(Less(ip, LogAddresses::None).to_string(), "-");
        }
    }
}
