//! What the command line says beyond what every test takes: another server than turnd.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use crate::{client::datagrams, subject::Account};

const HELP: &str = "\
The rows of docs/CONFORMANCE.md, against a turnd of their own or, with --server, any STUN/TURN server.

  --server HOST:PORT      UDP and TCP; once for each family
  --tls-server HOST:PORT  TLS and DTLS; without it that of --server
  --user U --password P   whose allocations are made
  --second-user U --second-password P
                          another user, for the rows that are about two
  --peer IP               an address of this machine for peers; without it the one the server is reached from
  FILTER, --list, --exact, --skip, --test-threads N, --format terse: as with every test
";

/// A server that somebody named.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) tls_servers: Vec<SocketAddr>,
    pub(crate) account: Account,
    pub(crate) second: Option<Account>,
    pub(crate) peers: Vec<IpAddr>,
}

/// Takes the suite's own options out of the arguments.
///
/// # Errors
/// What is wrong with them, or the help that was asked for.
pub(crate) fn parse(arguments: Vec<String>) -> Result<(Option<Named>, Vec<String>), String> {
    let mut named = Named {
        servers: Vec::new(),
        tls_servers: Vec::new(),
        account: Account::new("", ""),
        second: None,
        peers: Vec::new(),
    };
    let mut second = Account::new("", "");
    let mut rest = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let name = argument.strip_prefix("--").unwrap_or_default().to_owned();
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match &*name {
            "help" => return Err(HELP.to_owned()),
            "server" => named.servers.push(address(&value()?)?),
            "tls-server" => named.tls_servers.push(address(&value()?)?),
            "user" => named.account.user = value()?,
            "password" => named.account.password = value()?,
            "second-user" => second.user = value()?,
            "second-password" => second.password = value()?,
            "peer" => {
                let value = value()?;
                let ip = value.parse().map_err(|error| format!("{value}: {error}"))?;
                named.peers.push(ip);
            }
            _ => rest.push(argument),
        }
    }
    if named.servers.is_empty() {
        return Ok((None, rest));
    }
    named.second = (!second.user.is_empty()).then_some(second);
    if named.tls_servers.is_empty() {
        named.tls_servers.clone_from(&named.servers);
    }
    if named.peers.is_empty() {
        let own = |server: &SocketAddr| datagrams(*server).local_addr().expect("a socket").ip();
        named.peers = named.servers.iter().map(own).collect();
    }
    Ok((Some(named), rest))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text
        .to_socket_addrs()
        .map_err(|error| format!("{text}: {error}"))?;
    found.next().ok_or(format!("{text}: no such host"))
}
