//! A client that sends as fast as it can for a whole second, and twenty others on the same worker.

use std::{
    io,
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    session::Session,
    support::{echo::EchoPeer, turnd::Turnd},
};

const CHANNEL: u16 = 0x4001;
/// Long enough that what the buffers hold at the start does not matter.
const FLOOD: Duration = Duration::from_secs(1);
/// And enough pings that a moment in which nobody was heard does not decide.
const ROUNDS: u32 = 50;
/// A ping that has no answer by then is lost.
const PATIENCE: Duration = Duration::from_millis(50);

#[test]
fn a_second_of_flood_leaves_each_of_twenty_clients_nearly_all_its_answers() {
    let turnd = Turnd::start(
        "listening-ip=127.0.0.1\nlistening-port=0\nrealm=example.org\nuser=alice:secret\nrelay-threads=1\n\
         allow-loopback-peers\n",
    );
    let echo = EchoPeer::start("127.0.0.1".parse().unwrap());
    let bound = |peer| {
        let session = Session::alice(turnd.udp_v4());
        session.allocate().relayed();
        assert_eq!(session.bind_channel(CHANNEL, peer).error(), None);
        session
    };
    let quiet: Vec<Session> = (0..20).map(|_| bound(echo.address())).collect();
    // Never read: the flood goes one way.
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hog = bound(sink.local_addr().unwrap());

    let stop = Arc::new(AtomicBool::new(false));
    let (on, stopped) = (mpsc::channel(), stop.clone());
    let tell = on.0;
    let flood = thread::spawn(move || {
        let mut sent = 0_u64;
        while !stopped.load(Ordering::Relaxed) {
            hog.send_on(CHANNEL, &[0xEE; 1000]);
            sent += 1;
            if sent == 1000 {
                tell.send(()).expect("somebody waits for it");
            }
        }
        sent
    });
    on.1.recv().expect("the flood is on");
    let began = Instant::now();
    let mut answered = vec![0_u32; quiet.len()];
    let mut asked = 0;
    while began.elapsed() < FLOOD || asked < ROUNDS {
        asked += 1;
        for session in &quiet {
            session.send_on(CHANNEL, &u32::to_be_bytes(asked));
        }
        let deadline = Instant::now() + PATIENCE;
        for (session, count) in quiet.iter().zip(&mut answered) {
            *count += u32::from(answer(session, asked, deadline).is_ok());
        }
    }
    stop.store(true, Ordering::Relaxed);
    let sent = flood.join().unwrap();
    // Measured on two cores: all but one to five of 50 to 2000, beside 300 000 to 900 000 datagrams.
    // Those few are what the kernel drops when the listener's buffer is full, whosever they are.
    assert!(
        answered.iter().all(|&count| count * 4 >= asked * 3),
        "{answered:?} of {asked} each, beside {sent} datagrams"
    );
}

/// Waits for the answer to this ping; those to earlier ones do not count.
fn answer(session: &Session, number: u32, deadline: Instant) -> io::Result<()> {
    let mut buffer = [0; 16];
    loop {
        // Zero would wait for ever; what is there already is taken however late it is.
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = left.max(Duration::from_millis(1));
        session.socket.set_read_timeout(Some(wait))?;
        let length = session.socket.recv(&mut buffer)?;
        if length == 8 && buffer[4..8] == number.to_be_bytes() {
            return Ok(());
        }
    }
}
