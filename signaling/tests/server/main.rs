//! The server around the rooms: HTTPS, pages, headers, metrics, and what the command line refuses.

#[path = "../support/mod.rs"]
mod support;

mod floods;
mod ghosts;
mod idle;
mod polling;
mod secrets;
mod slow;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use support::{
    certificates::{Certificates, KeyKind},
    foreign::{attempt, foreign},
    servers::{Signaling, Turnd},
};

/// What curl gets: status line, headers and body. `None` without curl.
fn get(url: &str, more: &[&str]) -> Option<String> {
    let curl = foreign("curl")?;
    let arguments = [
        &["--silent", "--show-error", "--include", "--max-time", "20"],
        more,
        &[url],
    ];
    let (succeeded, printed) = attempt(&curl, &arguments.concat(), "");
    assert!(succeeded, "{url}: {printed}");
    Some(printed)
}

/// Starts it with arguments that it cannot start with, and returns what it says.
fn refusal(arguments: &[&str]) -> String {
    let arguments = arguments
        .iter()
        .map(|&text| text.to_owned())
        .collect::<Vec<_>>();
    let mut program = Signaling::run(&arguments);
    assert_ne!(program.wait(), Some(0));
    // The pipes may be behind the process.
    program.wait_for("");
    program.log()
}

