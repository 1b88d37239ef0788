//! What one name is: asked of the resolver, or of a STUN server.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    panic::resume_unwind,
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{Family, Method};

use crate::{
    addresses::{Addresses, is_link_local},
    config::{ExternalName, PublicName, Settings},
    listeners::Protocol,
    stun_client::{Answer, Question},
};

/// How long the STUN server may take, which is asked three times meanwhile.
const STUN: Duration = Duration::from_secs(3);
/// What is left then of the time that somebody waits, so that one family's silence does not take the other's answer.
const TELLING: Duration = Duration::from_millis(500);

/// Why there is no address.
#[derive(Debug)]
pub(super) enum Why {
    Machine(io::Error),
    Lookup(String, io::Error),
    NoAnswer(SocketAddr, io::Error),
    Late(Duration),
    NoAddress(&'static str),
    Useless(IpAddr),
}

impl Why {
    /// Whether nobody has said anything yet, so that it may be otherwise in a moment. Whatever is said is believed:
    /// that there is no such name, too.
    pub(super) fn is_silence(&self) -> bool {
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

/// What a name was found to be.
#[derive(Debug)]
pub(super) struct Found {
    /// At least one, and at most one a family.
    pub(super) addresses: Vec<IpAddr>,
    /// The family of which it was asked as well, and why there is none.
    pub(super) missing: Option<(Family, Why)>,
}

/// Asks for one name. Nobody waits any more at `deadline`.
pub(super) fn find(
    name: &ExternalName,
    settings: &Settings,
    deadline: Instant,
) -> Result<Found, Why> {
    let patience = || STUN.min(deadline.saturating_duration_since(Instant::now() + TELLING));
    find_with(name, settings, look_up, |question| {
        let patience = patience();
        Question {
            patience,
            ..question
        }
        .ask()
    })
}

fn find_with(
    name: &ExternalName,
    settings: &Settings,
    look_up: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>>,
    ask: impl Fn(Question) -> io::Result<Answer> + Sync,
) -> Result<Found, Why> {
    let look_up =
        |host: &str, port| look_up(host, port).map_err(|error| Why::Lookup(host.to_owned(), error));
    let wanted = |family: &Family| {
        name.private
            .is_none_or(|private| Family::of(private) == *family)
    };
    let families = [Family::V4, Family::V6].into_iter().filter(wanted);
    let (mut addresses, mut missing) = (Vec::new(), Vec::new());
    match &name.name {
        PublicName::Host(host) => {
            let all = look_up(host, 0)?;
            addresses.extend(
                families
                    .filter_map(|family| first(&all, family))
                    .map(|it| it.ip()),
            );
        }
        PublicName::Auto => {
            let server = settings.external.stun_server.as_ref();
            let (host, port) = server.map_or(("", 0), |it| (&it.0, it.1));
            let servers = look_up(host, port)?;
            let relays = relays(name, settings)?;
            let questions = families.filter_map(|family| {
                let from = relays
                    .iter()
                    .copied()
                    .find(|ip| Family::of(*ip) == family)?;
                let server = first(&servers, family)?;
                Some(question(server, from))
            });
            for (server, mapped) in ask_at_once(&questions.collect::<Vec<_>>(), ask) {
                match mapped {
                    Ok(mapped) => addresses.push(mapped.ip()),
                    Err(error) => {
                        missing.push((Family::of(server.ip()), Why::NoAnswer(server, error)));
                    }
                }
            }
        }
    }
    if let Some(&useless) = addresses.iter().find(|ip| !is_of_use(**ip)) {
        return Err(Why::Useless(useless));
    }
    // Whoever was silent may say something in a moment: that is told first.
    missing.sort_by_key(|(_, why)| !why.is_silence());
    let missing = missing.into_iter().next();
    match (addresses.is_empty(), missing) {
        (false, missing) => Ok(Found { addresses, missing }),
        (true, Some((_, why))) => Err(why),
        (true, None) => Err(Why::NoAddress(match name.private {
            Some(IpAddr::V4(_)) => "IPv4",
            Some(IpAddr::V6(_)) => "IPv6",
            None => "usable",
        })),
    }
}

fn first(all: &[SocketAddr], family: Family) -> Option<SocketAddr> {
    all.iter().copied().find(|it| Family::of(it.ip()) == family)
}

/// From which addresses a STUN server may be asked.
fn relays(name: &ExternalName, settings: &Settings) -> Result<Vec<IpAddr>, Why> {
    if let Some(private) = name.private {
        return Ok(vec![private]);
    }
    let addresses = Addresses::find(settings).map_err(Why::Machine)?;
    let relays = addresses.relay.iter().map(|it| it.0);
    Ok(relays.chain(addresses.awaited).collect())
}

fn question(server: SocketAddr, from: IpAddr) -> Question {
    Question {
        protocol: Protocol::Udp,
        server,
        from: Some(from),
        method: Method::BINDING,
        patience: STUN,
    }
}

/// What each server sees. They are asked at the same time, because one may be silent.
fn ask_at_once(
    questions: &[Question],
    ask: impl Fn(Question) -> io::Result<Answer> + Sync,
) -> Vec<(SocketAddr, io::Result<SocketAddr>)> {
    let mapped = |question: Question| {
        let answer = ask(question)?;
        let mapped = answer
            .mapped
            .filter(|it| it.is_ipv4() == question.server.is_ipv4());
        mapped.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it tells no address"))
    };
    thread::scope(|scope| {
        let begin = |&question| {
            let thread = thread::Builder::new().name("turnd-name".to_owned());
            (
                question,
                thread.spawn_scoped(scope, move || mapped(question)),
            )
        };
        let asked: Vec<_> = questions.iter().map(begin).collect();
        let wait = |(question, thread): (Question, io::Result<thread::ScopedJoinHandle<_>>)| {
            let ended = thread.map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic)));
            (question.server, ended.and_then(|mapped| mapped))
        };
        asked.into_iter().map(wait).collect()
    })
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
    use std::sync::{Mutex, mpsc};

