//! Public addresses that the configuration has a name for: looked up in the DNS, or asked of a STUN server.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::Duration,
};

use turnd_wire::{Family, Method};

use crate::{
    addresses::{Addresses, is_link_local},
    config::{External, ExternalName, PublicName, Settings},
    listeners::Protocol,
    stun_client::Question,
};

/// How long a name may take; the system's resolver alone would take half a minute and more.
const LOOKUP: Duration = Duration::from_secs(5);
/// How long the STUN server may take, which is asked three times meanwhile.
const STUN: Duration = Duration::from_secs(3);

/// Why a name of `external-ip` gives no address.
#[derive(Debug)]
pub struct ExternalError {
    /// As it is written.
    name: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Machine(io::Error),
    Lookup(String, io::Error),
    NoAnswer(SocketAddr, io::Error),
    NoAddress(&'static str),
    Useless(IpAddr),
}

impl fmt::Display for ExternalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "external-ip: {}: ", self.name)?;
        match &self.why {
            Why::Machine(error) => write!(f, "cannot read this machine's addresses: {error}"),
            Why::Lookup(host, error) => write!(f, "cannot look up {host}: {error}"),
            Why::NoAnswer(server, error) => {
                write!(f, "no answer from the STUN server {server}: {error}")
            }
            Why::NoAddress(which) => write!(f, "there is no {which} address"),
            Why::Useless(ip) => write!(f, "it is {ip}, which no client can reach"),
        }
    }
}

impl std::error::Error for ExternalError {}

/// Looks up every name again. Takes some seconds at most for each.
///
/// # Errors
/// The first name that gives no address.
pub(crate) fn resolve(settings: &Settings) -> Result<External, ExternalError> {
    resolve_beside(None, settings)
}

/// Looks up the names that `before` does not have; the others keep what they were found to be.
///
/// # Errors
/// As of [`resolve`].
pub(crate) fn resolve_beside(
    before: Option<&External>,
    settings: &Settings,
) -> Result<External, ExternalError> {
    let mut external = settings.external.clone();
    for name in &mut external.named {
        let known = before.filter(|it| it.stun_server == settings.external.stun_server);
        let known = known.and_then(|it| it.named.iter().find(|it| it.is_same(name)));
        let found = match known {
            Some(known) => Ok(known.found.clone()),
            None => find(name, settings, look_up, Question::ask),
        };
        name.found = found.map_err(|why| ExternalError {
            name: name.name.to_string(),
            why,
        })?;
    }
    Ok(external)
}

/// The addresses of one name: at most one a family.
fn find(
    name: &ExternalName,
    settings: &Settings,
    look_up: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>>,
    ask: impl Fn(Question) -> io::Result<crate::stun_client::Answer>,
) -> Result<Vec<IpAddr>, Why> {
    let look_up =
        |host: &str, port| look_up(host, port).map_err(|error| Why::Lookup(host.to_owned(), error));
    let wanted = |family| {
        name.private
            .is_none_or(|private| Family::of(private) == family)
    };
    let families = [Family::V4, Family::V6]
        .into_iter()
        .filter(|it| wanted(*it));
    let mut found = Vec::new();
    match &name.name {
        PublicName::Host(host) => {
            let all = look_up(host, 0)?;
            let first = |family| {
                all.iter()
                    .map(SocketAddr::ip)
                    .find(|ip| Family::of(*ip) == family)
            };
            found.extend(families.filter_map(first));
        }
        PublicName::Auto => {
            let (host, port) = settings
                .external
                .stun_server
                .as_ref()
                .map_or(("", 0), |it| (&it.0, it.1));
            let servers = look_up(host, port)?;
            let relays = Addresses::find(settings).map_err(Why::Machine)?.relay;
            for family in families {
                let relay = relays
                    .iter()
                    .map(|it| it.0)
                    .find(|ip| Family::of(*ip) == family);
                let server = servers.iter().find(|it| Family::of(it.ip()) == family);
                let (Some(from), Some(&server)) = (name.private.or(relay), server) else {
                    continue;
                };
                let answer = ask(Question {
                    protocol: Protocol::Udp,
                    server,
                    from: Some(from),
                    method: Method::BINDING,
                    patience: STUN,
                });
                let answer = answer.map_err(|error| Why::NoAnswer(server, error))?;
                let no_address = io::Error::new(ErrorKind::InvalidData, "it tells no address");
                let mapped = answer.mapped.filter(|it| Family::of(it.ip()) == family);
                found.push(mapped.ok_or(Why::NoAnswer(server, no_address))?.ip());
            }
        }
    }
    if let Some(&useless) = found.iter().find(|ip| !is_of_use(**ip)) {
        return Err(Why::Useless(useless));
    }
    if found.is_empty() {
        return Err(Why::NoAddress(match name.private {
            Some(IpAddr::V4(_)) => "IPv4",
            Some(IpAddr::V6(_)) => "IPv6",
            None => "usable",
        }));
    }
    Ok(found)
}