#[test]
fn pages_are_served_with_what_keeps_them_safe() {
    let signaling = Signaling::start(&[]);
    let url = signaling.url();
    for (path, kind) in [
        ("", "text/html"),
        ("test", "text/html"),
        ("stats", "text/html"),
        ("call/main.js", "text/javascript"),
        ("style.css", "text/css"),
        ("favicon.svg", "image/svg+xml"),
        ("vendor/socket.io.LICENSE", "text/plain"),
    ] {
        let Some(answer) = get(&format!("{url}{path}"), &[]) else {
            return;
        };
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{path}: {answer}");
        for header in [
            format!("content-type: {kind}").as_str(),
            "content-security-policy: default-src 'self'; script-src 'self';",
            "permissions-policy: camera=(self)",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-cache",
        ] {
            assert!(answer.contains(header), "{path}: no {header}: {answer}");
        }
    }
    for path in [
        "no-such-page",
        "../Cargo.toml",
        "%2e%2e/Cargo.toml",
        ".git/config",
        "vendor/",
    ] {
        let answer = get(&format!("{url}{path}"), &["--path-as-is"]).unwrap_or_default();
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    let posted = get(&url, &["--request", "POST"]).unwrap_or_default();
    assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
}

#[test]
fn a_page_that_has_not_changed_is_not_sent_again() {
    let signaling = Signaling::start(&[]);
    let Some(first) = get(&signaling.url(), &[]) else {
        return;
    };
    let tag = first
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("a tag");
    let second = get(
        &signaling.url(),
        &["--header", &format!("If-None-Match: {tag}")],
    );
    assert!(second.is_some_and(|second| second.starts_with("HTTP/1.1 304")));
    let packed = get(&signaling.url(), &["--compressed"]).unwrap_or_default();
    assert!(packed.contains("content-encoding: gzip"), "{packed}");
}

#[test]
fn directories_are_listed_only_when_asked_for_and_names_are_text() {
    let root = tempfile::tempdir().expect("a directory");
    let hostile = "<img src=x onerror=alert(1)>&'\".txt";
    fs::create_dir(root.path().join("files")).expect("a directory");
    fs::write(root.path().join("files").join(hostile), "x").expect("a file");
    fs::write(root.path().join("files/.hidden"), "x").expect("a file");
    fs::write(root.path().join("page.html"), "a page of one's own").expect("a file");
    let path = root.path().to_str().expect("a path in UTF-8");

    let closed = Signaling::start(&["--web-root", path]);
    let Some(answer) = get(&format!("{}files/", closed.url()), &[]) else {
        return;
    };
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let page = get(&format!("{}page", closed.url()), &[]).unwrap_or_default();
    assert!(page.ends_with("a page of one's own"), "{page}");

    let open = Signaling::start(&["--web-root", path, "--list-directories"]);
    let listed = get(&format!("{}files/", open.url()), &[]).unwrap_or_default();
    assert!(
        listed.contains("&lt;img src=x onerror=alert(1)&gt;&amp;&#39;&quot;.txt"),
        "{listed}"
    );
    assert!(
        !listed.contains("<img") && !listed.contains(".hidden"),
        "{listed}"
    );
    for outside in [
        "../",
        "files/../../",
        "%2e%2e/",
        "files/%2e%2e/%2e%2e/",
        "..%2f",
    ] {
        let answer =
            get(&format!("{}{outside}", open.url()), &["--path-as-is"]).unwrap_or_default();
        assert!(answer.starts_with("HTTP/1.1 404"), "{outside}: {answer}");
    }
}

#[test]
fn a_new_certificate_is_taken_up_by_itself() {
    let [first, second] = [
        Certificates::new(KeyKind::Ecdsa),
        Certificates::new(KeyKind::Rsa),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| {
        directory
            .path()
            .join(name)
            .to_str()
            .expect("UTF-8")
            .to_owned()
    };
    let install = |from: &Certificates| {
        for name in ["server.pem", "server.key"] {
            fs::copy(from.path(name), path(name)).expect("a copy");
        }
    };
    install(&first);
    let (cert, key) = (path("server.pem"), path("server.key"));
    let signaling = Signaling::start(&["--cert", &cert, "--key", &key]);
    let url = format!("https://localhost:{}/", signaling.address.port());
    let trusting = |from: &Certificates| from.path("root.pem");
    let Some(answer) = get(&url, &["--cacert", &trusting(&first)]) else {
        return;
    };
    // Another program may serve HTTP on this host.
    assert!(!answer.contains("strict-transport-security"), "{answer}");
    install(&second);
    signaling.program.wait_for("the certificate was read again");
    get(&url, &["--cacert", &trusting(&second)]);
}

#[test]
fn plain_http_is_redirected() {
    let signaling = Signaling::start(&["--self-signed", "--redirect-from", "127.0.0.1:0"]);
    let log = signaling.program.log();
    let from = log
        .lines()
        .find_map(|line| Some(line.split_once("redirecting from ")?.1));
    let from = from
        .and_then(|from| from.parse::<SocketAddr>().ok())
        .expect("an address");
    let Some(answer) = get(&format!("http://{from}/test?a=b"), &[]) else {
        return;
    };
    let port = signaling.address.port();
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    assert!(
        answer.contains(&format!("location: https://127.0.0.1:{port}/test?a=b")),
        "{answer}"
    );
    let page = get(&format!("https://127.0.0.1:{port}/"), &["--insecure"]);
    let page = page.expect("a page");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    // Browsers would ask on port 443, where nobody is.
    assert!(!page.contains("strict-transport-security"), "{page}");
}

#[test]
fn metrics_and_health_have_a_place_of_their_own() {
    let signaling = Signaling::start(&["--metrics-listen", "127.0.0.1:0"]);
    let log = signaling.program.log();
    let metrics = log
        .lines()
        .find_map(|line| Some(line.split_once("metrics: ")?.1))
        .expect("an address");
    get(
        &format!("{}api/turn", signaling.url()),
        &["--header", "Origin: https://evil.example"],
    );
    let Some(told) = get(metrics, &[]) else {
        return;
    };
    assert!(told.contains("signaling_sockets 0"), "{told}");
    assert!(
        told.contains(r#"signaling_handshakes_refused_total{reason="origin"} 1"#),
        "{told}"
    );
    let health = get(&metrics.replace("/metrics", "/healthz"), &[]).unwrap_or_default();
    assert!(health.ends_with("ok\n"), "{health}");
    let elsewhere = get(&format!("{}metrics", signaling.url()), &[]).unwrap_or_default();
    assert!(elsewhere.starts_with("HTTP/1.1 404"), "{elsewhere}");
}

#[test]
fn what_cannot_be_served_is_said() {
    let everywhere = refusal(&["--listen", "0.0.0.0:0"]);
    assert!(everywhere.contains("--self-signed"), "{everywhere}");
    let missing = refusal(&[
        "--listen",
        "127.0.0.1:0",
        "--no-metrics",
        "--cert",
        "/no/cert.pem",
        "--key",
        "/no/key.pem",
    ]);
    assert!(missing.contains("/no/cert.pem"), "{missing}");
    let no_file = refusal(&["--turn-config", "/no/turnserver.conf"]);
    assert!(no_file.contains("/no/turnserver.conf"), "{no_file}");
    let origin = refusal(&["--allow-origin", "app.example.org"]);
    assert!(
        origin.contains("--allow-origin app.example.org"),
        "{origin}"
    );
    let root = refusal(&["--web-root", "/no/such/place"]);
    assert!(root.contains("/no/such/place"), "{root}");
    let redirect = refusal(&[
        "--listen",
        "127.0.0.1:0",
        "--no-metrics",
        "--redirect-from",
        "127.0.0.1:0",
    ]);
    assert!(redirect.contains("--redirect-from"), "{redirect}");
}

#[test]
fn the_urls_of_turn_are_those_of_its_file() {
    let turnd = Turnd::start("no-tcp\n");
    let signaling = Signaling::start(&["--turn-config", &turnd.config()]);
    let port = turnd.option("listening-port");
    let log = signaling.program.log();
    assert!(
        log.contains(&format!(
            "pages are sent to turn:127.0.0.1:{port}?transport=udp"
        )),
        "{log}"
    );
    assert!(
        !log.contains("transport=tcp") && !log.contains("north-and-south"),
        "{log}"
    );
}

fn status(address: SocketAddr, path: &str) -> u16 {
    status_of(address, "GET", path)
}

/// One request, and the number of the answer.
fn status_of(address: SocketAddr, method: &str, path: &str) -> u16 {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sending");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
    status.unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn an_address_asks_for_turn_credentials_ten_times_a_minute() {
    let turnd = Turnd::start("");
    let config = turnd.config();
    let signaling = Signaling::start(&["--turn-config", &config, "--max-turn-rate", "10"]);
    // Whether one may ask is no question that counts.
    for _ in 0..12 {
        assert_eq!(status_of(signaling.address, "OPTIONS", "/api/turn"), 200);
    }
    let ask = || status(signaling.address, "/api/turn");
    let asked: Vec<u16> = (0..12).map(|_| ask()).collect();
    // Nobody has said who he is; the eleventh is not even asked.
    assert_eq!(asked[..10], [401; 10]);
    assert_eq!(asked[10..], [429; 2]);
    // Pages are for everybody, and so are rooms.
    assert_eq!(status(signaling.address, "/"), 200);
    let rooms = "/socket.io/?EIO=4&transport=polling";
    assert_eq!(status(signaling.address, rooms), 200);
}

#[test]
fn it_ends_when_it_is_asked_to() {
    for signal in ["TERM", "INT"] {
        let mut signaling = Signaling::start(&[]);
        signaling.program.signal(signal);
        assert_eq!(signaling.program.wait(), Some(0), "{signal}");
    }
}
