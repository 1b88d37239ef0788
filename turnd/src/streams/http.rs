//! What a web browser, a port scanner or a certificate authority gets that speaks plain HTTP to a TCP
//! port of this server: the redirect of an ACME challenge (RFC 8555 section 8.3), a short refusal, or
//! nothing.

/// Bytes of the longest request line that is read, line end included.
pub const MAX_LINE: usize = 2048;

/// Bytes of a request that are waited for: what is longer is answered without its end.
pub const MAX_HEAD: usize = 4096;

/// Bytes of the longest token of a challenge. Authorities use 43 characters of base64url.
const MAX_TOKEN: usize = 256;

const CHALLENGE: &[u8] = b"/.well-known/acme-challenge/";

const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"OPTIONS ",
    b"DELETE ",
    b"CONNECT ",
    b"PATCH ",
    b"TRACE ",
];

/// What HTTP requests get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRules {
    /// The URL that the token of an ACME challenge is appended to (option `acme-redirect`). One that
    /// [`is_redirect`] rejects is never used.
    pub acme_redirect: Option<String>,
    /// Whether other requests are told that this is no web server (option `respond-http-unsupported`);
    /// if not, their connection is closed.
    pub respond_unsupported: bool,
    /// Whether a GET of `/` gets a page (option `http-page`): with it, a web page can find out whether the
    /// port can be reached, and whether its certificate is trusted.
    pub page: bool,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAnswer {
    /// Ask again with more bytes of it.
    NeedMore,
    /// Close the connection without a word.
    Close,
    /// Send this and end the connection, as [`answer`] says.
    Respond(Vec<u8>),
}

/// Whether a connection that begins with `first` bytes speaks HTTP: a method and a space, as far as
/// they have arrived. Fewer than four bytes tell nothing.
///
/// Only for the first bytes of a connection. Later ones may be ChannelData, whose channel numbers
/// 0x4000 to 0x4FFF (RFC 8656 section 12) are also the letters `@` to `O` and any byte; no channel is
/// bound when a connection begins.
#[must_use]
pub fn looks_like_http(first: &[u8]) -> bool {
    first.len() >= 4
        && METHODS
            .iter()
            .any(|method| first.starts_with(method) || method.starts_with(first))
}

/// Whether `url` can stand in a Location header: visible ASCII, http or https, at most 1024 bytes.
#[must_use]
pub fn is_redirect(url: &str) -> bool {
    url.len() <= 1024
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && ["http://", "https://"].iter().any(|scheme| {
            url.strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty())
        })
}

/// The answer to a request of which the bytes `request` have arrived.
///
/// It comes only behind the blank line that ends the request's head (or [`MAX_HEAD`] bytes), because
/// closing a socket with unread bytes makes the kernel send a reset, which discards what the client has
/// not yet read of the answer. A body or a longer head may still be on its way. So, to be
/// sure that the client gets everything, the caller must: send the bytes; shut the socket down for
/// writing; read and discard until the client closes, but no longer than a second or two; then
/// close (RFC 9112 section 9.6). A request whose head never ends is the caller's to time out.
#[must_use]
pub fn answer(rules: &HttpRules, request: &[u8]) -> HttpAnswer {
    let redirect = rules
        .acme_redirect
        .as_deref()
        .filter(|url| is_redirect(url));
    if redirect.is_none() && !rules.respond_unsupported && !rules.page {
        return HttpAnswer::Close;
    }
    let first = request.get(..MAX_LINE).unwrap_or(request);
    let Some(end) = first.iter().position(|&byte| byte == b'\n') else {
        return if first.len() < MAX_LINE {
            HttpAnswer::NeedMore
        } else {
            HttpAnswer::Close
        };
    };
    let line = &first[..end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let location = redirect
        .zip(challenge_token(line))
        .map(|(url, token)| format!("{url}{token}"));
    let asks_for_page = rules.page && is_for_page(line);
    if location.is_none() && !asks_for_page && !rules.respond_unsupported {
        return HttpAnswer::Close;
    }
    if request.len() < MAX_HEAD && !has_blank_line(&request[end..]) {
        return HttpAnswer::NeedMore;
    }
    HttpAnswer::Respond(match location {
        Some(location) => moved(&location),
        None if asks_for_page => page(line.starts_with(b"HEAD ")),
        None => unsupported(line.starts_with(b"HEAD ")),
    })
}

/// GET or HEAD of `/`, and of nothing else.
fn is_for_page(line: &[u8]) -> bool {
    let target = line.strip_prefix(b"GET ").or(line.strip_prefix(b"HEAD "));
    target.is_some_and(|target| target.starts_with(b"/ HTTP/1.") || target == b"/")
}

/// The token of a GET for a challenge: base64url, which needs no escaping anywhere.
fn challenge_token(line: &[u8]) -> Option<&str> {
    let target = line.strip_prefix(b"GET ")?.strip_prefix(CHALLENGE)?;
    let (token, version) = target.split_at(target.iter().position(|&byte| byte == b' ')?);
    let is_version = version
        .strip_prefix(b" HTTP/1.")
        .is_some_and(|minor| matches!(minor, [b'0'..=b'9']));
    let is_token = (1..=MAX_TOKEN).contains(&token.len())
        && token
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    (is_version && is_token).then(|| str::from_utf8(token).ok())?
}

/// `rest` begins with the LF of the request line. A lone LF counts as a line's end (RFC 9112 section 2.2).
fn has_blank_line(rest: &[u8]) -> bool {
    rest.windows(2).any(|end| end == b"\n\n") || rest.windows(3).any(|end| end == b"\n\r\n")
}

fn moved(location: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 301 Moved Permanently\r\n\
         Location: {location}\r\n\
         Content-Length: 0\r\n\
         Connection: close\r\n\r\n"
    )
    .into_bytes()
}

