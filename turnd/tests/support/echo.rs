//! A peer that sends every datagram back to where it came from.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Tries of finding two free neighbouring ports.
const ATTEMPTS: u32 = 100;

/// Echoes on two neighbouring ports, as `turnutils_peer` does: the second is where a client sends its RTCP.
pub(crate) struct EchoPeer {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    threads: Vec<(SocketAddr, JoinHandle<()>)>,
}

impl EchoPeer {
    /// Starts to echo on a port that the system chooses, and on the one after it.
    pub(crate) fn start(ip: IpAddr) -> Self {
        let sockets = neighbours(ip);
        let stopping = Arc::new(AtomicBool::new(false));
        let address = sockets[0].local_addr().expect("a bound socket");
        let threads = sockets
            .into_iter()
            .map(|socket| spawn(socket, Arc::clone(&stopping)))
            .collect();
        Self {
            address,
            stopping,
            threads,
        }
    }

    /// The address with the lower port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for EchoPeer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        for (address, thread) in self.threads.drain(..) {
            wake(address);
            let _ = thread.join();
        }
    }
}

fn spawn(socket: UdpSocket, stopping: Arc<AtomicBool>) -> (SocketAddr, JoinHandle<()>) {
    let address = socket.local_addr().expect("a bound socket");
    (address, thread::spawn(move || echo(&socket, &stopping)))
}

fn echo(socket: &UdpSocket, stopping: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while !stopping.load(Ordering::Relaxed) {
        // An error here is an ICMP answer to an earlier echo, whose client has gone.
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..length], from);
        }
    }
}

/// A datagram from anywhere ends the wait in `recv_from`.
fn wake(address: SocketAddr) {
    let socket = UdpSocket::bind((address.ip(), 0)).expect("binding a socket");
    socket.send_to(&[], address).expect("sending on loopback");
}

fn neighbours(ip: IpAddr) -> [UdpSocket; 2] {
    for _ in 0..ATTEMPTS {
        let first = UdpSocket::bind((ip, 0)).expect("binding a socket");
        let port = first.local_addr().expect("a bound socket").port();
        if let Some(second) = port
            .checked_add(1)
            .and_then(|next| UdpSocket::bind((ip, next)).ok())
        {
            return [first, second];
        }
    }
    panic!("no two neighbouring ports are free on {ip}");
}
