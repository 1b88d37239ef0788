use super::*;

fn policy(rules: PeerRules) -> PeerPolicy {
    let relays = LiveRelays::new([
        (ip("10.0.0.5"), ip("9.9.9.9")),
        (ip("127.0.0.1"), ip("127.0.0.1")),
    ]);
    let owner = (0, slotmap::KeyData::from_ffi(1 << 32).into());
    relays.set_live(address("10.0.0.5:50000"), Some(owner));
    let own = ["10.0.0.5", "127.0.0.1"].map(|own| ip(own)..=ip(own));
    let own = OwnAddresses::new(own.into(), vec![ip("9.9.9.8")]);
    PeerPolicy::new(
        rules,
        Arc::new(own),
        vec![address("127.0.0.1:3478"), address("10.0.0.5:3478")],
        Arc::new(relays),
    )
}

/// What a reload compares before it judges the peers of every allocation again.
#[test]
fn a_policy_judges_as_another_only_if_nothing_of_it_is_new() {
    let old = policy(PeerRules::default());
    let with = |change: &dyn Fn(&mut PeerPolicy)| {
        let mut new = PeerPolicy::new(
            old.rules.clone(),
            old.own.clone(),
            old.listeners.clone(),
            old.relays.clone(),
        );
        change(&mut new);
        new.judges_as(&old)
    };
    assert!(with(&|_| {}));
    let own = || Arc::new(OwnAddresses::new(vec![], vec![]));
    assert!(!with(
        &|new| new.rules.denied = vec![ip("8.8.8.8")..=ip("8.8.8.8")]
    ));
    assert!(!with(&|new| new.own = own()));
    assert!(!with(&|new| new.listeners.clear()));
    assert!(!with(&|new| new.relays = Arc::default()));
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn reach(policy: &PeerPolicy, text: &str) -> Result<SocketAddr, Forbidden> {
    let asked = address(text);
    let host = policy.check(asked)?;
    Ok(policy.peer(host, asked.port())?.wire())
}

#[test]
fn by_default_only_public_addresses_are_peers() {
    let policy = policy(PeerRules::default());
    for refused in [
        "0.0.0.0:9",
        "0.1.2.3:9",
        "127.0.0.1:9",
        "169.254.169.254:80",
        "192.0.0.192:9",
        "10.1.2.3:9",
        "100.64.0.1:9",
        "172.31.255.255:9",
        "192.168.1.1:9",
        "224.0.0.1:9",
        "239.1.1.1:9",
        "255.255.255.255:9",
        "240.0.0.1:9",
        "168.63.129.16:9",
        "100.100.100.200:9",
        "198.18.0.1:9",
        "192.0.2.1:9",
        "198.51.100.1:9",
        "203.0.113.1:9",
        "192.88.99.1:9",
        "192.175.48.1:9",
        "[::]:9",
        "[::1]:9",
        "[::7f00:1]:9",
        "[::ffff:8.8.8.8]:9",
        "[::ffff:0:808:808]:9",
        "[64:ff9b::808:808]:9",
        "[64:ff9b:1::1]:9",
        "[2002:808:808::1]:9",
        "[2001::1]:9",
        "[fe80::1]:9",
        "[fec0::1]:9",
        "[fc00::1]:9",
        "[fd00:ec2::254]:80",
        "[fd20:ce::254]:80",
        "[ff02::1]:9",
        "[2001:db8::1]:9",
        "[3fff::1]:9",
        "[5f00::1]:9",
        "[100::1]:9",
        "[100:0:0:1::1]:9",
        "[2001:2::1]:9",
        "[2001:10::1]:9",
        "[2001:20::1]:9",
        "[2620:4f:8000::1]:9",
        "[2a00:1450::5efe:808:808]:9",
        "[2a00:1450::200:5efe:808:808]:9",
        "8.8.8.8:0",
    ] {
        assert!(reach(&policy, refused).is_err(), "{refused}");
    }
    for reached in [
        "8.8.8.8:9",
        "1.1.1.1:1",
        "172.32.0.1:9",
        "11.0.0.0:9",
        "[2a00:1450::1]:9",
        "[2606::1]:65535",
    ] {
        assert_eq!(reach(&policy, reached), Ok(address(reached)));
    }
}

#[test]
fn one_word_opens_the_lan_but_not_this_machine() {
    let policy = policy(PeerRules {
        allow_private: true,
        ..PeerRules::default()
    });
    for reached in [
        "10.1.2.3:9",
        "192.168.1.1:9",
        "172.16.0.1:9",
        "100.64.0.1:9",
        "[fd12::1]:9",
    ] {
        assert!(reach(&policy, reached).is_ok(), "{reached}");
    }
    for refused in [
        "10.0.0.5:22",
        "127.0.0.1:9",
        "169.254.169.254:80",
        "[fe80::1]:9",
        "[fd00:ec2::254]:80",
    ] {
        assert!(reach(&policy, refused).is_err(), "{refused}");
    }
}

#[test]
fn allow_comes_before_deny_and_single_addresses_open_more_than_ranges() {
    let range = |first, last| ip(first)..=ip(last);
    let policy = policy(PeerRules {
        allowed: vec![
            range("10.1.0.0", "10.1.255.255"),
            range("169.254.0.0", "169.254.255.255"),
            range("203.0.113.7", "203.0.113.7"),
            range("224.0.0.1", "224.0.0.1"),
        ],
        denied: vec![
            range("10.0.0.0", "10.255.255.255"),
            range("8.8.8.0", "8.8.8.255"),
        ],
        ..PeerRules::default()
    });
    assert!(reach(&policy, "10.1.2.3:9").is_ok());
    assert!(reach(&policy, "203.0.113.7:9").is_ok());
    let denied = |first, last| Err(Forbidden::Denied(ip(first), ip(last)));
    assert_eq!(reach(&policy, "8.8.8.8:9"), denied("8.8.8.0", "8.8.8.255"));
    assert_eq!(
        reach(&policy, "10.2.0.1:9"),
        denied("10.0.0.0", "10.255.255.255")
    );
    assert_eq!(
        reach(&policy, "169.254.1.1:9"),
        Err(Forbidden::Class(Class::Reserved))
    );
    assert_eq!(
        reach(&policy, "224.0.0.1:9"),
        Err(Forbidden::Class(Class::Never))
    );
}

#[test]
fn this_machine_is_reached_only_at_live_relays() {
    let policy = policy(PeerRules::default());
    let inside = address("10.0.0.5:50000");
    assert_eq!(reach(&policy, "10.0.0.5:50000"), Ok(inside));
    assert_eq!(reach(&policy, "9.9.9.9:50000"), Ok(inside));
    for refused in [
        "9.9.9.9:22",
        "9.9.9.9:50001",
        "9.9.9.8:3478",
        "10.0.0.5:3478",
        "127.0.0.1:50000",
    ] {
        assert_eq!(reach(&policy, refused), Err(Forbidden::Own), "{refused}");
    }
}

#[test]
fn an_allowed_own_address_still_hides_the_listeners() {
    let policy = policy(PeerRules {
        allow_loopback: true,
        ..PeerRules::default()
    });
    assert!(reach(&policy, "127.0.0.1:9").is_ok());
    assert_eq!(reach(&policy, "127.0.0.1:3478"), Err(Forbidden::Own));
    // Nobody listens there, and no translation leads from there to another address of this machine.
    assert!(reach(&policy, "127.0.0.2:3478").is_ok());
}
