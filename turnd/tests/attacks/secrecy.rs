//! What nobody is to learn: secrets, who has an account, and what was in somebody else's packet.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use turnd_wire::{Class, Method, attr};

use crate::{
    scrape::{get, scrape},
    support::{as_long, is_root, turnd::Turnd},
    ways::{Client, Way, message},
};

const CONFIG: &str = "realm=example.org\nlistening-ip=127.0.0.1\nlistening-port=0\nrelay-threads=1\nallow-loopback-peers\n";

/// The sources of the crates that serve.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    let mut directories: Vec<PathBuf> = [
        "crates/wire/src",
        "crates/proto/src",
        "crates/net/src",
        "turnd/src",
    ]
    .map(|it| root.join(it))
    .to_vec();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 100, "the sources are there");
    found
}

/// D01: what must not be foreseen comes from the operating system, and C18: maps have keys that are drawn.
#[test]
fn d01_there_is_no_other_source_of_chance() {
    for (path, text) in sources() {
        for word in [
            "rand::",
            "fastrand",
            "thread_rng",
            "SmallRng",
            "XorShift",
            "FixedState",
            "FxHash",
            "srand",
        ] {
            assert!(!text.contains(word), "{word} in {}", path.display());
        }
    }
}

/// D01: the ports of thousands of allocations: chi squared below what chance exceeds once in a thousand times, and no
/// correlation from one to the next. A hundred thousand in the long run.
#[test]
fn d01_ports_are_drawn_evenly() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}user=alice:secret\nmin-port=20000\nmax-port=59999\n"
    ));
    let mut client = Client::new(Way::Udp, &turnd);
    let count = as_long(3_000, 100_000);
    let mut ports = Vec::new();
    for _ in 0..count {
        let allocated = client.allocate(17, 1);
        ports.push(f64::from(allocated.relayed()[0].port()) - 20_000.0);
        let deleted = client.request(Method::REFRESH, |writer| writer.number32(attr::LIFETIME, 0));
        assert_eq!(deleted.error(), None);
    }
    let count = count as f64;
    let mut buckets = [0.0; 40];
    ports
        .iter()
        .for_each(|port| buckets[*port as usize / 1000] += 1.0);
    let expected = count / 40.0;
    let chi: f64 = buckets
        .iter()
        .map(|it: &f64| (it - expected).powi(2) / expected)
        .sum();
    // 39 degrees of freedom: 72.05 in one of a thousand. Ports that others have may be missing.
    assert!(chi < 72.05 + count / 2000.0, "chi squared {chi}");
    let mean = ports.iter().sum::<f64>() / count;
    let variance = ports.iter().map(|it| (it - mean).powi(2)).sum::<f64>();
    let serial: f64 = ports
        .windows(2)
        .map(|it| (it[0] - mean) * (it[1] - mean))
        .sum();
    let correlation = serial / variance;
    assert!(
        correlation.abs() < 4.0 / count.sqrt(),
        "correlation {correlation}"
    );
}

/// D03: how long an answer takes does not tell whether there is such a user.
#[test]
fn d03_time_does_not_tell_who_has_an_account() {
    let turnd = Turnd::start(&format!("{CONFIG}user=alice:secret\nfailed-logins=0\n"));
    let samples = as_long(3_000, 20_000);
    let mut clients =
        ["alice", "nobody"].map(|name| Client::new(Way::Udp, &turnd).user(name, "guess"));
    let mut guess = || {
        let mut times = [Vec::new(), Vec::new()];
        let mut lengths = [0, 0];
        for round in 0..samples {
            // In turns, so that what else the machine does falls on both.
            for nth in [round % 2, 1 - round % 2] {
                let began = Instant::now();
                let reply = clients[nth].allocate(17, 1);
                times[nth].push(began.elapsed());
                lengths[nth] = reply.0.len();
                assert_eq!(reply.error(), Some(401));
            }
        }
        assert_eq!(lengths[0], lengths[1]);
        area(&times[0], &times[1])
    };
    // Other tests run beside it by default, and may keep step with it once; what tells of a user does so each time.
    let most = if samples == 20_000 { 0.02 } else { 0.2 };
    let areas: Vec<f64> = (0..3).map(|_| guess()).collect();
    let is_even = |area: &f64| (area - 0.5).abs() <= most;
    assert!(areas.iter().any(is_even), "{areas:?}");
}

/// Under the curve of whoever guesses by time: how often one of these is above one of those.
fn area(these: &[Duration], those: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> = these.iter().map(|it| (*it, true)).collect();
    all.extend(those.iter().map(|it| (*it, false)));
    all.sort();
    let (mut below, mut above) = (0_u64, 0_u64);
    for (_, is_of_these) in all {
        if is_of_these {
            above += below;
        } else {
            below += 1;
        }
    }
    above as f64 / (these.len() * those.len()) as f64
}

/// D04: codes, tokens and passwords are compared in constant time.
#[test]
fn d04_secrets_are_compared_in_constant_time() {
    let sources = sources();
    // Either by a comparison of its own, or by that of the crate for HMAC.
    for (file, comparison) in [
        ("wire/src/integrity.rs", "verify_slice"),
        ("proto/src/nonce.rs", "ct_eq"),
        ("src/dtls/cookie.rs", "verify"),
        ("src/metrics/answers.rs", "ct_eq"),
    ] {
        let found = sources.iter().find(|(path, _)| path.ends_with(file));
        let (_, text) = found.unwrap_or_else(|| panic!("{file} is there"));
        assert!(text.contains(comparison), "{file}");
    }
}

