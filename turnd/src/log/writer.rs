//! A thread that writes, and the queue before it: whoever logs never waits for a disk or a reader.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender},
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
    Reopen,
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

    /// Opens what is written to anew, if it can be, behind the lines that wait; at once if the queue is full.
    pub(super) fn reopen(&self) {
        if self.sender.try_send(Order::Reopen).is_err() {
            self.flags.reopen.store(true, Ordering::Release);
        }
    }

    /// Ends the writer. With a full queue there are lines enough for it to wake up.
    fn end(&self) {
        self.flags.end.store(true, Ordering::Release);
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
        self.queue.end();
        // A thread that waits for a stuck reader is left to the end of the process.
        let _ = self.ended.recv_timeout(END);
    }
}

impl Order {
    fn obey(&self, sink: &mut Sink) {
        match self {
            Self::Line(line) => sink.write(line),
            Self::Reopen => sink.reopen(),
            Self::Look => {}
        }
    }
}

fn run(orders: &Receiver<Order>, flags: &Flags, mut sink: Sink) {
    while let Ok(order) = orders.recv() {
        order.obey(&mut sink);
        if flags.reopen.swap(false, Ordering::Acquire) {
            sink.reopen();
        }
        sink.tell_of_dropped(flags.dropped.load(Ordering::Relaxed));
        if flags.end.load(Ordering::Acquire) {
            break;
        }
    }
    for order in orders.try_iter() {
        order.obey(&mut sink);
    }
    sink.finish(flags.dropped.load(Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        os::fd::OwnedFd,
    };

    use super::*;
    use crate::log::{TimeStamp, form::Form, sink::Destination, torn::LineWriter};

    #[test]
    fn what_does_not_fit_into_the_queue_is_counted_and_told_when_there_is_room() {
        const LINES: u64 = 20_000;
        let (reader, mut pipe) = io::pipe().unwrap();
        pipe.write_all(&[b'\n'; 65_536]).unwrap();
        let form = Arc::new(Form::Text(TimeStamp::default()));
        let stdout = Destination::Stdout(LineWriter::new(OwnedFd::from(pipe).into()));
        let writer = Writer::start(Sink::new(stdout, form)).unwrap();
        for number in 0..LINES {
            writer.queue.push(format!("line {number}\n").as_bytes());
        }
        // Whoever reads at last gets what waited, in its order, and the number of what did not.
        let reading = thread::spawn(move || {
            let lines = BufReader::new(reader).lines().map(Result::unwrap);
            lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
        });
        drop(writer);
        let (mut next, mut read, mut lost) = (0, 0, 0);
        for line in reading.join().unwrap() {
            if let Some(number) = line.strip_prefix("line ") {
                let number: u64 = number.parse().unwrap();
                assert!(number >= next, "{line}");
                (next, read) = (number + 1, read + 1);
            } else {
                let (_, text) = line.split_once(" WARNING ").unwrap();
                let (number, why) = text.split_once(' ').unwrap();
                assert!(why.starts_with("lines of the log were lost here"), "{line}");
                lost += number.parse::<u64>().unwrap();
            }
        }
        assert_eq!(read, LINES - lost);
        // One line may be on its way when the queue is full.
        assert!((WAITING_LINES as u64..=WAITING_LINES as u64 + 1).contains(&read));
    }
}
