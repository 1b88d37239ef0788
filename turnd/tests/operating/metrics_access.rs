//! Who may read the metrics, how much of the server's patience he has, and what stops the start.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use socket2::{Domain, Socket, Type};

use crate::{
    metrics::CONFIG,
    scrape::{address, get, raw, request, scrape, url},
    support::{
        certificates::{Certificates, KeyKind},
        foreign::{attempt, foreign},
        turnd::Turnd,
    },
};

#[test]
fn paths_and_methods_are_answered_as_by_coturn() {
    let turnd = Turnd::start(&format!("{CONFIG}prometheus-path=/turn{{x}}/figures\n"));
    let root = get(&turnd, "/");
    assert_eq!((root.status, root.body.as_str()), (200, "ok"));
    assert_eq!(get(&turnd, "/turn{x}/figures").status, 200);
    assert_eq!(get(&turnd, "/turn{x}/figures?name=value").status, 200);
    for path in [
        "/metrics",
        "/turn/figures",
        "/turn{x}/figures/",
        "/favicon.ico",
    ] {
        assert_eq!(get(&turnd, path).status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let answer = request(address(&turnd), method, "/turn{x}/figures", "");
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("allow: GET, HEAD"), "{answer:?}");
    }
    let head = request(address(&turnd), "HEAD", "/turn{x}/figures", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

fn basic(login: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(login))
}

#[test]
fn metrics_are_for_those_with_the_password_and_health_is_for_all() {
    let config = format!("{CONFIG}prometheus-user=scraper\nprometheus-password-file=password\n");
    let turnd = Turnd::start_with_files(&config, &[("password", "p:ss wörd\n")]);
    let ask = |lines: &str| request(address(&turnd), "GET", "/metrics", lines);

    let without = ask("");
    assert_eq!(without.status, 401);
    assert!(
        without.head.contains("www-authenticate: Basic"),
        "{without:?}"
    );
    let right = ask(&basic("scraper:p:ss wörd"));
    assert_eq!(right.status, 200);
    for path in ["/", "/healthz", "/readyz"] {
        assert_eq!(get(&turnd, path).status, 200, "{path}");
    }

    // A guesser is held up, and both are counted.
    let guesses: Vec<u16> = (0..40)
        .map(|number| ask(&basic(&format!("scraper:{number}"))).status)
        .collect();
    assert!(
        guesses.iter().all(|it| [401, 429].contains(it)),
        "{guesses:?}"
    );
    let held_up = guesses.iter().filter(|it| **it == 429).count();
    assert!(held_up > 0, "{guesses:?}");
    let wrong = guesses.len() - held_up;
    // His second is over some time.
    let until = Instant::now() + Duration::from_secs(10);
    let body = loop {
        let answer = ask(&basic("scraper:p:ss wörd"));
        if answer.status == 200 {
            break answer.body;
        }
        assert!(Instant::now() < until, "{answer:?}");
    };
    let line = format!("turnd_metrics_refused_total{{reason=\"password\"}} {wrong}\n");
    assert!(body.contains(&line), "{body}");
    assert!(!turnd.log().contains("wörd"), "{}", turnd.log());
}

#[test]
fn over_tls_with_the_certificate_of_turn_and_with_one_of_its_own() {
    let Some(curl) = foreign("curl") else { return };
    let files = Certificates::new(KeyKind::Ecdsa);
    let own = format!(
        "prometheus-cert={}\nprometheus-key={}\n",
        files.path("server.pem"),
        files.path("server.key")
    );
    let config = CONFIG.replace("prometheus\n", "prometheus-tls\n");
    for (with, expiry_of) in [(own, "metrics"), (files.options(), "turn")] {
        let turnd = Turnd::start(&format!("{config}{with}"));
        let root = files.path("root.pem");
        let url = url(&turnd);
        assert!(url.starts_with("https://"), "{url}");
        let arguments = ["-sS", "--fail", "--cacert", &root, &url];
        let (is_good, body) = attempt(&curl, &arguments, "");
        assert!(is_good, "{body}");
        let line = format!("turnd_certificate_expiry_timestamp_seconds{{of=\"{expiry_of}\"}} ");
        assert!(body.contains(&line), "{body}");
        let in_the_clear = raw(address(&turnd), "GET / HTTP/1.1\r\n\r\n");
        assert!(!in_the_clear.starts_with(b"HTTP"), "{in_the_clear:?}");
    }
}

#[test]
fn a_certificate_of_its_own_is_taken_when_its_files_change() {
    let Some(curl) = foreign("curl") else { return };
    let (files, renewed) = (
        Certificates::new(KeyKind::Ecdsa),
        Certificates::new(KeyKind::Ecdsa),
    );
    let config = CONFIG.replace("prometheus\n", "prometheus-tls\n");
    let turnd = Turnd::start(&format!(
        "{config}prometheus-cert={}\nprometheus-key={}\n",
        files.path("server.pem"),
        files.path("server.key")
    ));
    let (root, url) = (renewed.path("root.pem"), url(&turnd));
    let arguments = ["-sS", "--fail", "--cacert", &root, &url];
    let (is_good, body) = attempt(&curl, &arguments, "");
    assert!(!is_good, "{body}");

    let seen = turnd.line_count();
    for name in ["server.pem", "server.key"] {
        fs::copy(renewed.path(name), files.path(name)).unwrap();
    }
    turnd.wait_for_line_after(seen, "metrics: certificate read again, SHA-256 ");
    let (is_good, body) = attempt(&curl, &arguments, "");
    assert!(is_good, "{body}");
}

#[test]
fn what_is_asked_for_and_cannot_be_had_ends_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = CONFIG.replace("prometheus-port=0", &format!("prometheus-port={port}"));
    let stopped = Turnd::fail_to_start(&config, &[]);
    assert!(!stopped.status.success());
    let expected = format!("cannot serve metrics on TCP 127.0.0.1:{port}");
    assert!(stopped.log.contains(&expected), "{}", stopped.log);
    assert!(stopped.log.contains("prometheus-port"), "{}", stopped.log);

    for (line, expected) in [
        (
            "prometheus-tls",
            "prometheus-tls: prometheus-cert is not written",
        ),
        (
            "prometheus-cert=nowhere.pem",
            "prometheus-cert: prometheus-tls is not written",
        ),
        (
            "prometheus-tls\nprometheus-cert=junk.pem\nprometheus-key=junk.pem",
            "cannot serve metrics over TLS (options prometheus-tls, prometheus-cert, prometheus-key)",
        ),
        (
            "prometheus-user=scraper",
            "prometheus-user: there is no password",
        ),
        (
            "prometheus-password=x",
            "prometheus-password: expected prometheus-user too",
        ),
        ("prometheus-path=/healthz", "has an answer of its own"),
        ("prometheus-path=metrics", "begins with a slash"),
        ("prometheus-top-users=0", "prometheus-top-users"),
    ] {
        let files = [("junk.pem", "junk")];
        let stopped = Turnd::fail_to_start(&format!("{CONFIG}{line}\n"), &files);
        assert!(!stopped.status.success(), "{line}");
        assert!(stopped.log.contains(expected), "{line}: {}", stopped.log);
    }
}

