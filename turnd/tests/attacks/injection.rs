//! D13: what is meant for an interpreter behind the server. There is none (no database is read), and whatever stands
//! in a name stays a name: in requests, in the configuration, and in the log.

use turnd_wire::{
    Algorithm, Class, Integrity, Key, Method, Writer,
    attr::{self, AttributeType},
};

use crate::{
    support::turnd::Turnd,
    ways::{Client, REALM, Reply, Way, message},
};

const CONFIG: &str = "realm=example.org\nuser=alice:secret\nlistening-ip=127.0.0.1\nlistening-port=0\n\
     allow-loopback-peers\nfailed-logins=0\nrelay-threads=1\nverbose\n";
/// ORIGIN, which never became a standard.
const ORIGIN: AttributeType = AttributeType(0x802F);

const PAYLOADS: [&str; 50] = [
    // SQL
    "' OR '1'='1",
    "' OR 1=1 --",
    "alice' --",
    "alice'; DROP TABLE turnusers_lt; --",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "' UNION SELECT name, hmackey FROM turnusers_lt --",
    "1; DELETE FROM turn_secret",
    "admin'/*",
    "alice\\'; SELECT 1; --",
    "' AND SLEEP(5) AND 'a'='a",
    "'; EXEC xp_cmdshell('id'); --",
    "' || pg_sleep(5) || '",
    "x'; ATTACH DATABASE '/tmp/x' AS x; --",
    "%27%20OR%201%3D1",
    "\u{2019} OR 1=1",
    // MongoDB
    "{\"$gt\": \"\"}",
    "{\"$ne\": null}",
    "alice', $where: 'sleep(5000)",
    "[$regex]=.*",
    "'; return true; var x='",
    "$where",
    // Redis
    "alice\r\nFLUSHALL\r\n",
    "*1\r\n$8\r\nFLUSHALL\r\n",
    "turn/realm/*/user/*/key",
    "\"; EVAL \"return 1\" 0 \"",
    // Formats
    "%s%s%s%s%s%s%s%s",
    "%n%n%n%n",
    "%x.%x.%x.%x",
    "%999999999d",
    "{0}{1}{name}",
    "${jndi:ldap://127.0.0.1/a}",
    "#{7*7}",
    "{{7*7}}",
    // Shells, paths, LDAP, XML
    "$(id)",
    "`id`",
    "; cat /etc/passwd",
    "| nc 127.0.0.1 9",
    "../../../../etc/passwd",
    "*)(uid=*))(|(uid=*",
    "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>",
    "<script>alert(1)</script>",
    // What breaks lines, or turns them
    "eve\n2026-01-01T00:00:00.000+0000 ERROR forged",
    "eve\u{1b}[2J\u{1b}[31m",
    "eve\u{0}alice",
    "\u{202e}ecila",
    "\u{7f}\u{85}\u{9b}31m",
    "\u{feff}alice",
    // Empty, and a space
    "",
    " ",
];

/// Every line is one of ours, and nothing in it is anything but text.
fn must_be_clean(log: &str) {
    for line in log.lines() {
        let is_foul = |it: char| {
            it.is_control() || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!line.contains(is_foul), "{}", line.escape_debug());
        let mut words = line.split(' ');
        let (time, level) = (words.next().unwrap(), words.next().unwrap_or_default());
        assert_eq!((time.len(), &time[10..11]), (28, "T"), "{line}");
        assert!(["INFO", "WARNING", "DEBUG"].contains(&level), "{line}");
    }
}

