//! Clients that we did not write, each driving a turnd of its own on loopback: coturn's `turnutils_uclient`, aioice,
//! the `turn` crate, headless Chromium. A client that is not installed is skipped aloud; with CI set that is a failure.

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use support::echo::EchoPeer;
use support::foreign::{Facts, foreign, node, python, run, script};
use support::turnd::Turnd;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

const USER: &str = "alice";
const PASSWORD: &str = "correct-horse";
const SECRET: &str = "north";
const REALM: &str = "turnd.test";

mod uclient {
    //! `turnutils_uclient` of Debian's coturn. It exits with 0 whatever was lost, so its figures are what counts.

    use super::*;

    const CLIENTS: u32 = 2;
    const MESSAGES: u32 = 40;

    #[test]
    fn channels() {
        relays(&long_term(), V4, &["-e", "127.0.0.1"], 1);
    }

    #[test]
    fn channels_with_full_datagrams() {
        relays(&long_term(), V4, &["-e", "127.0.0.1", "-l", "1200"], 1);
    }

    #[test]
    fn indications() {
        relays(&long_term(), V4, &["-e", "127.0.0.1", "-s"], 1);
    }

    #[test]
    fn ipv6_channels() {
        relays(&long_term(), V6, &["-e", "::1", "-x"], 1);
    }

    #[test]
    fn ipv6_indications() {
        relays(&long_term(), V6, &["-e", "::1", "-x", "-s"], 1);
    }

    #[test]
    fn ipv6_relay_for_an_ipv4_client() {
        relays(&long_term(), V4, &["-e", "::1", "-x"], 1);
    }

    #[test]
    fn ipv4_relay_for_an_ipv6_client() {
        relays(&long_term(), V6, &["-e", "127.0.0.1", "-X"], 1);
    }

    #[test]
    fn dual_allocation_reaches_an_ipv4_peer() {
        relays(&long_term(), V4, &["-e", "127.0.0.1", "-Z"], 1);
    }

    #[test]
    fn dual_allocation_reaches_an_ipv6_peer() {
        relays(&long_term(), V4, &["-e", "::1", "-Z"], 1);
    }

    #[test]
    fn between_two_relayed_addresses_by_channels() {
        relays(&long_term(), V4, &["-y"], 2);
    }

    #[test]
    fn between_two_relayed_addresses_by_indications() {
        relays(&long_term(), V4, &["-y", "-s"], 2);
    }

    #[test]
    fn dont_fragment() {
        relays(&long_term(), V4, &["-e", "127.0.0.1", "-g"], 1);
    }

    #[test]
    fn padded_channel_data() {
        // 101 bytes, so that there is something to pad.
        relays(&long_term(), V4, &["-e", "127.0.0.1", "-D", "-l", "101"], 1);
    }

    #[test]
    fn extra_permissions_and_channels() {
        relays(&long_term(), V4, &["-e", "127.0.0.1", "-G"], 1);
    }

    #[test]
    fn shared_secret() {
        let config = config(&format!(
            "use-auth-secret\nstatic-auth-secret={SECRET}\nallow-loopback-peers\n"
        ));
        relays_for(
            &config,
            V4,
            &["-W", SECRET, "-u", "bob"],
            &["-e", "127.0.0.1"],
            1,
        );
    }

    /// The same with a user of the long-term mechanism.
    fn relays(config: &str, server_ip: IpAddr, flags: &[&str], ends: u32) {
        relays_for(
            config,
            server_ip,
            &["-u", USER, "-w", PASSWORD],
            flags,
            ends,
        );
    }

    /// Every message that the clients send comes back to them; `ends` of each client's session send them.
    fn relays_for(
        config: &str,
        server_ip: IpAddr,
        credentials: &[&str],
        flags: &[&str],
        ends: u32,
    ) {
        let Some(uclient) = foreign("turnutils_uclient") else {
            return;
        };
        let turnd = Turnd::start(config);
        let server = if server_ip.is_ipv4() {
            turnd.udp_v4()
        } else {
            turnd.udp_v6()
        };
        let peer = EchoPeer::start(if flags.contains(&"::1") { V6 } else { V4 });
        let [port, peer_port] = [server, peer.address()].map(|address| address.port().to_string());
        let [clients, messages] = [CLIENTS, MESSAGES].map(|number| number.to_string());
        // -z: one millisecond between two messages of a client.
        let load = ["-m", &clients, "-n", &messages, "-z", "1"];
        let addresses = ["-r", &peer_port, "-p", &port, &server_ip.to_string()];

        let printed = run(&uclient, &[credentials, flags, &load, &addresses].concat());

        let expected = CLIENTS * MESSAGES * ends;
        assert_eq!(
            Tally::of(&printed),
            Some(Tally {
                sent: expected,
                received: expected,
                lost: 0
            }),
            "{printed}"
        );
    }

    /// The figures at the end of what uclient prints.
    #[derive(Debug, PartialEq)]
    struct Tally {
        sent: u32,
        received: u32,
        lost: u32,
    }

    impl Tally {
        fn of(printed: &str) -> Option<Self> {
            Some(Self {
                sent: last_number(printed, "tot_send_msgs=")?,
                received: last_number(printed, "tot_recv_msgs=")?,
                lost: last_number(printed, "Total lost packets ")?,
            })
        }
    }

