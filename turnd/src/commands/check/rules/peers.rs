//! Peers: which of them an operator may not have meant to open, and which of those that coturn relays to are refused.

use std::{net::IpAddr, ops::RangeInclusive};

use turnd_proto::{Class, class};

use super::Rules;
use crate::{
    addresses::is_link_local,
    commands::check::report::{Finding, Level, allowed_peers},
};

/// What is private in IPv4: RFC 1918, and RFC 6598 as the last.
const PRIVATE_V4: [(&str, [u8; 4], [u8; 4]); 4] = [
    ("10.0.0.0/8", [10, 0, 0, 0], [10, 255, 255, 255]),
    ("172.16.0.0/12", [172, 16, 0, 0], [172, 31, 255, 255]),
    ("192.168.0.0/16", [192, 168, 0, 0], [192, 168, 255, 255]),
    ("100.64.0.0/10", [100, 64, 0, 0], [100, 127, 255, 255]),
];

/// RFC 4193.
const PRIVATE_V6: (u128, u128) = (0xfc00 << 112, u128::MAX >> 7 | 0xfc00 << 112);

impl Rules<'_> {
    pub(super) fn open_peers(&mut self) {
        let peers = &self.settings.peers;
        let wide: Vec<String> = peers
            .allowed
            .iter()
            .filter(|range| is_wide_and_private(range))
            .map(|range| format!("{}-{}", range.start(), range.end()))
            .collect();
        let (loopback, private) = (peers.allow_loopback, peers.allow_private);
        if loopback {
            self.danger(
                "loopback-peers",
                "allow-loopback-peers",
                "allow-loopback-peers: clients can reach the services of this machine that \
                 listen on 127.0.0.1 and ::1 only",
            );
        }
        if private {
            self.danger(
                "private-peers",
                "allow-private-peers",
                "allow-private-peers: clients can reach every host of the local networks; \
                 allowed-peer-ip opens single ones",
            );
        } else if !wide.is_empty() {
            let text = format!(
                "allowed-peer-ip: clients can reach whole local networks: {}",
                wide.join(", ")
            );
            self.danger("private-peers", "allowed-peer-ip", text);
        }
        self.reserved_peers();
    }

    /// Rules about addresses that nobody should reach by accident, each with its line: one address is opened, and
    /// more than one never are.
    fn reserved_peers(&mut self) {
        for (range, origin) in allowed_peers(self.settings, self.written) {
            let (first, last) = (*range.start(), *range.end());
            let (level, code, text) = if first != last {
                if !is_of_this_machine_or_link(range) {
                    continue;
                }
                (
                    Level::NoEffect,
                    "peers-not-opened",
                    format!(
                        "allowed-peer-ip: {first}-{last} opens nothing: loopback and link-local addresses are \
                         opened one by one"
                    ),
                )
            } else {
                let Some((code, danger)) = danger(first) else {
                    continue;
                };
                let text = format!("allowed-peer-ip: clients can reach {danger}");
                (Level::Unsafe, code, text)
            };
            let finding = Finding::new(level, code, origin, text);
            self.report.findings.push(finding);
        }
    }

    /// But for those that the file opens, and for those that it denies itself.
    pub(super) fn private_peers(&mut self) {
        let peers = &self.settings.peers;
        let is_covered = |rules: &[RangeInclusive<IpAddr>], (_, first, last): &(_, _, _)| {
            covers(rules, *first, *last)
        };
        // Whoever denies those of RFC 1918 knows what is refused.
        let denies_all = PRIVATE_V4[..3]
            .iter()
            .all(|block| is_covered(&peers.denied, block));
        if peers.allow_private || denies_all || self.settings.stun_only {
            return;
        }
        let refused: Vec<&str> = PRIVATE_V4
            .iter()
            .filter(|block| !is_covered(&peers.allowed, block) && !is_covered(&peers.denied, block))
            .map(|&(name, ..)| name)
            .collect();
        let blocks = match refused.as_slice() {
            [] => return,
            [one] => (*one).to_owned(),
            [more @ .., last] => format!("{} and {last}", more.join(", ")),
        };
        let text = format!(
            "peers in {blocks} are refused, to which coturn relays; allowed-peer-ip and \
             allow-private-peers open them"
        );
        self.differs("private-peers-refused", "", text);
    }
}

/// What is to be feared of a single address that is opened, and the code for that.
fn danger(ip: IpAddr) -> Option<(&'static str, String)> {
    // Private ones are opened by a rule as they are meant to be, and what is never a peer is not opened.
    if class(ip) != Some(Class::Reserved) {
        return None;
    }
    let is_metadata = || METADATA.iter().any(|known| known.parse() == Ok(ip));
    if ip.is_loopback() {
        let what = format!("the services of this machine that listen on {ip}");
        Some(("loopback-peers", what))
    } else if is_metadata() {
        let what = format!("{ip}, where clouds tell this machine its credentials");
        Some(("metadata-peers", what))
    } else if is_link_local(ip) {
        let what = format!("{ip}, which is of this link alone");
        Some(("link-local-peers", what))
    } else {
        None
    }
}

/// Where clouds have their metadata services, and credentials for what runs there.
const METADATA: [&str; 7] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "168.63.129.16",
    "100.100.100.200",
    "fd00:ec2::254",
    "fd20:ce::254",
];

/// Whether there is no other address in the range.
fn is_of_this_machine_or_link(range: &RangeInclusive<IpAddr>) -> bool {
    let (first, last) = (*range.start(), *range.end());
    // Each of them is one block.
    (first.is_loopback() && last.is_loopback()) || (is_link_local(first) && is_link_local(last))
}

/// Whether every address from `first` to `last` is in one of the ranges.
fn covers(ranges: &[RangeInclusive<IpAddr>], first: [u8; 4], last: [u8; 4]) -> bool {
    let (mut next, last) = (u32::from_be_bytes(first), u32::from_be_bytes(last));
    loop {
        let here = IpAddr::V4(next.into());
        let ends = ranges.iter().filter(|range| range.contains(&here));
        let ends = ends.filter_map(|range| match range.end() {
            IpAddr::V4(end) => Some(end.to_bits()),
            IpAddr::V6(_) => None,
        });
        match ends.max() {
            None => return false,
            Some(end) if end >= last => return true,
            Some(end) => next = end + 1,
        }
    }
}

/// Whether more than 256 addresses of local networks are in the range.
fn is_wide_and_private(range: &RangeInclusive<IpAddr>) -> bool {
    match (range.start(), range.end()) {
        (IpAddr::V4(start), IpAddr::V4(end)) => {
            let common = PRIVATE_V4.iter().map(|&(_, first, last)| {
                let first = u32::from_be_bytes(first).max(start.to_bits());
                let last = u32::from_be_bytes(last).min(end.to_bits());
                u64::from(last).saturating_sub(u64::from(first))
            });
            common.sum::<u64>() > 255
        }
        (IpAddr::V6(start), IpAddr::V6(end)) => {
            let (first, last) = PRIVATE_V6;
            let (first, last) = (first.max(start.to_bits()), last.min(end.to_bits()));
            last.saturating_sub(first) > 255
        }
        _ => false,
    }
}
