//! Which ports are drawn.

use std::collections::HashSet;

use super::*;

/// Enough for tests: a full-period generator.
fn numbers() -> impl FnMut() -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn every_port_is_handed_out_once_and_comes_back() {
    for range in [
        49152..=65535,
        1024..=1024,
        1025..=1025,
        1025..=1030,
        0..=65535,
        65535..=65535,
    ] {
        let mut pool = PortPool::new(&range);
        let mut random = numbers();
        let all: HashSet<u16> = range.clone().collect();
        for _ in 0..2 {
            let mut taken = HashSet::new();
            while let Some(port) = pool.take(Wish::Any, random()) {
                assert!(taken.insert(port));
            }
            assert_eq!(taken, all);
            assert_eq!(pool.free(), 0);
            taken.into_iter().for_each(|port| pool.give_back(port));
        }
    }
}

#[test]
fn even_wishes_get_even_ports_and_leave_the_neighbour_usable() {
    let mut pool = PortPool::new(&(50001..=50006));
    let mut random = numbers();
    let mut even: Vec<u16> = std::iter::from_fn(|| pool.take(Wish::Even, random())).collect();
    even.sort_unstable();
    assert_eq!(even, [50002, 50004, 50006]);
    let mut rest: Vec<u16> = std::iter::from_fn(|| pool.take(Wish::Any, random())).collect();
    rest.sort_unstable();
    assert_eq!(rest, [50001, 50003, 50005]);
}

#[test]
fn another_range_knows_what_is_taken_and_forgets_nothing() {
    let mut pool = PortPool::new(&(50000..=50003));
    let mut random = numbers();
    let taken: Vec<u16> = (0..3)
        .map(|_| pool.take(Wish::Any, random()).unwrap())
        .collect();
    pool.set_range(&(50002..=50005));
    let is_within = |port: &&u16| (50002..=50005).contains(*port);
    assert_eq!(pool.free(), 4 - taken.iter().filter(is_within).count());
    // One of the old range alone is in nobody's way when it comes back.
    taken.iter().for_each(|&port| pool.give_back(port));
    assert_eq!(pool.free(), 4);
    let mut drawn: Vec<u16> = std::iter::from_fn(|| pool.take(Wish::Any, random())).collect();
    drawn.sort_unstable();
    assert_eq!(drawn, [50002, 50003, 50004, 50005]);
    // And back: what is taken now is known in the old range too.
    pool.set_range(&(50000..=50003));
    assert_eq!(pool.free(), 2);
    drawn.into_iter().for_each(|port| pool.give_back(port));
    assert_eq!(pool.free(), 4);
}

#[test]
fn a_pair_is_taken_whole_or_not_at_all() {
    let mut pool = PortPool::new(&(50000..=50003));
    assert_eq!(pool.take(Wish::Even, 0).map(|port| port % 2), Some(0));
    let pair = pool.take(Wish::EvenAndNext, 0).unwrap();
    assert_eq!(pair % 2, 0);
    assert_eq!(pool.free(), 1);
    assert_eq!(pool.take(Wish::EvenAndNext, 0), None);
    pool.give_back(pair + 1);
    assert_eq!(pool.take(Wish::EvenAndNext, 0), None);
    pool.give_back(pair);
    assert_eq!(pool.take(Wish::EvenAndNext, 0), Some(pair));
}

#[test]
fn draws_are_even_over_the_range() {
    let mut pool = PortPool::new(&(49152..=65535));
    let mut random = numbers();
    let mut bins = [0_u32; 64];
    for _ in 0..64_000 {
        let port = pool.take(Wish::Any, random()).unwrap();
        bins[usize::from(port - 49152) / 256] += 1;
        pool.give_back(port);
    }
    // Chi square with 63 degrees of freedom: 103.4 is passed by chance once in a thousand.
    let chi: f64 = bins
        .iter()
        .map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0)
        .sum();
    assert!(chi < 103.4, "{chi}");
}

#[test]
fn of_a_family_that_is_to_come_there_is_no_room_yet() {
    let ip = ["192.0.2.1".parse().unwrap()];
    let ports = RelayPorts::new(&[], &(50000..=50003), UdpOptions::default());
    let refusal = |ports: RelayPorts| Arc::new(ports).open(Family::V4, Wish::Any).err();
    assert_eq!(refusal(ports.awaiting(&ip)), Some(RelayRefusal::NoCapacity));
    let ports = RelayPorts::new(&[], &(50000..=50003), UdpOptions::default());
    assert_eq!(refusal(ports), Some(RelayRefusal::NoSuchFamily));
}
