//! What is measured.

use std::{fmt, net::Ipv4Addr, time::Duration};

use turnd_benches::load::{Load, Mode, Spacing, Transport};

use crate::{
    servers::{Kind, Server},
    turn_crate::{PASSWORD, USER},
};

/// Bytes of a server's receive buffer that a window may fill: more would measure loss.
const IN_BUFFERS: usize = 128;

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) mode: Mode,
    pub(crate) transport: Transport,
    pub(crate) burst: usize,
    pub(crate) size: usize,
    pub(crate) allocations: usize,
    pub(crate) rate: Option<u64>,
}

impl Cell {
    const BASE: Self = Self {
        mode: Mode::Up,
        transport: Transport::Udp,
        burst: 1,
        size: 1000,
        allocations: 50,
        rate: None,
    };

    /// Whether this kind of server can be measured by it.
    pub(crate) const fn suits(&self, kind: Kind) -> bool {
        (kind.has_peers() || matches!(self.mode, Mode::Pair | Mode::Alloc))
            && (kind.has_streams() || matches!(self.transport, Transport::Udp))
    }

    /// Whether it relays as much as the server takes.
    pub(crate) const fn is_flat_out(&self) -> bool {
        let relays = matches!(self.mode, Mode::Up | Mode::Down | Mode::Both | Mode::Pair);
        relays && self.rate.is_none()
    }

    /// The load that it stands for.
    pub(crate) fn load(&self, server: &Server, time: Duration) -> Load {
        Load {
            server: match self.transport {
                Transport::Tls => server.tls,
                Transport::Udp | Transport::Tcp => server.address,
            },
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            transport: self.transport,
            mode: self.mode,
            allocations: self.allocations,
            size: self.size,
            burst: self.burst,
            rate: self.rate,
            window: IN_BUFFERS.max(8 * self.burst),
            spacing: Spacing::Even,
            indications: false,
            // Not the server's own, of which a port may be a live relay's.
            peers: Ipv4Addr::new(127, 0, 0, 2).into(),
            sockets_of_their_own: false,
            warm_up: Duration::from_millis(200),
            time,
            process: Some(server.process()),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Udp => {}
            Transport::Tcp => write!(out, "TCP ")?,
            Transport::Tls => write!(out, "TLS ")?,
        }
        match self.mode {
            Mode::Up => write!(out, "up")?,
            Mode::Down => write!(out, "down")?,
            Mode::Both => write!(out, "both")?,
            Mode::Pair => write!(out, "pair")?,
            Mode::Alloc => return write!(out, "challenge, allocation, deletion"),
            Mode::Hold => return write!(out, "allocations kept"),
        }
        let (burst, size, allocations) = (self.burst, self.size, self.allocations);
        write!(out, " ×{burst}, {size} B, {allocations} allocations, ")?;
        match self.rate {
            Some(rate) => write!(out, "{} k/s", rate / 1000),
            None => write!(out, "flat out"),
        }
    }
}

/// What a short run measures: what is usual, and each of its sides once.
pub(crate) fn short() -> Vec<Cell> {
    let mut cells = Vec::new();
    for mode in [Mode::Up, Mode::Down, Mode::Pair] {
        for burst in [1, 8] {
            cells.push(Cell {
                mode,
                burst,
                ..Cell::BASE
            });
        }
        cells.push(Cell {
            mode,
            rate: Some(50_000),
            ..Cell::BASE
        });
    }
    for transport in [Transport::Tcp, Transport::Tls] {
        for mode in [Mode::Up, Mode::Down] {
            cells.push(Cell {
                mode,
                transport,
                ..Cell::BASE
            });
        }
    }
    cells.push(Cell {
        mode: Mode::Alloc,
        ..Cell::BASE
    });
    cells
}

/// Everything.
pub(crate) fn full() -> Vec<Cell> {
    let mut cells = Vec::new();
    for mode in [Mode::Up, Mode::Down, Mode::Pair] {
        for rate in [Some(20_000), Some(50_000), None] {
            for burst in [1, 8, 32] {
                for size in [120, 1000, 1400] {
                    // A pair takes two.
                    for allocations in [1 + usize::from(mode == Mode::Pair), 50, 1000] {
                        cells.push(Cell {
                            mode,
                            rate,
                            burst,
                            size,
                            allocations,
                            ..Cell::BASE
                        });
                    }
                }
            }
        }
    }
    let usual = short();
    cells.extend(
        usual
            .into_iter()
            .filter(|cell| cell.transport != Transport::Udp || cell.mode == Mode::Alloc),
    );
    cells
}