fn is_of_use(ip: IpAddr) -> bool {
    let is_everybody = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || is_everybody
        || is_link_local(ip))
}

/// The system's resolver, in a thread that is left alone when it takes too long.
fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    thread::Builder::new()
        .name("turnd-lookup".to_owned())
        .spawn(move || {
            let found = (name.as_str(), port)
                .to_socket_addrs()
                .map(Iterator::collect);
            // Nobody waits any more once it has taken too long.
            let _ = sender.send(found);
        })?;
    receiver
        .recv_timeout(LOOKUP)
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Machine, Outcome, load_on},
        stun_client::Answer,
    };

    fn settings(lines: &str) -> Settings {
        let text =
            format!("listening-port=3478\nrelay-ip=192.0.2.10\nuser=a:b\nrealm=r\n{lines}\n");
        let machine = Machine {
            cores: 1,
            host_name: None,
            read: Box::new(move |_| Ok(text.clone().into_bytes())),
            environment: Box::new(|_| None),
        };
        let args = ["turnd", "-c", "turnserver.conf"].map(Into::into);
        match load_on(&machine, args) {
            Outcome::Run(loaded) => loaded.settings,
            other => panic!("{other:?}"),
        }
    }

    fn found(lines: &str, records: &[&str], seen: io::Result<&str>) -> Result<Vec<String>, String> {
        let settings = settings(lines);
        let seen = seen.map(|it| it.parse().unwrap());
        let look_up = |host: &str, port| {
            assert_eq!(host, "turn.example.org");
            let records = records
                .iter()
                .map(|it| SocketAddr::new(it.parse().unwrap(), port));
            Ok(records.collect())
        };
        let ask = |question: Question| {
            assert_eq!(question.server.port(), 3478);
            assert_eq!(question.from, Some("192.0.2.10".parse().unwrap()));
            match &seen {
                Ok(mapped) => Ok(Answer {
                    is_error: false,
                    mapped: Some(*mapped),
                }),
                Err(error) => Err(error.kind().into()),
            }
        };
        let name = &settings.external.named[0];
        let found = find(name, &settings, look_up, ask);
        let found = found.map_err(|why| {
            let name = name.name.to_string();
            ExternalError { name, why }.to_string()
        })?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    const NOBODY: io::Result<&str> = Ok("198.51.100.1:1");

    #[test]
    fn a_name_is_one_address_of_each_family() {
        let records = ["203.0.113.1", "203.0.113.2", "2001:db8::1"];
        let plain = "external-ip=turn.example.org";
        assert_eq!(
            found(plain, &records, NOBODY).unwrap(),
            ["203.0.113.1", "2001:db8::1"]
        );
        let of_one = "external-ip=turn.example.org/192.0.2.10";
        assert_eq!(found(of_one, &records, NOBODY).unwrap(), ["203.0.113.1"]);
        assert_eq!(
            found(of_one, &records[2..], NOBODY).unwrap_err(),
            "external-ip: turn.example.org: there is no IPv4 address"
        );
        assert_eq!(
            found(plain, &["127.0.1.1"], NOBODY).unwrap_err(),
            "external-ip: turn.example.org: it is 127.0.1.1, which no client can reach"
        );
    }

    #[test]
    fn auto_is_what_the_stun_server_sees_from_the_relay_address() {
        for auto in ["auto", "auto/192.0.2.10"] {
            let lines = format!("external-ip={auto}\nexternal-ip-stun-server=turn.example.org");
            let records = ["198.51.100.1"];
            let seen = found(&lines, &records, Ok("203.0.113.5:4711"));
            assert_eq!(seen.unwrap(), ["203.0.113.5"]);
            let silent = found(&lines, &records, Err(ErrorKind::TimedOut.into()));
            assert_eq!(
                silent.unwrap_err(),
                "external-ip: auto: no answer from the STUN server 198.51.100.1:3478: timed out"
            );
            let other_family = found(&lines, &["2001:db8::1"], NOBODY).unwrap_err();
            assert!(other_family.ends_with("address"), "{other_family}");
        }
    }

    #[test]
    fn names_that_are_known_are_not_looked_up_before_a_reload_ends() {
        let mut before = settings("external-ip=no-such-name.invalid").external;
        before.named[0].found = vec!["203.0.113.7".parse().unwrap()];
        let again = settings("external-ip=no-such-name.invalid\nuser-quota=3");
        assert_eq!(resolve_beside(Some(&before), &again).unwrap(), before);
        let error = resolve(&again).unwrap_err().to_string();
        assert!(
            error.starts_with("external-ip: no-such-name.invalid: cannot look up "),
            "{error}"
        );
    }
}
