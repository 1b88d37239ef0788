use proptest::{prelude::*, sample::select};

use super::*;

type Addresses = Option<(SocketAddr, SocketAddr)>;

fn done(length: usize, addresses: Addresses) -> Header {
    Header::Done { length, addresses }
}

fn pair(source: &str, destination: &str) -> Addresses {
    Some((source.parse().unwrap(), destination.parse().unwrap()))
}

fn version_2(command: u8, kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[command, kind], &length, payload].concat()
}

#[track_caller]
fn line(text: &str, addresses: Addresses) {
    assert_eq!(
        read(text.as_bytes()),
        done(text.len(), addresses),
        "{text:?}"
    );
}

#[track_caller]
fn bad(bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    assert_eq!(read(bytes), Header::Bad, "{:?}", bytes.escape_ascii());
}

#[track_caller]
fn partial(bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    assert_eq!(read(bytes), Header::Partial, "{:?}", bytes.escape_ascii());
}

#[test]
fn the_examples_of_the_specification() {
    line(
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
        pair("192.168.0.1:56324", "192.168.0.11:443"),
    );
    line(
        "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
        pair("255.255.255.255:65535", "255.255.255.255:65535"),
    );
    let widest = ["ffff"; 8].join(":");
    line(
        &format!("PROXY TCP6 {widest} {widest} 65535 65535\r\n"),
        pair(&format!("[{widest}]:65535"), &format!("[{widest}]:65535")),
    );
    line("PROXY UNKNOWN\r\n", None);
    let worst = format!("PROXY UNKNOWN {widest} {widest} 65535 65535\r\n");
    assert_eq!(worst.len(), MAX_LINE);
    line(&worst, None);
}

#[test]
fn mapped_addresses_become_ipv4() {
    line(
        "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 0 3478\r\n",
        pair("192.0.2.1:0", "[2001:db8::1]:3478"),
    );
    let mut payload = [0; 36];
    payload[10..16].copy_from_slice(&[0xFF, 0xFF, 192, 0, 2, 1]);
    payload[31..].copy_from_slice(&[1, 0, 80, 1, 187]);
    let header = version_2(0x21, 0x21, &payload);
    assert_eq!(read(&header), done(52, pair("192.0.2.1:80", "[::1]:443")));
}

#[test]
fn version_2_with_tlvs_behind_the_addresses() {
    let mut payload = vec![192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 4, 0x0D, 0x96];
    payload.extend([0x03, 0, 4, 1, 2, 3, 4]);
    let header = version_2(0x21, 0x11, &payload);
    assert_eq!(
        read(&header),
        done(35, pair("192.0.2.1:56324", "198.51.100.2:3478"))
    );
}

#[test]
fn what_has_no_usable_address_counts_with_its_real_one() {
    // UNSPEC, datagrams, Unix sockets, and combinations that the specification leaves open.
    for kind in [0x00, 0x01, 0x02, 0x10, 0x12, 0x20, 0x22, 0x30, 0x31, 0x32] {
        for payload in [0, 12, 36, 216] {
            let header = version_2(0x21, kind, &vec![7; payload]);
            assert_eq!(read(&header), done(16 + payload, None), "{kind:#x}");
        }
    }
    // Of LOCAL, nothing but the length matters.
    for kind in 0..=255 {
        for payload in [0, 12, 36] {
            let header = version_2(0x20, kind, &vec![7; payload]);
            assert_eq!(read(&header), done(16 + payload, None), "{kind:#x}");
        }
    }
    line("PROXY UNKNOWN \r\n", None);
    line("PROXY UNKNOWN whatever \u{e9} \n there is\r\n", None);
}

#[test]
fn malformed_lines_are_bad() {
    for text in [
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP4 ::ffff:192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP6 fe80::1%1 ::1 1 2\r\n",
        "PROXY TCP6 [::1] [::1] 1 2\r\n",
        "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 -2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 00 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 99999999999999999999\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 a\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 \r\n",
        "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
        "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY UNKNOW\r\n",
        " PROXY UNKNOWN\r\n",
    ] {
        bad(text);
    }
}

#[test]
fn a_line_is_bad_at_the_first_byte_that_cannot_fit() {
    for (fits, not) in [
        ("", "X"),
        ("PRO", "K"),
        ("PROXY", "\r"),
        ("PROXY ", " "),
        ("PROXY TCP", "5"),
        ("PROXY TCP4", "\r"),
        ("PROXY TCP4 1.2.3.4", "\n"),
        ("PROXY TCP4 1.2.3.4", "+"),
        ("PROXY TCP6 fe80::1", "%"),
        ("PROXY UNKNOWN", "S"),
        ("PROXY UNKNOWN\r", " "),
    ] {
        partial(fits);
        bad(format!("{fits}{not}"));
    }
    let long = format!("{:x<105}", "PROXY UNKNOWN ");
    partial(&long);
    partial(format!("{long}\r"));
    bad(format!("{long}x"));
    bad(format!("{long}\rx"));
    line(&format!("{long}\r\n"), None);
}