    fn last_number(text: &str, after: &str) -> Option<u32> {
        let (_, rest) = text.rsplit_once(after)?;
        let digits = rest
            .split(|character: char| !character.is_ascii_digit())
            .next()?;
        digits.parse().ok()
    }
}

mod aioice {
    //! aioice, the ICE and TURN client under Python's aiortc.

    use super::*;

    #[test]
    fn ipv4_client() {
        relays(V4);
    }

    #[test]
    fn ipv6_client() {
        relays(V6);
    }

    fn relays(server_ip: IpAddr) {
        let Some(python) = python() else { return };
        let turnd = Turnd::start(&long_term());
        let server = if server_ip.is_ipv4() {
            turnd.udp_v4()
        } else {
            turnd.udp_v6()
        };
        let peer = EchoPeer::start(V4);
        let [server_port, peer_port] =
            [server, peer.address()].map(|address| address.port().to_string());
        let (script, server_ip) = (script("aioice_relay.py"), server_ip.to_string());

        let printed = run(
            &python,
            &[
                &script,
                &server_ip,
                &server_port,
                USER,
                PASSWORD,
                "127.0.0.1",
                &peer_port,
            ],
        );

        let facts = Facts::of(&printed);
        assert_eq!(facts.value("relayed_ip"), "127.0.0.1", "{printed}");
        assert_eq!(facts.value("echoed"), "200", "{printed}");
        assert_eq!(facts.value("refreshed"), "600", "{printed}");
        assert_eq!(facts.value("echoed_after_refresh"), "200", "{printed}");
        assert_eq!(facts.value("wrong_password"), "401", "{printed}");
    }
}

mod chromium {
    //! Two ends of a data channel in one page of headless Chromium, forbidden to meet other than through the relay.

    use super::*;

    #[test]
    fn data_channel_over_ipv4() {
        relays(|turnd| turnd.udp_v4());
    }

    #[test]
    fn data_channel_over_ipv6() {
        relays(|turnd| turnd.udp_v6());
    }

    fn relays(address: fn(&Turnd) -> SocketAddr) {
        let (Some(node), Some(chromium)) = (node(), foreign("chromium")) else {
            return;
        };
        // Without allow-loopback-peers: each peer is the other's relayed address, and those are always reachable.
        let turnd = Turnd::start(&config(&format!("user={USER}:{PASSWORD}\nlt-cred-mech\n")));
        let url = format!("turn:{}?transport=udp", address(&turnd));

        let printed = run(
            &node,
            &[&script("relay.mjs"), &chromium, &url, USER, PASSWORD],
        );

        let facts = Facts::of(&printed);
        for end in ["alice", "bob"] {
            let fact = |name: &str| facts.value(&format!("{end}_{name}"));
            assert_eq!(fact("messages"), "200", "{printed}");
            assert_eq!(fact("bytes"), "1629004", "{printed}");
            assert_eq!(fact("local"), "relay/udp", "{printed}");
            assert_eq!(fact("remote"), "relay", "{printed}");
        }
    }
}

mod turn_crate {
    //! The client of the `turn` crate 0.17, in this process.

    use super::*;
    use support::turn_client::TurnClient;

    const DATAGRAMS: u32 = 1000;

    #[tokio::test]
    async fn echo_through_a_channel() {
        let turnd = Turnd::start(&long_term());
        let peer = EchoPeer::start(V4);
        let client = TurnClient::allocate(turnd.udp_v4(), USER, PASSWORD, REALM).await;
        assert_eq!(client.relayed().ip(), V4);
        client.echo_until_the_channel_is_bound(peer.address()).await;
        let before = client.channel_data();

        client.echo(peer.address(), DATAGRAMS).await;

        let after = client.channel_data();
        assert_eq!(after.sent - before.sent, DATAGRAMS, "sent as ChannelData");
        assert_eq!(
            after.received - before.received,
            DATAGRAMS,
            "received as ChannelData"
        );
    }

    #[tokio::test]
    async fn from_relay_to_relay() {
        // No allow-loopback-peers: a live relayed address of this server is a peer that needs no permission of the operator.
        let turnd = Turnd::start(&config(&format!("user={USER}:{PASSWORD}\nlt-cred-mech\n")));
        let alice = TurnClient::allocate(turnd.udp_v4(), USER, PASSWORD, REALM).await;
        let bob = TurnClient::allocate(turnd.udp_v4(), USER, PASSWORD, REALM).await;
        assert_ne!(alice.relayed(), bob.relayed());
        alice.permit(bob.relayed()).await;

        bob.send_and_expect_at(&alice, DATAGRAMS).await;
        alice.send_and_expect_at(&bob, DATAGRAMS).await;
        alice.close().await;
        bob.close().await;
    }
}

/// A user of the long-term mechanism, and peers on loopback.
fn long_term() -> String {
    config(&format!(
        "user={USER}:{PASSWORD}\nlt-cred-mech\nallow-loopback-peers\n"
    ))
}

/// What every test needs, and these lines.
fn config(lines: &str) -> String {
    format!(
        "listening-ip=127.0.0.1\n\
         listening-ip=::1\n\
         listening-port=0\n\
         relay-ip=127.0.0.1\n\
         relay-ip=::1\n\
         realm={REALM}\n\
         # uclient draws its channels from the whole range of the older RFC.\n\
         rfc5766-channel-numbers\n\
         {lines}"
    )
}
