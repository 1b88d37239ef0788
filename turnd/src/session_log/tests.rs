//! Lines as they are written.

use slotmap::SlotMap;
use turnd_proto::{FiveTuple, Traffic};
use turnd_wire::Method;

use super::*;
use crate::{
    config::{LogSettings, Verbosity},
    log,
};

/// What is written when so much is asked for.
fn logged(verbosity: Verbosity, work: impl FnOnce(&mut SessionLog)) -> Vec<String> {
    let settings = LogSettings {
        verbosity,
        ..LogSettings::default()
    };
    log::testing::logged(&settings, || work(&mut SessionLog::new(3, "turn.org")))
}

/// One client makes and deletes an allocation so many times.
fn churn(log: &mut SessionLog, second: u64, times: u32) {
    let client = "192.0.2.1:4001".parse().unwrap();
    let mut allocations: SlotMap<AllocationId, ()> = SlotMap::with_key();
    let now = Instant::from_millis(second * 1000);
    for _ in 0..times {
        let allocation = allocations.insert(());
        let user = "alice".to_owned();
        let made = Event::Allocated {
            allocation,
            user: user.clone(),
            path: FiveTuple {
                transport: Transport::Udp,
                client,
                server: client,
            },
            protocol: RelayProtocol::Udp,
            relayed: vec![],
            lifetime: 600,
        };
        let deleted = Event::Deleted {
            allocation,
            user,
            client,
            server: client,
            cause: Ending::Deleted,
            traffic: Traffic::default(),
            life: Duration::ZERO,
        };
        log.write(now, &made);
        log.write(now, &deleted);
        allocations.remove(allocation);
    }
}

#[test]
fn a_client_that_comes_and_goes_in_a_loop_does_not_fill_the_log() {
    let written = logged(Verbosity::Verbose, |log| {
        churn(log, 1, 10_000);
        churn(log, 10, 10_000);
        churn(log, 11, 1);
    });
    // 250 of each: the beginning of a session has three lines and its end five.
    assert_eq!(written.len(), 2000 + 9);
    assert_eq!(
        written[0],
        "INFO handle_udp_packet: New UDP endpoint: local 192.0.2.1:4001, remote 192.0.2.1:4001"
    );
    assert_eq!(
        written[1],
        "INFO session 003000000000000001: new, realm=<turn.org>, username=<alice>, lifetime=600"
    );
    // Later what was left out is told, once, and sessions keep their numbers.
    assert_eq!(
        written[2000],
        "INFO worker 3: 39500 events of sessions were not logged"
    );
    assert!(written[2002].starts_with("INFO session 003000000000020001: new"));
}

#[test]
fn what_the_level_hides_costs_no_line() {
    let permitted = Event::Permitted {
        allocation: AllocationId::default(),
        peer: "8.8.8.8:9".parse().unwrap(),
        lifetime: 300,
    };
    let now = Instant::from_millis(1000);
    for (verbosity, expected) in [
        (Verbosity::Quiet, 0),
        (Verbosity::Verbose, 8),
        (Verbosity::Extra, 500),
    ] {
        let written = logged(verbosity, |log| {
            (0..1000).for_each(|_| log.write(now, &permitted));
            churn(log, 1, 1);
        });
        assert_eq!(written.len(), expected);
    }
}

#[test]
fn a_failed_login_is_told_with_its_address_at_the_end_whatever_the_name() {
    let refused = |user: &str| Event::Refused {
        client: "192.0.2.1:4001".parse().unwrap(),
        user: Some(user.to_owned()),
        method: Method::CREATE_PERMISSION,
        code: ErrorCode::UNAUTHENTICATED,
        fault: Fault::Credentials,
    };
    let now = Instant::from_millis(1000);
    let written = logged(Verbosity::Verbose, |log| {
        log.write(now, &refused("x> remote 6.6.6.6:6\nx"));
    });
    let user = "x\\u{3e} remote 6.6.6.6:6\\u{a}x";
    assert_eq!(
        written,
        [
            format!(
                "INFO session 003000000000000000: check_stun_auth: user <{user}> credentials are incorrect, remote 192.0.2.1:4001"
            ),
            format!(
                "INFO session 003000000000000000: realm <turn.org> user <{user}>: incoming packet CREATE_PERMISSION processed, error 401: Unauthorized, remote 192.0.2.1:4001"
            ),
        ]
    );
    // Without verbose only what tools that block attackers need.
    let written = logged(Verbosity::Quiet, |log| log.write(now, &refused("alice")));
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(written[0].contains("check_stun_auth"));
}

#[test]
fn methods_have_coturns_names() {
    for (method, name) in [
        (Method::ALLOCATE, "ALLOCATE"),
        (Method::CHANNEL_BIND, "CHANNEL_BIND"),
        (Method::CONNECTION_BIND, "CONNECTION_BIND"),
    ] {
        assert_eq!(MethodName(method).to_string(), name);
    }
}

#[test]
fn nothing_turns_the_direction_of_a_line_not_even_the_realm() {
    let settings = LogSettings {
        verbosity: Verbosity::Verbose,
        ..LogSettings::default()
    };
    let written = log::testing::logged(&settings, || {
        churn(&mut SessionLog::new(0, "turn\u{202e}.org"), 1, 1);
    });
    assert!(
        written[1].contains("realm=<turn\\u{202e}.org>"),
        "{written:?}"
    );
}
