//! What web browsers and certificate authorities get that come by mistake or on purpose.

use std::{
    io::{Read, Write},
    net::SocketAddr,
};

use crate::{
    client::{Client, connect, is_end},
    encrypted::{Tls, both_ports, shake_hands, start},
    pki::Authority,
};

const CHALLENGE: &str = "GET /.well-known/acme-challenge/a-Token_1 HTTP/1.1\r\nHost: turn\r\n\r\n";
const PAGE: &str = "GET / HTTP/1.1\r\nHost: turn\r\n\r\n";

/// All that comes until the server ends the connection.
fn answer(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    stream.flush().unwrap();
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        // A connection that is just closed under TLS ends without an alert. One with an answer must not.
        assert!(
            is_end(&error) && answer.is_empty(),
            "{error} after {answer:?}"
        );
    }
    String::from_utf8(answer).unwrap()
}

fn moved(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 301 ")
        && answer.contains("\r\nLocation: http://acme.example/a-Token_1\r\n")
}

fn refused(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("It does not speak HTTP.\n")
}

fn combination(redirect: bool, respond: bool) {
    let authority = Authority::new();
    let mut options = String::new();
    if redirect {
        options += "acme-redirect=http://acme.example/\n";
    }
    if respond {
        options += "respond-http-unsupported\n";
    }
    let turnd = start(&authority, &options);
    let config = Tls::trusting(authority.der()).config(None);
    let ask = |server: SocketAddr, is_secure: bool, request: &str| {
        let socket = connect(server);
        if is_secure {
            answer(shake_hands(socket, &config).unwrap().0, request)
        } else {
            answer(socket, request)
        }
    };
    for server in both_ports(&turnd) {
        for is_secure in [false, true] {
            let challenge = ask(server, is_secure, CHALLENGE);
            let page = ask(server, is_secure, PAGE);
            let told = format!("{options}TLS: {is_secure}\n{challenge}\n{page}");
            match (redirect, respond) {
                (true, _) => assert!(moved(&challenge), "{told}"),
                (false, true) => assert!(refused(&challenge), "{told}"),
                (false, false) => assert!(challenge.is_empty(), "{told}"),
            }
            match respond {
                true => assert!(refused(&page), "{told}"),
                false => assert!(page.is_empty(), "{told}"),
            }
            // Whoever speaks STUN is served as before.
            let mut client = Client::tcp(server);
            assert_eq!(client.binding().error(), None);
        }
    }
}

/// RFC 8555 section 8.3: the authority follows the redirect; any other page is told what this port is.
#[test]
fn a_challenge_is_redirected_and_a_page_refused() {
    combination(true, true);
}

#[test]
fn a_challenge_alone_is_redirected() {
    combination(true, false);
}

#[test]
fn without_a_redirect_a_challenge_is_a_page_like_others() {
    combination(false, true);
}

#[test]
fn without_either_option_http_gets_no_word() {
    combination(false, false);
}

/// A web page asks whether it can reach the port, and over TLS whether it trusts it. It asks as browsers do.
#[test]
fn a_page_of_a_browser_learns_that_the_port_is_open() {
    let authority = Authority::new();
    let turnd = start(&authority, "http-page\n");
    let client = Tls::trusting(authority.der());
    let config = client.alpn(&["h2", "http/1.1"]).config(None);
    for server in both_ports(&turnd) {
        let request = "GET / HTTP/1.1\r\nHost: turn\r\nOrigin: https://page.example\r\n\r\n";
        let (secure, agreed) = shake_hands(connect(server), &config).unwrap();
        assert_eq!(agreed.alpn.as_deref(), Some("http/1.1"));
        for told in [answer(connect(server), request), answer(secure, request)] {
            assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
            assert!(
                told.contains("\r\nAccess-Control-Allow-Origin: *\r\n"),
                "{told}"
            );
            assert!(
                told.ends_with("This is a port of a TURN server.\n"),
                "{told}"
            );
        }
        let other = answer(
            connect(server),
            PAGE.replace("GET /", "GET /other").as_str(),
        );
        assert_eq!(other, "");
    }
}

/// RFC 9112 section 9.6: what a client is still sending must not break the connection under its answer.
#[test]
fn a_client_that_is_still_sending_is_not_reset() {
    let authority = Authority::new();
    let turnd = start(&authority, "respond-http-unsupported\n");
    let config = Tls::trusting(authority.der()).config(None);
    let [server, _] = both_ports(&turnd);
    still_sends(connect(server), server);
    still_sends(shake_hands(connect(server), &config).unwrap().0, server);
}

fn still_sends(mut stream: impl Read + Write, server: SocketAddr) {
    let body = [b'a'; 30_000];
    let head = "POST / HTTP/1.1\r\nContent-Length: 300000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(refused(&answer), "{answer}");
    let mut clock = Client::tcp(server);
    for _ in 1..10 {
        stream.write_all(&body).expect("no reset");
        // Answered by the same worker: it has read what came before.
        clock.binding();
    }
}
