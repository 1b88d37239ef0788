//! F01: the end of a server with a thousand relays in use.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use turnd_wire::{Method, attr};

use crate::{
    faults::{CONFIG, Call},
    support::{End, as_long, turnd::Turnd},
    ways::{Client, Way},
};

const RELAYS: usize = 1000;
/// Threads among which the calls are divided: each of them has a datagram under way at every time.
const TALKERS: usize = 4;
/// From a request for the end, or from what is waited for, to the end.
const END: Duration = Duration::from_secs(1);

fn busy(drain_timeout: u64) -> (Turnd, Vec<Call>) {
    let turnd = Turnd::start(&format!(
        "{CONFIG}relay-threads=2\ndrain-timeout={drain_timeout}\n"
    ));
    let calls = (0..RELAYS).map(|_| Call::new(Way::Udp, &turnd)).collect();
    (turnd, calls)
}

/// What is done while every call talks; and how many datagrams went there and back meanwhile, of which none was lost.
fn while_they_talk<T>(calls: &mut [Call], work: impl FnOnce() -> T) -> (T, usize) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&is_over);
        let talk = |calls: &mut [Call]| {
            let mut rounds = 0;
            while rounds == 0 || !is_over.load(Ordering::Relaxed) {
                calls.iter_mut().for_each(Call::talk);
                rounds += 1;
            }
            rounds * calls.len()
        };
        let parts = calls.chunks_mut(RELAYS / TALKERS);
        let talkers: Vec<_> = parts.map(|part| scope.spawn(move || talk(part))).collect();
        let result = work();
        is_over.store(true, Ordering::Relaxed);
        let counts = talkers.into_iter().map(|it| it.join().unwrap());
        (result, counts.sum())
    })
}

fn delete(client: &mut Client) -> Option<u16> {
    let fill = |writer: &mut turnd_wire::Writer<'_>| writer.number32(attr::LIFETIME, 0);
    client.request(Method::REFRESH, fill).error()
}

/// Clients without an allocation, known to the workers of both sorts.
fn newcomers(turnd: &Turnd) -> Vec<Client> {
    let newcomer = |_| {
        let mut client = Client::new(Way::Udp, turnd);
        assert_eq!(client.allocate(17, 1).error(), None);
        assert_eq!(delete(&mut client), None);
        client
    };
    (0..16).map(newcomer).collect()
}

/// Asks for the end, and how long it was until nobody got an allocation any more.
fn terminate(turnd: &Turnd, newcomers: &mut [Client]) -> Duration {
    let began = Instant::now();
    turnd.signal("TERM");
    for client in newcomers {
        loop {
            assert!(began.elapsed() < 10 * END, "it goes on allocating");
            match client.allocate(17, 1).error() {
                None => assert_eq!(delete(client), None),
                Some(508) => break,
                other => panic!("{other:?}"),
            }
        }
    }
    began.elapsed()
}

/// Where nothing else runs, a tenth of a second.
fn at_once() -> Duration {
    Duration::from_millis(as_long(500, 100))
}

#[test]
fn f01_a_thousand_relays_lose_nothing_until_the_last_of_them_has_ended() {
    let (turnd, mut calls) = busy(600);
    let mut newcomers = newcomers(&turnd);
    let (refused, talked) = while_they_talk(&mut calls, || {
        let refused = terminate(&turnd, &mut newcomers);
        thread::sleep(Duration::from_secs(as_long(1, 10)));
        refused
    });
    assert!(refused <= at_once(), "{refused:?}");
    for call in &mut calls {
        assert_eq!(delete(&mut call.client), None);
    }
    let stopped = turnd.wait();
    println!(
        "refused after {refused:?}, {talked} datagrams there and back, {:?} from the last allocation to the end",
        stopped.took
    );
    assert!(stopped.status.success(), "{}", stopped.status);
    assert!(stopped.took <= END, "{:?}", stopped.took);
    assert!(stopped.log.contains("drained: 0 allocations are left"));
}

#[test]
fn f01_a_thousand_relays_lose_nothing_until_the_time_for_it_is_over() {
    let timeout = as_long(4, 30);
    let (turnd, mut calls) = busy(timeout);
    let mut newcomers = newcomers(&turnd);
    let began = Instant::now();
    let (refused, talked) = while_they_talk(&mut calls, || {
        let refused = terminate(&turnd, &mut newcomers);
        let almost = Duration::from_secs(timeout - 1);
        thread::sleep(almost.saturating_sub(began.elapsed()));
        refused
    });
    let stopped = turnd.wait();
    let over = began.elapsed().saturating_sub(Duration::from_secs(timeout));
    println!(
        "refused after {refused:?}, {talked} datagrams there and back, end {over:?} after its time"
    );
    assert!(refused <= at_once(), "{refused:?}");
    assert!(stopped.status.success(), "{}", stopped.status);
    assert!(over <= END, "{over:?}");
    assert!(
        stopped
            .log
            .contains("drain-timeout has passed: 1000 allocations are cut off"),
        "{}",
        stopped.log
    );
}

#[test]
fn f01_a_second_signal_ends_a_thousand_relays_at_once() {
    let (turnd, mut calls) = busy(600);
    let mut newcomers = newcomers(&turnd);
    while_they_talk(&mut calls, || terminate(&turnd, &mut newcomers));
    let stopped = turnd.stop();
    println!("the end came in {:?}", stopped.took);
    assert!(stopped.status.success(), "{}", stopped.status);
    assert!(stopped.took <= END, "{:?}", stopped.took);
}
