//! Nonsense gets silence: no crash, no state, no log.

use std::net::UdpSocket;

use turnd_wire::{Class, Method, Writer, attr};

use crate::{session::Session, support::turnd::Turnd};

/// A generator with a fixed seed: the same nonsense every time.
struct Nonsense(u64);

impl Nonsense {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Random bytes, or a sound request with something broken.
    fn datagram(&mut self) -> Vec<u8> {
        let mut buffer = [0; 200];
        let id: [u8; 12] = std::array::from_fn(|_| self.next() as u8);
        let method = Method::new(self.next() as u16 & 0xFFF).unwrap();
        let mut writer = Writer::new(&mut buffer, Class::Request, method, id.into());
        writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        writer.text(attr::USERNAME, "alice\n\u{1b}[31m");
        writer.bytes(attr::MESSAGE_INTEGRITY, &[7; 20]);
        let mut bytes = writer.finish().unwrap().to_vec();
        match self.next() % 4 {
            0 => bytes = (0..self.next() % 100).map(|_| self.next() as u8).collect(),
            1 => bytes.truncate(self.next() as usize % bytes.len()),
            2 => {
                let at = self.next() as usize % bytes.len();
                bytes[at] ^= 1 << (self.next() % 8);
            }
            _ => bytes[2..4].copy_from_slice(&(self.next() as u16).to_be_bytes()),
        }
        bytes
    }
}

#[test]
fn twenty_thousand_broken_datagrams_leave_nothing_behind() {
    let turnd = Turnd::start(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nrelay-threads=1\nverbose\nallow-loopback-peers\n",
    );
    let session = Session::new(turnd.udp_v4(), "alice", "secret");
    let relayed = session.allocate().relayed();
    let attacker = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(session.permit(attacker.local_addr().unwrap()).error(), None);
    let (memory, log) = (resident(turnd.pid()), turnd.log().len());
    let files = open_files(turnd.pid());

    let mut nonsense = Nonsense(0x9E37_79B9_7F4A_7C15);
    for round in 0..200 {
        for _ in 0..100 {
            let datagram = nonsense.datagram();
            attacker.send_to(&datagram, turnd.udp_v4()).unwrap();
        }
        attacker.send_to(&nonsense.datagram(), relayed).unwrap();
        // The answer says that what came before has been read.
        let probe = Session::new(turnd.udp_v4(), "", "");
        assert_eq!(probe.binding().error(), None, "round {round}");
    }
    assert_eq!(open_files(turnd.pid()), files);
    let grown = resident(turnd.pid()).saturating_sub(memory);
    // The receive buffers are touched for the first time here: 64 of 64 KiB at most.
    assert!(grown < 6 << 20, "{grown} bytes more");
    let lines = turnd.log()[log..].to_owned();
    assert!(lines.len() < 16 << 10, "{} bytes of log", lines.len());
    assert!(!lines.contains('\u{1b}'), "{lines}");
}

fn resident(pid: u32) -> usize {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}
