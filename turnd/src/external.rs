//! Public addresses that the configuration has a name for: looked up in the DNS, or asked of a STUN server.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use turnd_wire::Family;

use crate::config::{External, ExternalName, Settings};

mod finding;

use finding::{Found, Why};

/// Why a name of `external-ip` gives no address.
#[derive(Debug)]
pub struct ExternalError {
    /// As it is written.
    name: String,
    why: Why,
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

/// What names were found to be.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// With all that is known.
    pub(crate) external: External,
    /// Of whom nobody has said anything in time, or, while running, anything good; or not for both families. They have
    /// the address that was told before, if there was one.
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
    let patience = occasion.patience();
    let deadline = Instant::now() + patience;
    for (nth, name) in external.named.iter_mut().enumerate() {
        let known = known.and_then(|it| it.named.iter().find(|it| it.is_same(name)));
        // One that has not answered yet, or not for both families, is asked again.
        if let Some(known) = known.filter(|it| !it.found.is_empty() && it.missing.is_none()) {
            name.found.clone_from(&known.found);
            continue;
        }
        asked.push(nth);
        let (name, settings, sender) = (name.clone(), settings.clone(), sender.clone());
        let begun = thread::Builder::new()
            .name("turnd-name".to_owned())
            .spawn(move || {
                let found = finding::find(&name, &settings, deadline);
                // Nobody waits any more once it has taken too long.
                let _ = sender.send((nth, found));
            });
        // Without a thread it is as late as without an answer.
        drop(begun);
    }
    drop(sender);
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
        let written = name.name.to_string();
        let error = |why| ExternalError { name: written, why };
        match answered.remove(&nth).unwrap_or(Err(Why::Late(patience))) {
            Ok(found) => late.extend(take(name, found, before).map(error)),
            Err(why) if occasion == Occasion::Beginning && !why.is_silence() => {
                return Err(error(why));
            }
            Err(why) => {
                *name = told_before(before, name);
                late.push(error(why));
            }
        }
    }
    Ok(Resolved { external, late })
}

/// Notes what was found, and returns why that is not all. For what is missing is told what was told before; before
/// anything was, nothing.
fn take(name: &mut ExternalName, found: Found, before: Option<&External>) -> Option<Why> {
    let told = told_before(before, name);
    name.found = found.addresses;
    name.missing = None;
    let (family, why) = found.missing?;
    let mut same_family = told.found.iter().filter(|ip| Family::of(**ip) == family);
    if let Some(&ip) = same_family.next() {
        name.found.push(ip);
        name.found.sort_unstable();
    } else if told.found.is_empty() || told.missing == Some(family) {
        name.missing = Some(family);
    }
    Some(why)
}

/// The name with what clients were told of the same relay addresses until now, whoever said so.
fn told_before(before: Option<&External>, name: &ExternalName) -> ExternalName {
    let Some(before) = before else {
        return name.clone();
    };
    let named = before.named.iter().find(|it| it.private == name.private);
    let (mut found, missing) = match (named, name.private) {
        (Some(named), _) => (named.found.clone(), named.missing),
        (None, Some(private)) => {
            let pairs = before.pairs.iter().filter(|it| it.private == private);
            (pairs.map(|it| it.public).collect(), None)
        }
        (None, None) => {
            let v4 = before.plain_v4.map(IpAddr::V4).into_iter();
            (v4.chain(before.plain_v6.map(IpAddr::V6)).collect(), None)
        }
    };
    if named.is_none() && found.is_empty() {
        found = found_elsewhere(before, name);
    }
    ExternalName {
        found,
        missing,
        ..name.clone()
    }
}

/// What the same name was found to be, that was for all relay addresses and is for one now, or the other way round.
fn found_elsewhere(before: &External, name: &ExternalName) -> Vec<IpAddr> {
    let is_it = |it: &&ExternalName| {
        it.name == name.name && (it.private.is_none() || name.private.is_none())
    };
    let found = before.named.iter().filter(is_it).flat_map(|it| &it.found);
    let mut found: Vec<IpAddr> = found.copied().collect();
    found.sort_unstable();
    found.dedup();
    // Of `auto` each relay address may have found its own.
    let is_only = |ip: &IpAddr| {
        found
            .iter()
            .filter(|it| it.is_ipv4() == ip.is_ipv4())
            .count()
            == 1
    };
    let is_of_use = |ip: &IpAddr| name.private.is_none_or(|it| it.is_ipv4() == ip.is_ipv4());
    let useful = found.iter().copied().filter(is_only).filter(is_of_use);
    useful.collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::config::{Machine, Outcome, load_on};

    pub(super) fn settings(lines: &str) -> Settings {
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
            told.found.iter().map(ToString::to_string).collect()
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
    fn a_name_that_becomes_a_pair_or_is_one_no_more_keeps_its_address() {
        let external = |lines: &str| settings(lines).external;
        let (plain, pair) = (
            "external-ip=turn.example.org",
            "external-ip=turn.example.org/192.0.2.10",
        );
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let both = [ip("203.0.113.1"), ip("2001:db8::1")];
        let mut before = external(plain);
        before.named[0].found = both.to_vec();
        let told = |before: &External, lines: &str| {
            let name = external(lines).named.remove(0);
            told_before(Some(before), &name).found
        };
        assert_eq!(told(&before, pair), both[..1]);
        let other = "external-ip=other.example.org/192.0.2.10";
        assert!(told(&before, other).is_empty());
        let mut before = external(pair);
        before.named[0].found = both[..1].to_vec();
        assert_eq!(told(&before, plain), both[..1]);

        let stun = "external-ip-stun-server=stun.example.org\nexternal-ip=auto";
        let pairs = format!("{stun}/192.0.2.10\nexternal-ip=auto/192.0.2.11");
        let mut before = external(&pairs);
        before.named[0].found = both[..1].to_vec();
        assert_eq!(told(&before, stun), both[..1]);
        before.named[1].found = vec![ip("203.0.113.2")];
        assert!(told(&before, stun).is_empty(), "nobody knows which");
    }

    /// Nobody is told the relay's own address in place of one that is still to come.
    #[test]
    fn a_family_that_is_missing_has_the_address_of_before_or_is_awaited() {
        let (v4, v6) = (
            "203.0.113.1".parse().unwrap(),
            "2001:db8::1".parse().unwrap(),
        );
        let auto = "external-ip=auto\nexternal-ip-stun-server=stun.example.org";
        let taken = |before: Option<External>| {
            let mut name = settings(auto).external.named.remove(0);
            let why = Why::NoAnswer(([192, 0, 2, 1], 9).into(), io::ErrorKind::TimedOut.into());
            let found = Found {
                addresses: vec![v6],
                missing: Some((Family::V4, why)),
            };
            assert!(take(&mut name, found, before.as_ref()).is_some());
            (name.found, name.missing)
        };
        assert_eq!(taken(None), (vec![v6], Some(Family::V4)));
        let before = settings("external-ip=203.0.113.1").external;
        assert_eq!(taken(Some(before)), (vec![v4, v6], None));
        // Clients were told the relay's own address, and are.
        let before = settings("external-ip=2001:db8::7").external;
        assert_eq!(taken(Some(before)), (vec![v6], None));
        let mut before = settings(auto).external;
        assert_eq!(taken(Some(before.clone())), (vec![v6], Some(Family::V4)));
        before.named[0].found = vec![v6];
        before.named[0].missing = Some(Family::V4);
        assert_eq!(taken(Some(before)), (vec![v6], Some(Family::V4)));
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