fn unsupported(head: bool) -> Vec<u8> {
    let body = "This is a port of a TURN server (RFC 8656). It does not speak HTTP.\n";
    text("400 Bad Request", "", body, head)
}

/// Says nothing of this server, can do nothing, and may be read by any web page.
fn page(head: bool) -> Vec<u8> {
    let fields = "Access-Control-Allow-Origin: *\r\nCache-Control: no-store\r\n\
                  X-Content-Type-Options: nosniff\r\n";
    text("200 OK", fields, "This is a port of a TURN server.\n", head)
}

/// `head`: the response to a HEAD request, which has the fields of the body and not the body (RFC 9110
/// section 9.3.2).
fn text(status: &str, fields: &str, body: &str, head: bool) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\n\
         {fields}\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         Connection: close\r\n\r\n{}",
        body.len(),
        if head { "" } else { body },
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, string::bytes_regex};

    use super::*;

    const TOKEN: &str = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA";

    fn rules(redirect: &str, respond_unsupported: bool) -> HttpRules {
        HttpRules {
            acme_redirect: Some(redirect.to_owned()),
            respond_unsupported,
            page: false,
        }
    }

    fn both() -> HttpRules {
        rules("http://acme.example/challenge/", true)
    }

    fn only_redirect() -> HttpRules {
        rules("https://acme.example/", false)
    }

    fn only_refusal() -> HttpRules {
        HttpRules {
            acme_redirect: None,
            respond_unsupported: true,
            page: false,
        }
    }

    /// The status line, the header fields and the body.
    fn respond(rules: &HttpRules, request: &str) -> (String, Vec<String>, String) {
        let HttpAnswer::Respond(bytes) = answer(rules, request.as_bytes()) else {
            panic!("no response to {request:?}");
        };
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n").map(str::to_owned);
        (lines.next().unwrap(), lines.collect(), body.to_owned())
    }

    fn status(rules: &HttpRules, request: &str) -> String {
        respond(rules, request).0
    }

    fn challenge(token: &str) -> String {
        format!("GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nHost: turn.example\r\n\r\n")
    }

    const MOVED: &str = "HTTP/1.1 301 Moved Permanently";
    const REFUSED: &str = "HTTP/1.1 400 Bad Request";

    #[test]
    fn a_challenge_is_sent_to_the_configured_place() {
        let (status, fields, body) = respond(&both(), &challenge(TOKEN));
        assert_eq!(status, MOVED);
        let location = format!("Location: http://acme.example/challenge/{TOKEN}");
        assert_eq!(
            fields,
            [&location, "Content-Length: 0", "Connection: close"]
        );
        assert_eq!(body, "");
    }

    #[test]
    fn any_other_request_is_told_what_this_port_is() {
        let (status, fields, body) = respond(&both(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(status, REFUSED);
        assert!(body.contains("TURN server"));
        assert!(fields.contains(&format!("Content-Length: {}", body.len())));
        assert!(fields.contains(&"Connection: close".to_owned()));

        for request in [
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "OPTIONS * HTTP/1.1\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\nHost: a\n\r\n",
            "\r\n\r\n",
        ] {
            assert_eq!(self::status(&both(), request), REFUSED, "{request:?}");
        }
    }

    #[test]
    fn the_answer_to_head_has_no_body() {
        let (status, fields, body) = respond(&both(), "HEAD / HTTP/1.1\r\n\r\n");
        assert_eq!((status.as_str(), body.as_str()), (REFUSED, ""));
        let (_, of_get, _) = respond(&both(), "GET / HTTP/1.1\r\n\r\n");
        assert_eq!(fields, of_get);
    }

    #[test]
    fn only_a_well_formed_challenge_is_redirected() {
        let longest = "x".repeat(256);
        for token in ["a", "-_9Z", TOKEN, &longest] {
            assert_eq!(status(&both(), &challenge(token)), MOVED, "{token:?}");
        }
        let longer = "x".repeat(257);
        for token in [
            "", "a/b", "../a", "a%0d%0a", "a\rb", "a?b", "a.b", "a=", "\u{e9}", "a b", &longer,
        ] {
            assert_eq!(status(&both(), &challenge(token)), REFUSED, "{token:?}");
            let silent = answer(&only_redirect(), challenge(token).as_bytes());
            assert_eq!(silent, HttpAnswer::Close, "{token:?}");
        }
        let good = challenge(TOKEN);
        for (from, to) in [
            ("GET ", "HEAD "),
            ("GET ", "get "),
            ("GET ", "GET  "),
            ("GET ", "GET http://turn.example"),
            ("HTTP/1.1", "HTTP/2.0"),
            ("HTTP/1.1", "HTTP/1.10"),
            ("HTTP/1.1", "HTTP/1."),
            ("HTTP/1.1", "HTTP/1.x"),
            (" HTTP/1.1", ""),
            ("HTTP/1.1", " HTTP/1.1"),
            ("HTTP/1.1", "HTTP/1.1 "),
            ("acme-challenge", "acme-Challenge"),
        ] {
            let request = good.replacen(from, to, 1);
            assert_ne!(request, good);
            assert_eq!(status(&both(), &request), REFUSED, "{request:?}");
        }
        assert_eq!(status(&both(), &good.replace("/1.1", "/1.0")), MOVED);
    }

    #[test]
    fn without_rules_the_connection_is_closed() {
        let close = |rules: &HttpRules, request: &str| {
            assert_eq!(answer(rules, request.as_bytes()), HttpAnswer::Close);
        };
        close(&HttpRules::default(), "GET ");
        // As soon as it is known that there is nothing to say.
        close(&only_redirect(), "GET / HTTP/1.1\r\n");
        close(&rules("javascript:alert(1)", false), "GET ");
        assert_eq!(status(&only_refusal(), &challenge(TOKEN)), REFUSED);
        assert_eq!(status(&only_redirect(), &challenge(TOKEN)), MOVED);
    }

    #[test]
    fn an_endless_line_closes_and_an_endless_head_is_answered() {
        let line = |length: usize| format!("GET /{}", "a".repeat(length - 5)).into_bytes();
        let mut request = line(MAX_LINE - 1);
        assert_eq!(answer(&both(), &request), HttpAnswer::NeedMore);
        request.push(b'a');
        assert_eq!(answer(&both(), &request), HttpAnswer::Close);
        request.extend(b"\r\n\r\n");
        assert_eq!(answer(&both(), &request), HttpAnswer::Close);

        let mut request = line(MAX_LINE - 1);
        request.push(b'\n');
        request.resize(MAX_HEAD - 1, b'h');
        assert_eq!(answer(&both(), &request), HttpAnswer::NeedMore);
        request.push(b'h');
        assert!(matches!(answer(&both(), &request), HttpAnswer::Respond(_)));
    }

    #[test]
    fn a_bad_redirect_is_never_used() {
        for url in [
            "",
            "http://",
            "acme.example/",
            "ftp://acme.example/",
            "http://acme.example/\r\nSet-Cookie: a",
            "http://acme.example/\n",
            "http://acme.example/ x",
            "http://acm\u{e9}.example/",
        ] {
            assert!(!is_redirect(url), "{url:?}");
            assert_eq!(status(&rules(url, true), &challenge(TOKEN)), REFUSED);
        }
        assert!(!is_redirect(&format!("http://{}", "a".repeat(1018))));
        assert!(is_redirect(&format!("http://{}", "a".repeat(1017))));
        assert!(is_redirect("https://[2001:db8::1]:8080/?t="));
    }

    #[test]
    fn http_is_told_from_stun_and_other_streams() {
        for method in METHODS {
            let request = [method, b"/ HTTP/1.1"].concat();
            for cut in 0..request.len() {
                assert_eq!(looks_like_http(&request[..cut]), cut >= 4);
            }
        }
        let binding = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        let client_hello = [0x16, 3, 1, 2, 0, 1];
        for other in [
            &binding[..],
            &client_hello,
            b"PROXY TCP4 ",
            b"\r\n\r\n\0\r\n",
            b"SSH-2.0-",
            b"GETS ",
            b"GET/ ",
            b"get / ",
            b"HEAR",
            b"OPTIONAL ",
            b" GET ",
        ] {
            assert!(!looks_like_http(other), "{:?}", other.escape_ascii());
        }
    }

    #[test]
    fn the_page_is_for_get_of_the_root_alone() {
        let rules = HttpRules {
            page: true,
            ..HttpRules::default()
        };
        let (status, fields, body) = respond(&rules, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(fields.contains(&"Access-Control-Allow-Origin: *".to_owned()));
        assert_eq!(body, "This is a port of a TURN server.\n");
        let (status, _, body) = respond(&rules, "HEAD / HTTP/1.1\r\n\r\n");
        assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", ""));
        for request in [
            "GET /x HTTP/1.1",
            "POST / HTTP/1.1",
            "GET /?a HTTP/1.1",
            "GET  / HTTP/1.1",
        ] {
            let request = format!("{request}\r\n\r\n");
            assert_eq!(
                answer(&rules, request.as_bytes()),
                HttpAnswer::Close,
                "{request}"
            );
        }
        // Beside the others, it leaves them what is theirs.
        let all = HttpRules {
            page: true,
            ..both()
        };
        assert_eq!(
            respond(&all, "GET /x HTTP/1.1\r\n\r\n").0,
            "HTTP/1.1 400 Bad Request"
        );
        assert_eq!(respond(&all, "GET / HTTP/1.1\r\n\r\n").0, "HTTP/1.1 200 OK");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        /// Whatever a stranger sends and the file says: one of the two responses, with no other line,
        /// and nothing in it that was not asked for.
        #[test]
        fn responses_are_never_injected_into(
            redirect in prop_oneof!["https?://[a-z/]{1,9}", "https?://[a-z/]{0,9}.{0,9}", "(?s).{0,20}"],
            respond_unsupported: bool,
            method in "(GET|HEAD|POST) ",
            target in prop_oneof![
                bytes_regex("[a-z_-]{1,9}").unwrap(),
                bytes_regex("(?s-u)[a-z_-]{0,9}.{0,9}").unwrap(),
                bytes_regex("(?s-u).{0,300}").unwrap(),
                bytes_regex("[ -~\r\n]{0,40}").unwrap(),
            ],
            end in prop_oneof![" HTTP/1[.][01]\r\n\r\n", "( HTTP/1.[01])?\r?\n(a: b\r\n)?\r?\n?"],
        ) {
            let rules = rules(&redirect, respond_unsupported);
            let request = [method.as_bytes(), CHALLENGE, &target, end.as_bytes()].concat();
            if let HttpAnswer::Respond(response) = answer(&rules, &request) {
                let text = String::from_utf8(response).unwrap();
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                prop_assert!(head.bytes().all(|byte| byte.is_ascii_graphic() || b" \r\n".contains(&byte)));
                let lines: Vec<_> = head.split("\r\n").collect();
                prop_assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])));
                prop_assert_eq!(lines.len(), 4);
                if lines[0] == MOVED {
                    prop_assert_eq!(body, "");
                    let location = lines[1].strip_prefix("Location: ").unwrap();
                    let token = location.strip_prefix(&redirect).unwrap();
                    prop_assert!(target.starts_with(token.as_bytes()));
                    prop_assert!(!token.is_empty());
                    prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
                } else {
                    prop_assert_eq!(text.into_bytes(), unsupported(method == "HEAD "));
                }
            }
        }

        #[test]
        fn a_request_cut_anywhere_gets_the_same_answer(
            token in "[A-Za-z0-9_-]{1,60}", fields in "([a-z]{1,9}: [ -~]{0,20}\r\n){0,5}",
            body in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let line = format!("GET /.well-known/acme-challenge/{token} HTTP/1.1\r\n");
            let head = format!("{line}{fields}\r\n").into_bytes();
            let request = [&head[..], &body].concat();
            let whole = answer(&both(), &request);
            prop_assert!(matches!(whole, HttpAnswer::Respond(_)));
            for cut in 0..request.len() {
                let now = answer(&both(), &request[..cut]);
                prop_assert_eq!(&now, if cut < head.len() { &HttpAnswer::NeedMore } else { &whole });
            }
        }

        #[test]
        fn any_bytes_come_to_an_end(request in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut request = request;
            request.resize(MAX_HEAD, b'x');
            prop_assert_ne!(answer(&both(), &request), HttpAnswer::NeedMore);
        }
    }
}