#[test]
fn malformed_binary_headers_are_bad_at_the_byte_that_says_so() {
    bad(b"\r\n\r\n\0\r\nQUIT\r");
    bad(b"\r\r");
    for command in (0..=255).filter(|command| !matches!(command, 0x20 | 0x21)) {
        bad([SIGNATURE, &[command][..]].concat());
    }
    for kind in (0..=255_u8).filter(|kind| kind >> 4 > 3 || kind & 0xF > 2) {
        bad([SIGNATURE, &[0x21, kind][..]].concat());
    }
    for (kind, length) in [(0x11, 11), (0x11, 0), (0x21, 35), (0x21, 12)] {
        partial([SIGNATURE, &[0x21, kind, 0][..]].concat());
        bad([SIGNATURE, &[0x21, kind, 0, length][..]].concat());
    }
}

#[test]
fn the_longest_payload() {
    let longest = version_2(0x21, 0x11, &[7; MAX_PAYLOAD]);
    assert_eq!(longest.len(), MAX_HEADER);
    assert!(matches!(
        read(&longest),
        Header::Done {
            length: MAX_HEADER,
            ..
        }
    ));
    partial([SIGNATURE, &[0x21, 0x11, 8][..]].concat());
    bad([SIGNATURE, &[0x21, 0x11, 8, 1][..]].concat());
    bad([SIGNATURE, &[0x21, 0x11, 0xFF, 0xFF][..]].concat());
}

fn address_pair() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = any::<(Ipv4Addr, u16)>().prop_map(SocketAddr::from);
    let v6 = any::<(Ipv6Addr, u16)>().prop_map(SocketAddr::from);
    prop_oneof![(v4.clone(), v4), (v6.clone(), v6)]
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A header with what should be read from it.
fn header() -> impl Strategy<Value = (Vec<u8>, Addresses)> {
    let expected = |(source, destination)| Some((canonical(source), canonical(destination)));
    let text = address_pair().prop_map(move |pair| {
        let (source, destination) = pair;
        let version = if source.is_ipv4() { 4 } else { 6 };
        let (from, to) = (source.ip(), destination.ip());
        let ports = format!("{} {}", source.port(), destination.port());
        let line = format!("PROXY TCP{version} {from} {to} {ports}\r\n");
        (line.into_bytes(), expected(pair))
    });
    let tlvs = prop::collection::vec(any::<u8>(), 0..300);
    let binary = (address_pair(), tlvs.clone()).prop_map(move |(pair, tlvs)| {
        let octets = |address: SocketAddr| match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let (source, destination) = pair;
        let mut payload = [octets(source), octets(destination)].concat();
        payload.extend(source.port().to_be_bytes());
        payload.extend(destination.port().to_be_bytes());
        payload.extend(tlvs);
        let kind = if source.is_ipv4() { 0x11 } else { 0x21 };
        (version_2(0x21, kind, &payload), expected(pair))
    });
    let unknown =
        "( [ -~]{0,91})?".prop_map(|rest| (format!("PROXY UNKNOWN{rest}\r\n").into_bytes(), None));
    let local =
        (any::<u8>(), tlvs).prop_map(|(kind, payload)| (version_2(0x20, kind, &payload), None));
    prop_oneof![text, binary, unknown, local]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_header_is_read_and_what_follows_is_left(
        (header, addresses) in header(), rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let stream = [&header[..], &rest].concat();
        prop_assert_eq!(read(&stream), done(header.len(), addresses));
    }

    #[test]
    fn a_header_cut_anywhere_is_partial((header, _) in header()) {
        for cut in 0..header.len() {
            prop_assert_eq!(read(&header[..cut]), Header::Partial, "cut at {}", cut);
        }
    }

    /// Damaged headers and any bytes: what has been decided stays so, and it is decided in the end.
    #[test]
    fn more_bytes_never_change_a_decision(
        (header, _) in header(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), damage()), 0..4),
        rest in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut stream = [&header[..], &rest].concat();
        for (at, byte) in damage {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        stream.resize(stream.len() + MAX_HEADER, b'x');
        let last = read(&stream);
        prop_assert_ne!(last, Header::Partial);
        let mut decided = false;
        for cut in 0..300.min(stream.len()) {
            let now = read(&stream[..cut]);
            prop_assert!(now == last || (now == Header::Partial && !decided), "at {}", cut);
            decided |= now != Header::Partial;
            if let Header::Done { length, .. } = now {
                prop_assert!(length <= cut);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), select(b"\r\n 0+:.%".to_vec())]
}
