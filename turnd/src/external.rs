//! Public addresses that the configuration has a name for: looked up in the DNS, or asked of a STUN server.

use std::{
    collections::HashMap,
    fmt,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{Family, Method};

use crate::{
    addresses::{Addresses, is_link_local},
    config::{External, ExternalName, PublicName, Settings},
    listeners::Protocol,
    stun_client::Question,
};

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
    Late(Duration),
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
            Why::Late(time) => write!(f, "no answer in {} seconds", time.as_secs()),
            Why::NoAddress(which) => write!(f, "there is no {which} address"),
            Why::Useless(ip) => write!(f, "it is {ip}, which no client can reach"),
        }
    }
}

impl std::error::Error for ExternalError {}

impl Why {
    /// Whether nobody has said anything yet, so that it may be otherwise in a moment. Whatever is said is believed:
    /// that there is no such name, too.
    fn is_silence(&self) -> bool {
        match self {
            Self::Late(_) => true,
            Self::Lookup(_, error) => !says_no(error),
            Self::NoAnswer(_, error) => {
                matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
            }
            Self::Machine(_) | Self::NoAddress(_) | Self::Useless(_) => false,
        }
    }
}

/// Whether the resolver has an answer, which is that there is nothing. The standard library has no number for it; the
/// words are those of glibc and of musl for EAI_NONAME and EAI_NODATA.
fn says_no(error: &io::Error) -> bool {
    let said = error.to_string();
    [
        "Name or service not known",
        "No address associated with",
        "Name does not resolve",
        "Name has no usable address",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// What names were found to be.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// With all that is known.
    pub(crate) external: External,
    /// Of whom nobody has said anything in time, or, while running, anything good. They have the address that was told
    /// before, if there was one.
    pub(crate) late: Vec<ExternalError>,
}

impl Resolved {
    /// What is known, with a line of the log about each name that is late.
    pub(crate) fn warn(self) -> External {
        for error in &self.late {
            tracing::warn!("{error}; it is looked up again and again");
        }
        self.external
    }
}

/// What waits for the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A start or a reload, which wait for no more than a few seconds, and do not begin with a name that is wrong.
    Beginning,
    /// Nobody: the addresses known stay until others are found, name by name.
    Running,
}

impl Occasion {
    /// How long all names together may take, of which none waits for another.
    const fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Self::Beginning => 4,
            // The usual resolver asks one server for five seconds before it asks the next.
            Self::Running => 32,
        })
    }
}

/// Looks up every name, in a few seconds.
///
/// # Errors
/// The first name that gives no address.
pub(crate) fn resolve(settings: &Settings) -> Result<External, ExternalError> {
    let resolved = resolve_beside(Occasion::Beginning, None, settings)?;
    match resolved.late.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(resolved.external),
    }
}

/// Looks up the names that `before` does not have; the others keep what they were found to be.
///
/// # Errors
/// At a beginning, the first name of which it is said that it gives no address.
pub(crate) fn resolve_beside(
    occasion: Occasion,
    before: Option<&External>,
    settings: &Settings,
) -> Result<Resolved, ExternalError> {
    let mut external = settings.external.clone();
    let known = before.filter(|it| it.stun_server == settings.external.stun_server);
    let (sender, answers) = mpsc::channel();
    let mut asked = Vec::new();
    for (nth, name) in external.named.iter_mut().enumerate() {
        let known = known.and_then(|it| it.named.iter().find(|it| it.is_same(name)));
        // One that has not answered yet is asked again.
        if let Some(known) = known.filter(|known| !known.found.is_empty()) {
            name.found.clone_from(&known.found);
            continue;
        }
        asked.push(nth);
        let (name, settings, sender) = (name.clone(), settings.clone(), sender.clone());
        let begun = thread::Builder::new()
            .name("turnd-name".to_owned())
            .spawn(move || {
                let found = find(&name, &settings, look_up, Question::ask);
                // Nobody waits any more once it has taken too long.
                let _ = sender.send((nth, found));
            });
        // Without a thread it is as late as without an answer.
        drop(begun);
    }
    drop(sender);
    let patience = occasion.patience();
    let deadline = Instant::now() + patience;
    let mut answered = HashMap::new();
    while answered.len() < asked.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((nth, found)) = answers.recv_timeout(left) else {
            break;
        };
        answered.insert(nth, found);
    }
    let mut late = Vec::new();
    for nth in asked {
        let name = &mut external.named[nth];
        let why = match answered.remove(&nth).unwrap_or(Err(Why::Late(patience))) {
            Ok(found) => {
                name.found = found;
                continue;
            }
            Err(why) => why,
        };
        let is_fatal = occasion == Occasion::Beginning && !why.is_silence();
        let error = ExternalError {
            name: name.name.to_string(),
            why,
        };
        if is_fatal {
            return Err(error);
        }
        name.found = told_before(before, name);
        late.push(error);
    }
    Ok(Resolved { external, late })
}