    use super::{super::tests::settings, *};
    use crate::external::ExternalError;

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
        let found = find_with(name, &settings, look_up, ask);
        let found = found.map_err(|why| {
            let name = name.name.to_string();
            ExternalError { name, why }.to_string()
        })?;
        Ok(found.addresses.iter().map(ToString::to_string).collect())
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

    /// Both are asked at once, and one that says nothing takes not the answer of the other.
    #[test]
    fn a_family_that_is_silent_does_not_discard_what_the_other_was_told() {
        let settings = settings(
            "relay-ip=2001:db8::10\nexternal-ip=auto\nexternal-ip-stun-server=turn.example.org",
        );
        let servers = ["198.51.100.1:3478", "[2001:db8::1]:3478"].map(|it| it.parse().unwrap());
        for silent in [Family::V4, Family::V6] {
            let (asked, other) = mpsc::channel();
            let other = Mutex::new(other);
            let ask = |question: Question| {
                let family = Family::of(question.server.ip());
                assert_eq!(question.from.map(Family::of), Some(family));
                if family == silent {
                    asked.send(()).unwrap();
                    return Err(ErrorKind::TimedOut.into());
                }
                let wait = other.lock().unwrap().recv_timeout(Duration::from_secs(20));
                wait.expect("the other family is asked meanwhile");
                let mapped = match family {
                    Family::V4 => "203.0.113.5:1",
                    Family::V6 => "[2001:db8:5::1]:1",
                };
                Ok(Answer {
                    is_error: false,
                    mapped: Some(mapped.parse().unwrap()),
                })
            };
            let name = &settings.external.named[0];
            let found = find_with(name, &settings, |_, _| Ok(servers.to_vec()), ask).unwrap();
            assert_eq!(found.addresses.len(), 1);
            assert_ne!(Family::of(found.addresses[0]), silent);
            let (family, why) = found.missing.unwrap();
            assert_eq!((family, why.is_silence()), (silent, true));
        }
        let neither = |question: Question| match question.server.ip() {
            IpAddr::V4(_) => Err(ErrorKind::ConnectionRefused.into()),
            IpAddr::V6(_) => Err(ErrorKind::TimedOut.into()),
        };
        let name = &settings.external.named[0];
        let found = find_with(name, &settings, |_, _| Ok(servers.to_vec()), neither);
        assert!(found.unwrap_err().is_silence());
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
}
