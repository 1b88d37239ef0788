//! The command line.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use ipnet::IpNet;

/// Signalling for WebRTC pages: rooms over socket.io and WebSocket, TURN credentials for turnd, and a page to
/// make a call with.
#[derive(Parser, Clone, Debug)]
#[command(name = "signaling", version)]
pub struct Options {
    /// The configuration of turnd, in coturn's grammar: realm, secret or user, ports and addresses are taken from it
    #[arg(long, value_name = "FILE")]
    pub turn_config: Option<PathBuf>,
    /// The name or address that pages find turnd at, where the configuration does not tell
    #[arg(long, value_name = "HOST")]
    pub turn_host: Option<String>,
    /// Seconds that TURN credentials are good for, 2 to 86400. Running calls outlive them. Without: 3600 where joining takes
    /// a token, and 600 where everybody may join
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(2..=86_400))]
    pub credential_lifetime: Option<u64>,
    /// Requests for TURN credentials over HTTP a minute from one address; 0: no limit
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub max_turn_rate: u32,

    /// Address and port to serve on. Without: port 8443 of every address with TLS, else port 8080 of this machine alone
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The certificate and those above it, PEM. Without: that of --turn-config, if it has one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Make a certificate at start, to try things out: browsers warn of it
    #[arg(long, conflicts_with = "cert")]
    pub self_signed: bool,
    /// Serve plain HTTP, and on other addresses than loopback too: for a proxy in front that does TLS
    #[arg(long, conflicts_with_all = ["cert", "self_signed"])]
    pub plain_http: bool,
    /// Redirect plain HTTP that comes to this address to HTTPS. From port 80 to 443 browsers are told to use nothing else
    /// with this host, on any port (Strict-Transport-Security)
    #[arg(long, value_name = "ADDRESS")]
    pub redirect_from: Option<SocketAddr>,
    /// Where Prometheus finds /metrics, and anybody /healthz
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9642")]
    pub metrics_listen: SocketAddr,
    /// Serve neither /metrics nor /healthz
    #[arg(long)]
    pub no_metrics: bool,

    /// Serve the pages of this directory instead of those in the program
    #[arg(long, value_name = "DIR")]
    pub web_root: Option<PathBuf>,
    /// Show what is in the directories of --web-root that have no index.html
    #[arg(long, requires = "web_root")]
    pub list_directories: bool,

    /// Members of a room. The page in the program is for two; more are for pages and programs of your own
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=8))]
    pub capacity: u8,
    /// Seconds that the place of a lost connection is kept for clients that can come back
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub grace: u64,
    /// How the event is called that tells of a newcomer
    #[arg(long, value_enum, default_value_t = Spelling::Both)]
    pub other_joined: Spelling,
    /// Joining takes a token made with the secret in this file
    #[arg(long, value_name = "FILE")]
    pub room_secret_file: Option<PathBuf>,

    /// Another site whose pages may connect, by scheme, host and port. Repeatable; * is any
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// A proxy, or a network of them, whose X-Forwarded-For is believed. Repeatable
    #[arg(long, value_name = "ADDRESS", value_parser = network)]
    pub trusted_proxy: Vec<IpNet>,
    /// Clients at once. Connections there may be twice as many, and 64 for pages
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = at_least_one)]
    pub max_sockets: usize,
    /// Clients at once from one address, or one /64 of IPv6. Connections there may be twice as many, and 64 for pages; those
    /// of a --trusted-proxy do not count
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub max_sockets_per_address: usize,
    /// Rooms at once
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = at_least_one)]
    pub max_rooms: usize,
    /// Events a second from one connection. At once may come four times as many, up to 800
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_rate: u32,
    /// New connections a second from one address; ten seconds' worth may come at once
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_connect_rate: u32,

    /// Milliseconds for a header; twice as many for a body, and for a client to read some of what it is sent
    #[arg(long, value_name = "MS", default_value_t = 10_000, hide = true)]
    pub patience: u64,
    /// How addresses of clients appear in the log
    #[arg(long, value_enum, default_value_t = LogAddresses::Full)]
    pub log_addresses: LogAddresses,
}

/// How the event is called that tells of a newcomer.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
#[value(rename_all = "snake_case")]
pub enum Spelling {
    /// Both, one after the other.
    Both,
    /// As in newer texts.
    OtherJoined,
    /// As in older code.
    Otherjoin,
}

impl Spelling {
    /// The names, in order.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["other_joined", "otherjoin"],
            Self::OtherJoined => &["other_joined"],
            Self::Otherjoin => &["otherjoin"],
        }
    }
}

/// How addresses of clients appear in the log.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogAddresses {
    /// As they are.
    Full,
    /// Their network: /24 or /48.
    Masked,
    /// Not at all.
    None,
}

impl LogAddresses {
    /// `address` as it may be written.
    #[must_use]
    pub fn show(self, address: IpAddr) -> String {
        match (self, address.to_canonical()) {
            (Self::Full, address) => address.to_string(),
            (Self::Masked, IpAddr::V4(v4)) => {
                Ipv4Addr::from_bits(v4.to_bits() & !0xff).to_string() + "/24"
            }
            (Self::Masked, IpAddr::V6(v6)) => {
                Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX >> 48)).to_string() + "/48"
            }
            (Self::None, _) => "-".to_owned(),
        }
    }
}

impl Options {
    /// How long TURN credentials are good for.
    #[must_use]
    pub fn credential_life(&self) -> Duration {
        let of_guests = 600;
        let default = if self.room_secret_file.is_some() {
            3600
        } else {
            of_guests
        };
        Duration::from_secs(self.credential_lifetime.unwrap_or(default))
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse::<IpNet>())
        .map_err(|_| "expected an address or a network such as 10.0.0.0/8".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a number from 1 up".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn credentials_of_guests_are_short() {
        let life = |arguments: &[&str]| {
            let options = Options::parse_from([&["signaling"], arguments].concat());
            options.credential_life().as_secs()
        };
        assert_eq!(life(&[]), 600);
        assert_eq!(life(&["--room-secret-file", "secret"]), 3600);
        assert_eq!(life(&["--credential-lifetime", "7200"]), 7200);
    }

    #[test]
    fn the_table_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn what_the_document_names_there_is() {
        let text = include_str!("../../docs/SIGNALING.md");
        let words = text.split(|it: char| !(it.is_ascii_lowercase() || it == '-'));
        let named = words.filter_map(|word| word.strip_prefix("--"));
        let named: Vec<_> = named
            .filter(|name| !name.trim_matches('-').is_empty())
            .collect();
        assert!(named.len() > 3, "{named:?}");
        let command = Options::command();
        for name in named {
            let mut options = command.get_arguments();
            assert!(options.any(|it| it.get_long() == Some(name)), "{name}");
        }
    }

    #[test]
    fn addresses_are_masked() {
        let masked = |text: &str| LogAddresses::Masked.show(text.parse().unwrap());
        assert_eq!(masked("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(masked("2001:db8:1:2::3"), "2001:db8:1::/48");
        let v4 = "::ffff:192.0.2.77".parse().unwrap();
        assert_eq!(LogAddresses::Full.show(v4), "192.0.2.77");
        assert_eq!(LogAddresses::None.show(v4), "-");
    }
}
