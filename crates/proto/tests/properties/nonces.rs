//! A nonce is good as it was given, for whom, and for as long.

use core::time::Duration;

use proptest::prelude::*;
use turnd_proto::Transport;

use crate::{
    config,
    support::{Client, Network, OK, Request, Setup},
};

const LIFETIME: u64 = 600;

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn only_the_nonce_that_was_given_is_good_and_only_in_time(
        flips in prop::collection::vec((0..28_usize, 0..8_u32), 0..3),
        seconds in prop_oneof![0..LIFETIME, LIFETIME - 2..LIFETIME + 2, any::<u32>().prop_map(u64::from)],
        port in prop_oneof![3 => Just(4001_u16), 1 => 20_000..=u16::MAX],
        host in prop_oneof![3 => Just(1_u8), 1 => 1..=254_u8],
        over in prop_oneof![3 => Just(Transport::Udp), 1 => Just(Transport::Dtls), 1 => Just(Transport::Tcp)],
    ) {
        let mut net = Network::with(Setup {
            nonce_lifetime: Some(Duration::from_secs(LIFETIME)),
            ..Setup::default()
        });
        let mut alice = net.client("alice");
        alice.say_hello(&mut net);
        let given = alice.nonce.clone().expect("a challenge has one");
        let mut shown = given.clone();
        for (at, bit) in flips {
            shown[at] ^= 1 << bit;
        }
        net.wait(seconds);
        let mut other = Client::new(&format!("192.0.2.{host}:{port}")).user("alice", "wonderland").over(over);
        other.nonce = Some(shown.clone());
        let code = other.call(&mut net, &Request::allocate()).code();
        let is_same = (port, host, over) == (4001, 1, Transport::Udp);
        // Time stamps wrap after 194 days; the code beside them does not know how often.
        let age = seconds % (1 << 24);
        let expected = if shown == given && is_same && age < LIFETIME { OK } else { 438 };
        prop_assert_eq!(code, expected);
        prop_assert_eq!(net.keys.lookups, usize::from(expected == OK));
    }
}