/// What clients were told of the same relay addresses until now, whoever said so.
fn told_before(before: Option<&External>, name: &ExternalName) -> Vec<IpAddr> {
    let Some(before) = before else {
        return name.found.clone();
    };
    let named = before.named.iter().find(|it| it.private == name.private);
    if let Some(named) = named {
        return named.found.clone();
    }
    match name.private {
        Some(private) => {
            let pairs = before.pairs.iter().filter(|it| it.private == private);
            pairs.map(|it| it.public).collect()
        }
        None => {
            let v4 = before.plain_v4.map(IpAddr::V4);
            v4.into_iter()
                .chain(before.plain_v6.map(IpAddr::V6))
                .collect()
        }
    }
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
            let addresses = Addresses::find(settings).map_err(Why::Machine)?;
            let relays = addresses.relay.iter().map(|it| it.0);
            let relays: Vec<IpAddr> = relays.chain(addresses.awaited).collect();
            for family in families {
                let relay = relays.iter().copied().find(|ip| Family::of(*ip) == family);
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

/// The system's resolver. It may take longer than anybody waits.
fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
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

    /// What was told of the same relay addresses stays.
    #[test]
    fn a_name_that_is_not_answered_has_the_address_of_before() {
        let named = |lines: &str| settings(lines).external.named.remove(0);
        let of_all = named("external-ip=turn.example.org");
        let of_one = named("external-ip=turn.example.org/192.0.2.10");
        let before = settings(
            "external-ip=203.0.113.1\nexternal-ip=2001:db8::1\nexternal-ip=203.0.113.2/192.0.2.10",
        );
        let told = |name: &ExternalName, before: &External| -> Vec<String> {
            let told = told_before(Some(before), name);
            told.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            told(&of_all, &before.external),
            ["203.0.113.1", "2001:db8::1"]
        );
        assert_eq!(told(&of_one, &before.external), ["203.0.113.2"]);
        let mut other = settings("external-ip=other.example.org").external;
        assert!(told(&of_all, &other).is_empty());
        other.named[0].found = vec!["203.0.113.7".parse().unwrap()];
        assert_eq!(told(&of_all, &other), ["203.0.113.7"]);
        assert!(told(&of_one, &other).is_empty());
    }

    #[test]
    fn silence_is_no_answer_and_everything_else_is() {
        let lookup = |text: &str| Why::Lookup("a".to_owned(), io::Error::other(text));
        let prefix = "failed to lookup address information: ";
        assert!(lookup(&format!("{prefix}Temporary failure in name resolution")).is_silence());
        assert!(lookup(&format!("{prefix}Try again")).is_silence());
        assert!(!lookup(&format!("{prefix}Name or service not known")).is_silence());
        assert!(!lookup(&format!("{prefix}Name does not resolve")).is_silence());
        let answer = |kind: ErrorKind| Why::NoAnswer(([192, 0, 2, 1], 9).into(), kind.into());
        assert!(answer(ErrorKind::TimedOut).is_silence());
        assert!(!answer(ErrorKind::ConnectionRefused).is_silence());
        assert!(!Why::NoAddress("IPv4").is_silence());
    }

    #[test]
    fn names_that_are_known_are_not_looked_up_before_a_reload_ends() {
        let mut before = settings("external-ip=no-such-name.invalid").external;
        before.named[0].found = vec!["203.0.113.7".parse().unwrap()];
        let again = settings("external-ip=no-such-name.invalid\nuser-quota=3");
        let resolved = resolve_beside(Occasion::Beginning, Some(&before), &again).unwrap();
        assert_eq!(resolved.external, before);
        assert!(resolved.late.is_empty());
        let error = resolve(&again).unwrap_err().to_string();
        assert!(
            error.starts_with("external-ip: no-such-name.invalid: cannot look up "),
            "{error}"
        );
    }
}