#[test]
fn whoever_opens_connections_and_says_nothing_holds_up_nobody_for_long() {
    let turnd = Turnd::start(CONFIG);
    let began = Instant::now();
    let connect = || {
        let stream = TcpStream::connect(address(&turnd)).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        stream
    };
    let mut silent: Vec<TcpStream> = (0..8).map(|_| connect()).collect();
    // The ninth of one address is closed at once, the others when their time is over.
    assert!(matches!(connect().read(&mut [0; 10]), Ok(0) | Err(_)));
    assert!(began.elapsed() < Duration::from_secs(5));
    for stream in &mut silent {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    let took = began.elapsed();
    assert!(
        (Duration::from_secs(8)..Duration::from_secs(18)).contains(&took),
        "{took:?}"
    );
    let refused = scrape(&turnd).value("turnd_metrics_refused_total{reason=\"connections\"}");
    assert!((refused - 1.0).abs() < 0.1, "{refused}");
}

/// Four addresses could have all places for as long as they liked, and a server that does not say that it is alive is ended.
#[test]
fn however_many_connections_are_held_a_probe_is_answered() {
    let turnd = Turnd::start(CONFIG);
    let server = address(&turnd);
    let held: Vec<TcpStream> = (2..7)
        .flat_map(|host| (0..8).map(move |_| from(host, server)))
        .collect();
    let began = Instant::now();
    for _ in 0..10 {
        assert_eq!(get(&turnd, "/healthz").status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    let has_ended = |mut stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        !matches!(stream.read(&mut [0; 1]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    };
    let ended = held.iter().filter(|it| has_ended(it)).count();
    // Those beyond 32, and one for a probe at a time.
    assert!((9..=18).contains(&ended), "{ended}");
}

/// Every answer is made anew: a stranger could have a processor work for nothing else.
#[test]
fn a_connection_is_given_its_answers_one_by_one() {
    let turnd = Turnd::start(CONFIG);
    let mut stream = TcpStream::connect(address(&turnd)).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    let began = Instant::now();
    let request = "GET /healthz HTTP/1.1\r\nHost: turnd\r\n\r\n";
    let last = "GET /healthz HTTP/1.1\r\nHost: turnd\r\nConnection: close\r\n\r\n";
    stream
        .write_all((request.repeat(20) + last).as_bytes())
        .unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 21);
    assert!(began.elapsed() >= Duration::from_millis(1000));
}

/// A connection from 127.0.0.HOST.
fn from(host: u8, server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let own = SocketAddr::from(([127, 0, 0, host], 0));
    socket.bind(&own.into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.into()
}

#[test]
fn a_header_that_does_not_end_is_cut_off() {
    let turnd = Turnd::start(CONFIG);
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let answer = raw(address(&turnd), &long);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000));
    let answer = raw(address(&turnd), &many);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(get(&turnd, "/").status, 200);
}
