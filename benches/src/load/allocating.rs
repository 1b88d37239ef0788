//! Allocations for their own sake: how fast they come and go, and what they weigh.

use std::{io, time::Instant};

use super::{
    Load,
    clients::Clients,
    report::{Allocated, Held},
    session::Ask,
};

/// How many clients take turns: no five-tuple comes back at once, which a server may hold for a moment.
const CLIENTS: usize = 1 << 16;

/// Makes allocations and deletes them.
pub(super) fn churn(load: &Load) -> io::Result<Allocated> {
    let count = if load.shares_sockets() {
        CLIENTS
    } else {
        load.allocations
    };
    let mut clients = Clients::new(load, count)?;
    let mut next_client = 0;
    let mut cycle = |clients: &mut Clients, until: Instant| {
        let begun = Instant::now();
        let mut cycles = 0;
        while Instant::now() < until {
            let batch = next_client..(next_client + load.allocations).min(count);
            next_client = batch.end % count;
            cycles += batch.len() as u64;
            let mut allocated = vec![false; batch.len()];
            let first = batch.start;
            clients.ask(
                batch,
                |_| Ask::Allocate,
                |clients, client| {
                    if std::mem::replace(&mut allocated[client - first], true) {
                        clients.forget(client);
                        return None;
                    }
                    Some(Ask::Delete)
                },
            )?;
        }
        Ok::<_, io::Error>((cycles, begun.elapsed()))
    };
    cycle(&mut clients, Instant::now() + load.warm_up)?;
    let time = || load.process.map(|process| process.time_on_processors());
    let before = time().transpose()?;
    let (cycles, elapsed) = cycle(&mut clients, Instant::now() + load.time)?;
    let after = time().transpose()?;
    let cpu = before
        .zip(after)
        .map(|(before, after)| after.since(&before));
    Ok(Allocated {
        cycles,
        seconds: elapsed.as_secs_f64(),
        server_cpu: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / cycles as f64),
        repeated: clients.repeated,
    })
}

/// Makes allocations and keeps them until it is told what they weigh.
pub(super) fn hold(load: &Load) -> io::Result<Held> {
    let resident = || load.process.map(|process| process.resident_bytes());
    let before = resident().transpose()?;
    let begun = Instant::now();
    let mut clients = Clients::new(load, load.allocations)?;
    clients.ask(0..load.allocations, |_| Ask::Allocate, |_, _| None)?;
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = resident().transpose()?;
    clients.ask(0..load.allocations, |_| Ask::Delete, |_, _| None)?;
    let grown = before
        .zip(bytes)
        .map(|(before, after)| after.saturating_sub(before));
    Ok(Held {
        allocations: load.allocations as u64,
        seconds,
        bytes_each: grown.map(|grown| grown as f64 / load.allocations as f64),
        bytes,
        repeated: clients.repeated,
    })
}