/// What is answered to an Allocate with such names.
fn ask(client: &mut Client, names: impl Fn(&mut Writer<'_>)) -> Option<u16> {
    let ask = |writer: &mut Writer<'_>| writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    let challenge = client.exchange(&message(Class::Request, Method::ALLOCATE, ask).1);
    let nonce = challenge
        .message()
        .attribute(attr::NONCE)
        .map(<[u8]>::to_vec);
    let nonce = nonce.expect("a nonce");
    let key = Key::long_term(Algorithm::Md5, "alice", REALM, "guess");
    let (_, bytes) = message(Class::Request, Method::ALLOCATE, |writer| {
        ask(writer);
        names(writer);
        writer.bytes(attr::NONCE, &nonce);
        writer.integrity(Integrity::Sha1, &key);
    });
    let reply: Reply = client.exchange(&bytes);
    reply.error()
}

/// D13: fifty strings in every text that a client sends get 400 or 401 like any other, and stand in the log as text.
#[test]
fn d13_names_that_are_meant_for_an_interpreter_are_names() {
    let turnd = Turnd::start(CONFIG);
    let long = ["a".repeat(509), "'".repeat(763), "%s".repeat(400)];
    // Those first that break lines: what is logged of failed logins is bounded.
    let breaks = |it: &str| it.contains(|it: char| it.is_control() || it == '\u{202e}');
    let mut payloads: Vec<&str> = PAYLOADS.into_iter().collect();
    payloads.extend(long.iter().map(|it| &**it));
    payloads.sort_by_key(|it| (!it.contains('\u{1b}'), !breaks(it)));
    for payload in payloads {
        for way in [Way::Udp, Way::Tcp] {
            let mut client = Client::new(way, &turnd);
            // As the user, as the realm, and beside a user that there is.
            for (user, realm) in [(payload, REALM), ("alice", payload), (payload, payload)] {
                let code = ask(&mut client, |writer| {
                    writer.text(attr::USERNAME, user);
                    writer.text(attr::REALM, realm);
                    if payload.len() < 500 {
                        writer.text(attr::SOFTWARE, payload);
                        writer.text(ORIGIN, payload);
                    }
                });
                assert!(
                    matches!(code, Some(400 | 401)),
                    "{way:?} {user:?} {realm:?}: {code:?}"
                );
            }
        }
    }
    // Where nothing is asked for they are in the way of nobody.
    let mut client = Client::new(Way::Udp, &turnd);
    for payload in PAYLOADS {
        let (_, bytes) = message(Class::Request, Method::BINDING, |writer| {
            writer.text(attr::USERNAME, payload);
            writer.text(attr::SOFTWARE, payload);
            writer.text(ORIGIN, payload);
        });
        assert_eq!(client.exchange(&bytes).error(), None, "{payload:?}");
    }
    assert_eq!(Client::new(Way::Udp, &turnd).allocate(17, 1).error(), None);
    let log = turnd.stop().log;
    assert!(log.contains("eve\\u{1b}"), "{log}");
    must_be_clean(&log);
}

/// D13: as names of users in the configuration they are that, each with its own password and no other.
#[test]
fn d13_in_the_configuration_they_are_names_too() {
    let is_name = |it: &&str| {
        !it.is_empty()
            // What stands in quotes is a value without them.
            && !it.starts_with('"')
            && !it.contains([':', '\u{feff}'])
            && !it.contains(char::is_control)
            && it.trim() == *it
    };
    let names: Vec<&str> = PAYLOADS.into_iter().filter(is_name).collect();
    assert!(names.len() > 30, "{}", names.len());
    let users = names.iter().enumerate();
    let users: String = users
        .map(|(nth, name)| format!("user={name}:password {nth}\n"))
        .collect();
    let turnd = Turnd::start(&format!("{CONFIG}{users}"));
    for (nth, name) in names.iter().enumerate() {
        let way = [Way::Udp, Way::Tcp][nth % 2];
        let log_in = |password: &str| {
            let mut client = Client::new(way, &turnd).user(name, password);
            client.allocate(17, 1).error()
        };
        assert_eq!(log_in(&format!("password {nth}")), None, "{name:?}");
        assert_eq!(
            log_in(&format!("password {}", nth + 1)),
            Some(401),
            "{name:?}"
        );
    }
    must_be_clean(&turnd.stop().log);

    // What cannot be sent as a name, or breaks lines, stops the start with a line about it.
    for name in ["eve\u{1b}[2J", "eve\u{0}alice", "\u{7f}\u{85}"] {
        let stopped = Turnd::fail_to_start(&format!("{CONFIG}user={name}:secret\n"), &[]);
        assert_eq!(stopped.status.code(), Some(255), "{}", stopped.log);
        assert!(stopped.log.contains("turnserver.conf"), "{}", stopped.log);
        let lines = stopped.log.lines();
        let foul = lines.filter(|line| line.contains(|it: char| it.is_control()));
        assert_eq!(foul.count(), 0, "{}", stopped.log.escape_debug());
    }
}
