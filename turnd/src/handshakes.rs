//! The thread that answers TLS hellos.
//!
//! With an RSA key the signature takes as long as relaying some hundred packets, which must not wait
//! for it. So a worker gives the hello away, and gets the connection back with the answer in it; all
//! that comes after that is cheap and the worker's own. The thread gives way to workers where there
//! are more of them than processors.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
};

use rustls::{ServerConfig, ServerConnection};

use crate::{
    mailbox::{Letter, Sender},
    streams::{StreamId, feed},
};

/// How much less the thread is worth than a worker (nice(2)).
const NICENESS: i32 = 19;

/// A hello to answer.
pub struct Hello {
    /// Who wants the answer.
    pub worker: Sender,
    /// Whose it is.
    pub stream: StreamId,
    /// What is agreed to.
    pub config: Arc<ServerConfig>,
    /// The records that it came in.
    pub bytes: Vec<u8>,
}

/// Where workers put hellos.
#[derive(Clone)]
pub struct Handshakes {
    hellos: mpsc::Sender<Hello>,
}

impl Handshakes {
    /// Starts the thread. It ends when nobody can send it anything any more.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start() -> io::Result<Self> {
        let (hellos, inbox) = mpsc::channel();
        thread::Builder::new()
            .name("turnd-handshakes".to_owned())
            .spawn(move || answer_all(&inbox))?;
        Ok(Self { hellos })
    }

    /// Gives a hello away; the answer comes as [`Letter::HelloAnswered`]. `false` if the thread is gone.
    #[must_use]
    pub fn answer(&self, hello: Hello) -> bool {
        self.hellos.send(hello).is_ok()
    }
}

fn answer_all(inbox: &Receiver<Hello>) {
    // In a container that forbids it the thread is as good as any other.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    for hello in inbox {
        // A panic is logged, and is this hello's; the thread is everybody's.
        let answered = catch_unwind(AssertUnwindSafe(|| answer(hello.config, &hello.bytes)));
        let answered = answered.unwrap_or_default();
        // A worker that is gone needs no answer.
        let _ = hello.worker.send(Letter::HelloAnswered {
            stream: hello.stream,
            answered,
        });
    }
}

fn answer(
    config: Arc<ServerConfig>,
    hello: &[u8],
) -> Option<(Box<ServerConnection>, io::Result<()>)> {
    let mut tls = ServerConnection::new(config).ok()?;
    // What waits to be encrypted is bounded by the queue in front of it.
    tls.set_buffer_limit(None);
    let fed = feed(&mut tls, hello);
    Some((Box::new(tls), fed))
}
