//! `turnd healthcheck`: whether the server of a configuration answers, for a container's HEALTHCHECK and the like.

use std::{
    ffi::{OsStr, OsString},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use turnd_wire::Method;

use super::{refuse, split};
use crate::{
    addresses::Addresses,
    config::{self, Outcome, Settings},
    listeners::{Bound, Listeners, Protocol},
    stun_client::Question,
};

pub(super) const HELP: &str = "\
Asks the server of a configuration whether it answers, by one STUN request.

Usage: turnd healthcheck [--to udp://IP:PORT|tcp://IP:PORT] [--timeout SECONDS] [OPTION]...

Takes the options that the server was started with, and reads its file, to learn where it listens:
the first plain UDP listener is asked, or else the first plain TCP listener. A server that drains
answers, too; for that ask /readyz of its metrics.

      --to=URL            ask there, without reading a configuration
      --timeout=SECONDS   wait so long for an answer, 1 to 60 (default 2)
  -h, --help              print this text

Exit codes:
    0  it answers
    1  it does not
  255  there is nothing to ask: a wrong command line or configuration, or no plain listener
";

/// The way out when the server does not answer.
const UNHEALTHY: u8 = 1;

struct Asked {
    to: Option<(Protocol, SocketAddr)>,
    timeout: Duration,
    /// What the server was started with.
    others: Vec<OsString>,
}

pub(super) fn run(program: &OsStr, args: &[&OsStr]) -> ExitCode {
    let question = asked(program, args).and_then(|asked| {
        let (protocol, server, method) = match asked.to {
            Some((protocol, server)) => (protocol, server, Method::BINDING),
            None => of_configuration(asked.others)?,
        };
        Ok(Question {
            protocol,
            server,
            from: None,
            method,
            patience: asked.timeout,
        })
    });
    let question = match question {
        Ok(question) => question,
        Err(why) => return refuse(&format!("healthcheck: {why}")),
    };
    let name = format!("{} {}", question.protocol.names().0, question.server);
    match question.ask() {
        Ok(_) => {
            println!("turnd answers on {name}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("turnd: healthcheck: no answer on {name}: {error}");
            ExitCode::from(UNHEALTHY)
        }
    }
}

fn asked(program: &OsStr, args: &[&OsStr]) -> Result<Asked, String> {
    let (own, others) = split(program, args, &["--to", "--timeout"]);
    let mut asked = Asked {
        to: None,
        timeout: Duration::from_secs(2),
        others,
    };
    for (name, value) in own {
        if name == "--to" {
            asked.to = Some(url(&value).ok_or(format!(
                "--to: {value:?} is no server; expected udp://IP:PORT or tcp://IP:PORT"
            ))?);
        } else {
            let seconds = value.parse().ok();
            let seconds = seconds.filter(|seconds| (1..=60).contains(seconds));
            asked.timeout = Duration::from_secs(
                seconds.ok_or(format!("--timeout: {value:?} is not from 1 to 60 seconds"))?,
            );
        }
    }
    Ok(asked)
}

fn url(text: &str) -> Option<(Protocol, SocketAddr)> {
    let (scheme, address) = text.split_once("://")?;
    let protocol = match scheme {
        "udp" => Protocol::Udp,
        "tcp" => Protocol::Tcp,
        _ => return None,
    };
    Some((protocol, address.parse().ok()?))
}

/// Where the server of this command line listens, and what it answers.
fn of_configuration(args: Vec<OsString>) -> Result<(Protocol, SocketAddr, Method), String> {
    let settings = match config::load(args) {
        Outcome::Run(loaded) => loaded.settings,
        Outcome::Print(_) => return Err("this is no command line of a server".to_owned()),
        Outcome::Invalid(errors, _) => {
            let first = errors.first().map(ToString::to_string);
            return Err(first.unwrap_or_default());
        }
    };
    let addresses = Addresses::find(&settings)
        .map_err(|error| format!("cannot read this machine's addresses: {error}"))?;
    let bound = plain_listener(&settings, &addresses)
        .ok_or("no plain UDP or TCP listener to ask; expected --to, or ask the metrics /healthz")?;
    let address = bound.address;
    if address.port() == 0 {
        return Err(format!(
            "the system chose the port of {address}; expected --to with that port"
        ));
    }
    let method = if settings.no_stun {
        Method::ALLOCATE
    } else {
        Method::BINDING
    };
    Ok((bound.protocol, reachable(address), method))
}

fn plain_listener(settings: &Settings, addresses: &Addresses) -> Option<Bound> {
    let planned = Listeners::planned(settings, addresses);
    let bound = planned.into_iter().map(|(bound, ..)| bound);
    let plain = bound.filter(|bound| bound.takes.plain && !bound.is_behind_proxy);
    plain.min_by_key(|bound| bound.protocol != Protocol::Udp)
}

/// Whoever listens on every address is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
