//! What the system lets the process have.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use turnd_net::{TcpListener, TcpStream};

use crate::config::Settings;

/// Descriptors beside those of relays and connections: listeners, pollers, files.
const OTHERS: u64 = 256;

/// Descriptors that no client gets, or an eighth where there are few: when the others are used up, metrics, a changed
/// configuration and this machine's addresses are to be read all the same.
const KEPT: u64 = 32;

/// A socket of a client, unless it has one of the last descriptors.
///
/// # Errors
/// EMFILE, as if those were used up too.
pub fn for_client<T: AsFd>(socket: T) -> io::Result<T> {
    let Some(allowed) = getrlimit(Resource::Nofile).current else {
        return Ok(socket);
    };
    // A new descriptor has the lowest number that is free.
    let number = u64::try_from(socket.as_fd().as_raw_fd()).unwrap_or(0);
    if number < allowed - KEPT.min(allowed / 8) {
        Ok(socket)
    } else {
        Err(Errno::MFILE.into())
    }
}

/// The next client's connection that waits, if one does. One that gets one of the last descriptors is reset, as
/// whatever else is refused: nothing of it is to stay in the kernel.
///
/// # Errors
/// Those of [`TcpListener::accept`] and of [`for_client`].
pub fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    let Some(socket) = listener.accept()? else {
        return Ok(None);
    };
    match for_client(&socket) {
        Ok(_) => Ok(Some(socket)),
        Err(error) => {
            socket.abort_on_close();
            Err(error)
        }
    }
}

/// Lets the process open as many files as it may. Every allocation needs one. Not being allowed more is
/// no reason not to start, but one to say so: clients will be refused with 508 before the ports run out.
pub fn raise(settings: &Settings) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            "cannot raise the limit of open files above {:?}: {error}",
            limit.current
        );
    }
    let Some(allowed) = getrlimit(Resource::Nofile).current else {
        return;
    };
    let ports = u64::try_from(settings.relay_ports.len()).unwrap_or(u64::MAX);
    if allowed < ports.saturating_add(OTHERS) {
        tracing::warn!(
            "{allowed} files may be open at a time, fewer than there are relay ports ({ports}): \
             clients are refused with 508 when they are used up; raise the limit (LimitNOFILE, ulimit -n)"
        );
    }
}