/// D06: short passwords are told of at the start, and long ones are not.
#[test]
fn d06_short_passwords_are_told_of() {
    let warning = "passwords have fewer than 8 characters";
    let turnd = Turnd::start(&format!(
        "{CONFIG}user=alice:secret\nuser=bob:0123456789abcdef\n"
    ));
    let log = turnd.stop().log;
    assert!(
        log.contains(&format!("WARNING user: 1 of 2 {warning}")),
        "{log}"
    );
    assert!(
        !log.contains(":secret") && !log.contains("0123456789"),
        "{log}"
    );
    let turnd = Turnd::start(&format!("{CONFIG}user=bob:0123456789abcdef\n"));
    let log = turnd.stop().log;
    assert!(!log.contains(warning), "{log}");
}

/// D10: what fills up attributes and messages is nothing but zeros.
#[test]
fn d10_padding_is_zero() {
    let config = CONFIG.replace("example.org", "seven77")
        + "self-signed\ndtls\ntls-listening-port=0\nno-auth\n";
    let turnd = Turnd::start(&config);
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let address = peer.local_addr().unwrap();
    for way in Way::ALL {
        let mut client = Client::new(way, &turnd);
        let allocate = message(Class::Request, Method::ALLOCATE, |writer| {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        });
        let relayed = client.exchange(&allocate.1).relayed()[0];
        let permit = message(Class::Request, Method::CREATE_PERMISSION, |writer| {
            writer.xor_address(attr::XOR_PEER_ADDRESS, address);
        });
        assert_eq!(client.exchange(&permit.1).error(), None);
        for length in 0..300 {
            // What was there before is anything but zero.
            peer.send_to(&vec![0xEE; 600], relayed).unwrap();
            peer.send_to(&vec![0xEE; length], relayed).unwrap();
            for _ in 0..2 {
                expect_clean(&client.next());
            }
            let unknown = message(Class::Request, Method::BINDING, |writer| {
                writer.bytes(attr::AttributeType(0x7F01), &[0xEE; 3]);
            });
            expect_clean(&client.exchange(&unknown.1).0);
        }
    }
    // Challenges, with a realm of seven characters.
    let turnd = Turnd::start(&(CONFIG.replace("example.org", "seven77") + "user=alice:secret\n"));
    let mut client = Client::new(Way::Udp, &turnd);
    for _ in 0..100 {
        let allocate = message(Class::Request, Method::ALLOCATE, |_| ());
        expect_clean(&client.exchange(&allocate.1).0);
    }
}

/// Walks over the attributes of a message of STUN.
fn expect_clean(bytes: &[u8]) {
    let mut at = 20;
    while at < bytes.len() {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        let end = at + 4 + length;
        at = end.next_multiple_of(4);
        assert!(bytes[end..at].iter().all(|byte| *byte == 0), "{bytes:?}");
    }
}

/// D11: five secrets are planted, and found nowhere: not in the log, also after a panic, not in the metrics, not in
/// what the system tells of the process.
#[test]
fn d11_secrets_are_found_nowhere() {
    const SECRETS: [&str; 5] = [
        "planted-password-1",
        "planted-secret-2",
        "planted-nonce-3",
        "planted-reader-4",
        "planted-key-5",
    ];
    let [password, secret, nonce, reader, _] = SECRETS;
    let config = format!(
        "{CONFIG}user=alice:{password}\nuser=bob:secret12\nstatic-auth-secret={secret}\n\
         stateless-nonce-secret={nonce}\nprometheus\nprometheus-address=127.0.0.1\nprometheus-port=0\n\
         prometheus-user=reader\nprometheus-password={reader}\nverbose\npkey-pwd={}\n",
        SECRETS[4]
    );
    let turnd = Turnd::start_as(&config, |command| {
        command.env("TURND_TEST_PANIC_USER", "mallory");
    });
    let mut alice = Client::new(Way::Udp, &turnd).user("alice", password);
    assert_eq!(alice.allocate(17, 1).error(), None);
    for name in ["alice", "nobody"] {
        let mut guesser = Client::new(Way::Udp, &turnd).user(name, "guess");
        assert_eq!(guesser.allocate(17, 1).error(), Some(401));
    }
    let seen = turnd.line_count();
    let mut mallory = Client::new(Way::Udp, &turnd).user("mallory", password);
    mallory.request_in_vain(Method::ALLOCATE);
    turnd.wait_for_line_after(seen, "begins anew");
    let mut shown = get(&turnd, "/metrics").body + &get(&turnd, "/healthz").body;
    let pid = turnd.pid();
    for file in ["cmdline", "environ", "status", "maps"] {
        shown += &String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{file}")).unwrap());
    }
    turnd.signal("HUP");
    turnd.wait_for_line_after(seen, "SIGHUP");
    shown += &turnd.stop().log;
    assert!(shown.contains("panicked"), "{shown}");
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret}");
    }
}

/// D11: nobody of the same user looks into the memory, unless the operator wants that.
#[test]
fn d11_the_memory_is_nobodys_to_read() {
    if !is_root() {
        return;
    }
    for (more, is_private) in [("", true), ("core-dumps\n", false)] {
        let turnd = Turnd::start(&format!(
            "{CONFIG}user=alice:0123456789abcdef\nproc-user=nobody\n{more}\
             prometheus\nprometheus-address=127.0.0.1\nprometheus-port=0\n"
        ));
        let process = format!("/proc/{}", turnd.pid());
        let owner = fs::metadata(format!("{process}/environ")).unwrap().uid();
        assert_eq!(
            owner == 0,
            is_private,
            "{more:?}: its memory is that of {owner}"
        );
        // It still knows itself.
        let metrics = scrape(&turnd);
        assert!(metrics.value("process_open_fds") > 5.0);
        assert!(metrics.value("process_max_fds") > 5.0);
        assert!(metrics.value("process_resident_memory_bytes") > 1e6);
    }
}
