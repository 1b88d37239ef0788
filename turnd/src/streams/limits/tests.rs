use std::{collections::BTreeMap, net::Ipv4Addr, thread};

use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn numbered(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0A00_0000 + number).into()
}

#[test]
fn a_source_is_an_ipv4_address_or_a_64() {
    assert_eq!(source(ip("192.0.2.1")), ip("192.0.2.1"));
    assert_eq!(source(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    assert_eq!(source(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
    assert_eq!(source(ip("2001:db8:1:2::")), ip("2001:db8:1:2::"));
    assert_ne!(source(ip("2001:db8:1:3::")), ip("2001:db8:1:2::"));
}

// ---- connections ------------------------------------------------------------------------------------

#[test]
fn a_client_has_its_share_and_all_together_have_theirs() {
    let connections = Connections::new(4, 2);
    let (one, two, three) = (ip("192.0.2.1"), ip("2001:db8::1"), ip("192.0.2.3"));
    let first = connections.admit(one).unwrap();
    let _second = connections.admit(ip("::ffff:192.0.2.1")).unwrap();
    assert_eq!(connections.admit(one).unwrap_err(), Refused::Address);

    let _third = connections.admit(two).unwrap();
    let _fourth = connections.admit(ip("2001:db8::2")).unwrap();
    assert_eq!(connections.admit(three).unwrap_err(), Refused::Total);
    assert_eq!(connections.count(), 4);

    drop(first);
    assert_eq!(connections.admit(two).unwrap_err(), Refused::Address);
    let again = connections.admit(one).unwrap();
    assert_eq!(connections.admit(three).unwrap_err(), Refused::Total);
    drop(again);
    connections.admit(three).unwrap();
}

#[test]
fn zero_is_no_limit() {
    let connections = Connections::new(0, 0);
    let places: Vec<_> = (0..1000)
        .map(|_| connections.admit(ip("192.0.2.1")).unwrap())
        .collect();
    assert_eq!(connections.count(), 1000);
    drop(places);
    assert_eq!(connections.count(), 0);
}

#[test]
fn behind_a_load_balancer_each_client_has_its_own_share() {
    let connections = Connections::new(5, 1);
    let mut places: Vec<_> = (0..4)
        .map(|_| connections.admit_unnamed().unwrap())
        .collect();
    for (number, place) in (0..).zip(&mut places) {
        place.rename(numbered(number)).unwrap();
        assert_eq!(place.rename(numbered(number)), Ok(()), "the same again");
    }
    // The fifth says it is the first: it stays unnamed, and counts until it is closed.
    let mut fifth = connections.admit_unnamed().unwrap();
    assert_eq!(fifth.rename(numbered(0)), Err(Refused::Address));
    assert_eq!(connections.admit_unnamed().unwrap_err(), Refused::Total);
    // The first moves away, and leaves its address to the fifth.
    places[0].rename(numbered(9)).unwrap();
    fifth.rename(numbered(0)).unwrap();
    assert_eq!(places[0].rename(numbered(0)), Err(Refused::Address));
    assert_eq!(fifth.rename(numbered(9)), Err(Refused::Address));
}

#[test]
fn threads_together_never_pass_a_limit() {
    let connections = Connections::new(7, 3);
    thread::scope(|scope| {
        for worker in 0..4 {
            let connections = &connections;
            scope.spawn(move || {
                let mut held = Vec::new();
                for round in 0..2000_u32 {
                    held.extend(connections.admit(numbered((worker + round) % 3)));
                    let counts = connections.counts();
                    assert!(counts.total <= 7);
                    assert!(counts.sources.values().all(|&held| (1..=3).contains(&held)));
                    assert_eq!(counts.sources.values().sum::<u32>(), counts.total);
                    drop(counts);
                    if held.len() > 2 || round % 5 == 0 {
                        held.clear();
                    }
                }
            });
        }
    });
    let counts = connections.counts();
    assert_eq!((counts.total, counts.sources.len()), (0, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Admit(u32),
    AdmitUnnamed,
    Rename(prop::sample::Index, u32),
    Close(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4_u32).prop_map(Step::Admit),
        1 => Just(Step::AdmitUnnamed),
        2 => (any::<prop::sample::Index>(), 0..4_u32).prop_map(|(at, to)| Step::Rename(at, to)),
        2 => any::<prop::sample::Index>().prop_map(Step::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// The model is the list of open connections, counted anew each time.
    #[test]
    fn the_counts_are_those_of_the_open_connections(
        total in 0..6_u32, per_source in 0..4_u32, steps in prop::collection::vec(step(), 1..60),
    ) {
        let connections = Connections::new(total, per_source);
        let mut open: Vec<(Option<u32>, Place)> = Vec::new();
        for step in steps {
            let full = total != 0 && open.len() >= total as usize;
            let has_share = |open: &[(Option<u32>, Place)], client: u32| {
                let held = open.iter().filter(|(owner, _)| *owner == Some(client)).count();
                per_source != 0 && held >= per_source as usize
            };
            match step {
                Step::Admit(client) => match connections.admit(numbered(client)) {
                    Ok(place) => {
                        prop_assert!(!full && !has_share(&open, client));
                        open.push((Some(client), place));
                    }
                    Err(Refused::Total) => prop_assert!(full),
                    Err(Refused::Address) => prop_assert!(!full && has_share(&open, client)),
                },
                Step::AdmitUnnamed => match connections.admit_unnamed() {
                    Ok(place) => {
                        prop_assert!(!full);
                        open.push((None, place));
                    }
                    Err(refused) => prop_assert!(full && refused == Refused::Total),
                },
                Step::Rename(index, to) if !open.is_empty() => {
                    let index = index.index(open.len());
                    let allowed = open[index].0 == Some(to) || !has_share(&open, to);
                    let (owner, place) = &mut open[index];
                    prop_assert_eq!(place.rename(numbered(to)).is_ok(), allowed);
                    if allowed {
                        *owner = Some(to);
                    }
                }
                Step::Close(index) if !open.is_empty() => {
                    open.swap_remove(index.index(open.len()));
                }
                Step::Rename(..) | Step::Close(_) => {}
            }
            let mut expected = BTreeMap::new();
            for client in open.iter().filter_map(|(owner, _)| *owner) {
                *expected.entry(numbered(client)).or_insert(0_u32) += 1;
            }
            let counts = connections.counts();
            prop_assert_eq!(counts.total as usize, open.len());
            let counted: BTreeMap<_, _> = counts.sources.iter().map(|(&ip, &n)| (ip, n)).collect();
            prop_assert_eq!(counted, expected, "no source without connections is kept");
        }
    }
}

// ---- handshakes -------------------------------------------------------------------------------------

#[test]
fn a_burst_then_one_for_each_share_of_a_second() {
    let mut budget = Budget::new(4, 3);
    let taken = (0..10).filter(|_| budget.take(at(5_000))).count();
    assert_eq!(taken, 3);
    assert_eq!(budget.next(at(5_000)), at(5_250));
    assert!(!budget.take(at(5_249)));
    assert_eq!(budget.next(at(5_249)), at(5_250));
    assert!(budget.take(at(5_250)));
    assert!(!budget.take(at(5_250)));
    // A long silence fills it only to the brim.
    assert_eq!(budget.next(at(1_000_000)), at(1_000_000));
    let taken = (0..10).filter(|_| budget.take(at(1_000_000))).count();
    assert_eq!(taken, 3);
}

#[test]
fn the_edges_of_a_budget() {
    let mut unlimited = Budget::new(0, 1);
    assert!((0..1000).all(|_| unlimited.take(at(0))));
    assert_eq!(unlimited.next(at(7)), at(7));

    let mut smallest = Budget::new(1, 0);
    assert!(smallest.take(at(0)));
    assert!(!smallest.take(at(999)));
    assert!(smallest.take(at(1000)));

    // More tokens a second than milliseconds, and the end of the clock.
    let mut largest = Budget::new(u32::MAX, u32::MAX);
    assert!(largest.take(at(0)));
    assert!(largest.take(at(u64::MAX)));
    let mut slow = Budget::new(1, 1);
    assert!(slow.take(at(u64::MAX - 5)));
    assert_eq!(slow.next(at(u64::MAX - 5)), at(u64::MAX));
}

#[test]
fn a_clock_that_steps_back_gains_nothing() {
    let mut budget = Budget::new(1, 1);
    assert!(budget.take(at(10_000)));
    for now in [9_000, 8_000, 10_999] {
        assert!(!budget.take(at(now)), "{now}");
        assert_eq!(
            budget.next(at(9_000)).max(at(11_000)),
            budget.next(at(9_000))
        );
    }
    assert!(budget.take(at(11_000)));
}

#[test]
fn a_source_has_its_share_of_each_second() {
    let mut starts = PerAddress::new(2);
    let (one, two) = (ip("192.0.2.1"), ip("2001:db8::1"));
    assert!(starts.take(one, at(100)));
    assert!(starts.take(one, at(1099)));
    assert!(!starts.take(one, at(1099)));
    assert!(starts.take(two, at(1099)), "another is not touched");
    assert!(starts.take(ip("2001:db8::ffff"), at(1099)));
    assert!(!starts.take(ip("2001:db8::2"), at(1500)), "one /64");
    assert!(starts.take(ip("2001:db8:0:1::1"), at(1500)));
    assert!(starts.take(one, at(1100)), "its second is over");
    assert!(starts.take(one, at(2099)));
    assert!(!starts.take(one, at(2099)));
    assert!(!starts.take(one, at(50)), "the clock steps back");

    let mut unlimited = PerAddress::new(0);
    assert!((0..1000).all(|_| unlimited.take(one, at(0))));
    assert!(unlimited.windows.is_empty());
}

#[test]
fn only_so_many_windows_are_remembered_and_the_oldest_is_forgotten() {
    let mut starts = PerAddress::new(1);
    let count = u32::try_from(REMEMBERED).unwrap();
    for number in 0..count {
        assert!(starts.take(numbered(number), at(0)));
    }
    assert!((0..count).all(|number| !starts.take(numbered(number), at(999))));

    assert!(
        starts.take(numbered(count), at(999)),
        "the oldest makes way"
    );
    assert!(!starts.take(numbered(1), at(999)));
    assert!(starts.take(numbered(0), at(999)), "and is allowed");
    assert!(!starts.take(numbered(0), at(999)), "and is known again");
    assert!(
        !starts.take(numbered(2), at(999)),
        "the third oldest still is"
    );

    for number in 0..5 * count {
        starts.take(numbered(number), at(u64::from(number)));
        assert!(starts.windows.len() <= REMEMBERED && starts.latest.len() <= REMEMBERED);
    }
}

#[test]
fn a_source_whose_old_window_is_recycled_keeps_its_latest() {
    let mut starts = PerAddress::new(1);
    let faithful = ip("192.0.2.1");
    assert!(starts.take(faithful, at(0)));
    assert!(starts.take(faithful, at(1000)));
    // The last of these takes the place of the first window.
    for number in 0..u32::try_from(REMEMBERED).unwrap() - 1 {
        assert!(starts.take(numbered(number), at(1000)));
    }
    assert!(!starts.take(faithful, at(1999)));
    // The next one takes that of the second.
    assert!(starts.take(ip("192.0.2.2"), at(1999)));
    assert!(starts.take(faithful, at(1999)));
}

#[test]
fn a_source_that_comes_each_second_is_one_source() {
    let mut starts = PerAddress::new(1);
    let faithful = ip("192.0.2.1");
    for second in 0..2 * REMEMBERED as u64 {
        assert!(starts.take(faithful, at(second * 1000)));
        assert!(!starts.take(faithful, at(second * 1000 + 999)));
        assert_eq!(starts.latest.len(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn never_more_than_the_rate_and_the_burst(
        per_second in prop_oneof![1..20_u32, 900..1100_u32, 1..=u32::MAX],
        burst in 0..10_u32,
        waits in prop::collection::vec(prop_oneof![Just(0), 0..5_u64, 0..2000_u64], 1..200),
    ) {
        let mut budget = Budget::new(per_second, burst);
        let (mut now, mut taken) = (77, Vec::new());
        for wait in waits {
            now += wait;
            let next = budget.next(at(now));
            let allowed = budget.take(at(now));
            prop_assert_eq!(allowed, next == at(now), "next() and take() agree");
            if allowed {
                taken.push(now);
            }
        }
        let burst = u128::from(burst.max(1));
        for (first, begin) in taken.iter().enumerate() {
            for (count, end) in (1_u128..).zip(&taken[first..]) {
                let milli = u128::from(per_second) * u128::from(end - begin);
                prop_assert!(count * 1000 <= milli + burst * 1000, "{count} from {begin} to {end}");
            }
        }
    }

    /// Who waits as long as told gets a token, and a millisecond sooner none; so the rate is also reached,
    /// but for the rounding to milliseconds.
    #[test]
    fn a_token_is_there_when_next_says(per_second in 1..2000_u32, burst in 1..5_u32) {
        let mut budget = Budget::new(per_second, burst);
        let mut now = at(1_000);
        for _ in 0..50 {
            let next = budget.next(now);
            if next > now {
                let before = at(next.as_millis() - 1);
                prop_assert!(!budget.clone().take(before));
            }
            now = next;
            prop_assert!(budget.take(now));
        }
        let longest = 1000_u64.div_ceil(per_second.into());
        prop_assert!(now <= at(1_000 + u64::from(50 - burst) * longest), "{}", now);
    }

    /// As long as nothing has to be forgotten, it is as if everything were remembered.
    #[test]
    fn each_source_is_counted_by_itself(
        limit in 1..4_u32,
        starts in prop::collection::vec((0..5_u32, 0..400_u64), 1..200),
    ) {
        let mut counted = PerAddress::new(limit);
        let mut model: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
        let mut now = 0;
        for (client, wait) in starts {
            now += wait;
            let window = model.entry(client).or_insert((now, 0));
            if now - window.0 >= 1000 {
                *window = (now, 0);
            }
            let allowed = window.1 < limit;
            window.1 += u32::from(allowed);
            prop_assert_eq!(counted.take(numbered(client), at(now)), allowed);
        }
    }
}
