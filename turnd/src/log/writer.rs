//! A thread that writes, and the queue before it: whoever logs never waits for a disk or a reader.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use super::sink::Sink;

/// Lines that may wait for a slow disk or reader; beyond it they are dropped and counted.
const WAITING_LINES: usize = 16_384;
/// How long what waits may take to be written at the end.
const END: Duration = Duration::from_secs(1);

/// The way to a writer.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sender: SyncSender<Order>,
    flags: Arc<Flags>,
}

/// What must reach the writer even if the queue is full.
#[derive(Debug, Default)]
pub(super) struct Flags {
    /// Lines that did not fit into the queue, since the start.
    pub(super) dropped: AtomicU64,
    reopen: AtomicBool,
    end: AtomicBool,
}

#[derive(Debug)]
enum Order {
    Line(Vec<u8>),
    /// The flags have changed.
    Look,
}

impl Queue {
    /// Writes a line some time.
    pub(super) fn push(&self, line: &[u8]) {
        if self.sender.try_send(Order::Line(line.to_vec())).is_err() {
            self.flags.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens what is written to anew, if it can be.
    pub(super) fn reopen(&self) {
        self.flags.reopen.store(true, Ordering::Release);
        self.look();
    }

    /// With a full queue there are lines enough for the writer to wake up.
    fn look(&self) {
        let _ = self.sender.try_send(Order::Look);
    }
}

/// A running writer. Dropping it ends the thread, after what waits has been written or a second has passed.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) queue: Queue,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Writer {
    /// Starts to write to `sink`.
    pub(super) fn start(sink: Sink) -> io::Result<Self> {
        let (sender, orders) = mpsc::sync_channel(WAITING_LINES);
        let (running, ended) = mpsc::channel();
        let flags = Arc::new(Flags::default());
        let queue = Queue {
            sender,
            flags: Arc::clone(&flags),
        };
        thread::Builder::new()
            .name("turnd-log".to_owned())
            .spawn(move || {
                run(&orders, &flags, sink);
                drop(running);
            })?;
        Ok(Self { queue, ended })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.flags.end.store(true, Ordering::Release);
        self.queue.look();
        // A thread that waits for a stuck reader is left to the end of the process.
        let waited = self.ended.recv_timeout(END);
        debug_assert_ne!(waited, Ok(()));
        let _: Result<(), RecvTimeoutError> = waited;
    }
}

fn run(orders: &Receiver<Order>, flags: &Flags, mut sink: Sink) {
    while let Ok(order) = orders.recv() {
        if let Order::Line(line) = order {
            sink.write(&line);
        }
        if flags.reopen.swap(false, Ordering::Acquire) {
            sink.reopen();
        }
        sink.tell_of_dropped(flags.dropped.load(Ordering::Relaxed));
        if flags.end.load(Ordering::Acquire) {
            break;
        }
    }
    for order in orders.try_iter() {
        if let Order::Line(line) = order {
            sink.write(&line);
        }
    }
    sink.finish(flags.dropped.load(Ordering::Relaxed));
}
