//! What an operator sees of memory that is nearly gone. The kernel's word about it is a file of the test's own.

use std::{
    fs,
    net::{SocketAddr, TcpStream, UdpSocket},
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    metrics::CONFIG,
    scrape::scrape,
    session::Session,
    support::{is_root, turnd::Turnd},
};

/// Becomes the server, for which `$1` is what the kernel tells.
const MACHINE: &str = r#"
set -e
mount --bind "$1" /proc/meminfo
shift 1
exec "$0" "$@"
"#;

/// What a DTLS client begins with.
const HELLO: [u8; 20] = [
    22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0,
];

#[test]
fn each_refusal_for_want_of_memory_is_counted_by_what_was_refused() {
    if !is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let told = directory.path().join("meminfo");
    let tell = |left: u64| {
        let text = format!("MemTotal: 2097152 kB\nMemAvailable: {} kB\n", left << 10);
        fs::write(&told, text).unwrap();
    };
    tell(1024);
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", MACHINE])
        .arg(env!("CARGO_BIN_EXE_turnd"))
        .arg(&told);
    let turnd = Turnd::start_with(command, &format!("{CONFIG}self-signed\ndtls\n"), &[]);
    let peer = "127.0.0.1:9".parse().unwrap();
    let other = "127.0.0.2:9".parse().unwrap();
    let alice = Session::new(turnd.udp_v4(), "alice", "secret");
    alice.allocate().relayed();
    assert_eq!(alice.permit(peer).error(), None);
    let series = |refused| format!("turnd_memory_hits_total{{refused=\"{refused}\"}}");
    let kinds = [
        "allocation",
        "permission",
        "channel",
        "peer-connection",
        "client-connection",
        "dtls-handshake",
    ]
    .map(series);
    let now = scrape(&turnd);
    now.expect(&[("turnd_memory_short", 0.0)]);
    assert!(kinds.iter().all(|it| now.find(it) == Some(0.0)));

    let seen = turnd.line_count();
    tell(100);
    turnd.wait_for_line_after(seen, "100 of 2048 MB are left for this machine");
    let bob = Session::new(turnd.udp_v4(), "bob", "secret");
    for _ in 0..2 {
        assert_eq!(bob.allocate().error(), Some(508));
    }
    for _ in 0..3 {
        assert_eq!(alice.permit(other).error(), Some(508));
    }
    assert_eq!(alice.bind(peer).error(), Some(508));
    let connections =
        [(); 4].map(|()| TcpStream::connect(turnd.address("tcp", SocketAddr::is_ipv4)).unwrap());
    let hello = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..5 {
        hello.send_to(&HELLO, turnd.udp_v4()).unwrap();
    }
    // Nobody answers connections and hellos: they may not have been seen yet.
    let expected = [2.0, 3.0, 1.0, 0.0, 4.0, 5.0];
    let until = Instant::now() + Duration::from_secs(20);
    let now = loop {
        let now = scrape(&turnd);
        let mut counts = kinds.iter().map(|it| now.value(it)).zip(expected);
        if counts.all(|(count, expected)| count >= expected) || Instant::now() > until {
            break now;
        }
    };
    let expected = kinds.iter().map(String::as_str).zip(expected);
    now.expect(
        &expected
            .chain([("turnd_memory_short", 1.0)])
            .collect::<Vec<_>>(),
    );
    drop(connections);

    let seen = turnd.line_count();
    tell(1024);
    turnd.wait_for_line_after(seen, "1024 MB are left again");
    scrape(&turnd).expect(&[("turnd_memory_short", 0.0)]);
    bob.allocate().relayed();
    turnd.stop();
}
