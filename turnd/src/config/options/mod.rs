//! THE TABLE: every option there is, each in one row. A new option is a row here and a field in the
//! settings. The reader of files, the command line, the help and the tests all walk this table.

mod administration;
mod authentication;
#[cfg(test)]
mod changes;
mod connections;
pub(super) mod coturn;
mod databases;
mod limits;
mod listeners;
mod logging;
mod metrics;
mod older_names;
mod peers;
mod process;
mod program;
mod protocol;
mod relay;
mod row;
mod tls;

use super::{
    raw::{Raw, Slot},
    settings::{DefaultFamily, Secret, StaticUser},
    value::{IpRange, Mapping},
    ways_in::ListenUrl,
};
use turnd_proto::Alternate;

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

/// An option.
pub(super) struct Opt {
    /// Its long name, the same in a file and on the command line.
    pub(super) name: &'static str,
    /// Its letter on the command line.
    pub(super) letter: Option<char>,
    /// What its value is, and where it goes.
    pub(super) kind: Kind,
    /// What holds without it, for the help.
    pub(super) default: &'static str,
    /// Each value adds to those before instead of replacing them.
    pub(super) repeatable: bool,
    /// What it is for, in a line.
    pub(super) help: &'static str,
    /// What becomes of it.
    pub(super) status: Status,
    /// coturn switches this flag on even if its value says off.
    pub(super) coturn_ignores_value: bool,
    /// Cannot stand in a file.
    pub(super) command_line_only: bool,
    /// What a change of it needs to take effect.
    pub(super) change: Change,
}

/// What a changed option needs to take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A reload (SIGHUP).
    Reload,
    /// A new start; a reload names it and goes on with the old value.
    Restart,
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It is done.
    Obeyed,
    /// It asks for what is so anyway; the text says what that is.
    Accepted(&'static str),
    /// It has no effect, which the text explains; worth a warning.
    Ignored(&'static str),
    /// It will have an effect one day; the text says what happens until then.
    NotYet(&'static str),
}

/// Where a value goes.
pub(super) type Place<T> = fn(&mut Raw) -> &mut Slot<T>;

/// What a value is, and where it goes; `None` for options that are not obeyed.
pub(super) enum Kind {
    /// On or off; the value may be left out.
    Flag(Option<Place<bool>>),
    /// A UDP or TCP port.
    Port(Option<Place<u16>>),
    /// A whole number in a range.
    Number(RangeInclusive<i64>, Option<Place<i64>>),
    /// An address.
    Address(Option<Place<IpAddr>>),
    /// An address and a port.
    Endpoint(Option<Place<SocketAddr>>),
    /// Another server, maybe with its port and its name.
    Alternate(Option<Place<Alternate>>),
    /// An anycast address and the unicast address of the same machine.
    Anycast(Option<Place<(IpAddr, IpAddr)>>),
    /// A listener, as a URL.
    Listener(Option<Place<ListenUrl>>),
    /// A public address and maybe the private one behind it.
    Mappings(Option<Place<Mapping>>),
    /// A range of addresses.
    Peers(Option<Place<IpRange>>),
    /// A name and password.
    User(Option<Place<StaticUser>>),
    /// A secret, or a text that may have one in it.
    Hidden(Option<Place<Secret>>),
    /// One character.
    Character(Option<Place<char>>),
    /// An address family.
    Family(Option<Place<DefaultFamily>>),
    /// The name of a network interface.
    Device(Option<Place<String>>),
    /// The beginning of a URL.
    Url(Option<Place<String>>),
    /// Any text.
    Text(Option<Place<String>>),
    /// The path of a file.
    File(Option<Place<String>>),
}

/// Options under one heading of the help.
pub(super) struct Topic {
    pub(super) heading: &'static str,
    pub(super) options: &'static [Opt],
}

/// Every option.
pub(super) fn all() -> impl Iterator<Item = &'static Opt> {
    TABLE.iter().flat_map(|topic| topic.options)
}

/// The option of that name.
pub(super) fn find(name: &str) -> Option<&'static Opt> {
    all().find(|option| option.name == name)
}

/// Says where the value of an option goes.
macro_rules! to {
    ($field:ident) => {
        Some(|raw| &mut raw.$field)
    };
}

use to;

const COUNT: RangeInclusive<i64> = 0..=i32::MAX as i64;
const SECONDS: RangeInclusive<i64> = 1..=i32::MAX as i64;
const ANY: RangeInclusive<i64> = i32::MIN as i64..=i32::MAX as i64;
const PAUSE: RangeInclusive<i64> = 0..=1000;
const PER_SECOND: RangeInclusive<i64> = 1..=1_000_000;
const RATE: RangeInclusive<i64> = 0..=i64::MAX;

/// Every option by topic, the topics in the order of the help.
pub(super) static TABLE: &[&Topic] = &[
    &program::TOPIC,
    &listeners::TOPIC,
    &connections::TOPIC,
    &relay::TOPIC,
    &authentication::TOPIC,
    &peers::TOPIC,
    &limits::TOPIC,
    &protocol::TOPIC,
    &logging::TOPIC,
    &tls::TOPIC,
    &databases::TOPIC,
    &metrics::TOPIC,
    &administration::TOPIC,
    &process::TOPIC,
    &older_names::TOPIC,
];

impl Kind {
    /// What stands for the value in the help.
    pub(super) fn placeholder(&self) -> Option<&'static str> {
        Some(match self {
            Self::Flag(_) => return None,
            Self::Port(_) => "PORT",
            Self::Number(..) => "NUMBER",
            Self::Address(_) => "IP",
            Self::Endpoint(_) => "IP:PORT",
            Self::Alternate(_) => "IP[:PORT][/NAME]",
            Self::Anycast(_) => "ANYCAST-IP/IP",
            Self::Listener(_) => "SCHEME://IP:PORT",
            Self::Mappings(_) => "IP[/IP]",
            Self::Peers(_) => "IPS",
            Self::User(_) => "USER",
            Self::Hidden(_) => "SECRET",
            Self::Character(_) => "CHAR",
            Self::Family(_) => "FAMILY",
            Self::Device(_) => "NAME",
            Self::Url(_) => "URL",
            Self::Text(_) => "TEXT",
            Self::File(_) => "FILE",
        })
    }

    /// Whether a message may show the value.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self, Self::User(_) | Self::Hidden(_))
    }

    /// Whether ` # text` behind the value is a comment, which it is where no value has a `#`.
    pub(super) fn takes_comment(&self) -> bool {
        !matches!(
            self,
            Self::User(_) | Self::Hidden(_) | Self::Character(_) | Self::Text(_) | Self::File(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind::*, *};
    use std::collections::HashSet;

    #[test]
    fn what_only_the_command_line_may_say_needs_a_new_start() {
        for option in all().filter(|option| option.command_line_only) {
            assert_eq!(option.change, Change::Restart, "{}", option.name);
        }
    }

    #[test]
    fn names_and_letters_are_unique() {
        let (mut names, mut letters) = (HashSet::new(), HashSet::new());
        for option in all() {
            assert!(names.insert(option.name), "{}", option.name);
            if let Some(letter) = option.letter {
                assert!(letters.insert(letter), "{letter}");
            }
        }
    }

    #[test]
    fn every_row_says_what_it_is_for_and_what_becomes_of_it() {
        for option in all() {
            let note = match option.status {
                Status::Obeyed => "done",
                Status::Accepted(note) | Status::Ignored(note) | Status::NotYet(note) => note,
            };
            for text in [option.help, note] {
                assert!(!text.is_empty() && text.is_ascii(), "{}", option.name);
                assert!(!text.ends_with(['.', ' ']), "{}: {text}", option.name);
            }
        }
    }

    #[test]
    fn a_value_has_a_place_if_and_only_if_the_option_is_obeyed() {
        for option in all() {
            let placed = match &option.kind {
                Flag(place) => place.is_some(),
                Port(place) => place.is_some(),
                Number(_, place) => place.is_some(),
                Address(place) => place.is_some(),
                Endpoint(place) => place.is_some(),
                Alternate(place) => place.is_some(),
                Anycast(place) => place.is_some(),
                Listener(place) => place.is_some(),
                Mappings(place) => place.is_some(),
                Peers(place) => place.is_some(),
                User(place) => place.is_some(),
                Hidden(place) => place.is_some(),
                Character(place) => place.is_some(),
                Family(place) => place.is_some(),
                Device(place) | Url(place) | Text(place) | File(place) => place.is_some(),
            };
            assert_eq!(placed, option.status == Status::Obeyed, "{}", option.name);
        }
    }

    #[test]
    fn what_the_stock_templates_use_is_known() {
        const USED: &str = "listening-port tls-listening-port listening-ip relay-ip external-ip \
            min-port max-port fingerprint lt-cred-mech use-auth-secret static-auth-secret user realm \
            server-name cert pkey cipher-list dh-file no-tlsv1 no-tlsv1_1 no-tcp no-udp no-tls no-dtls \
            no-tcp-relay no-udp-relay no-multicast-peers no-loopback-peers denied-peer-ip \
            allowed-peer-ip keep-address-family user-quota total-quota max-bps bps-capacity \
            stale-nonce no-cli no-rfc5780 no-stun-backward-compatibility \
            response-origin-only-with-rfc5780 no-software-attribute mobility verbose log-file \
            simple-log syslog no-stdout-log new-log-timestamp pidfile proc-user proc-group prometheus \
            userdb";
        for name in USED.split_whitespace() {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
