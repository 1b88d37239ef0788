//! Credentials in the wrong hands, and an operator who takes them away.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use turnd_wire::{Method, attr};

use crate::{
    faults::Call,
    scrape::scrape,
    support::turnd::Turnd,
    ways::{Client, Way},
};

const CONFIG: &str = "realm=example.org\nuser=alice:secret\nuser=bob:builder\nstatic-auth-secret=north\n\
     listening-ip=127.0.0.1\nlistening-port=0\nallow-loopback-peers\nself-signed\ntls-listening-port=0\ndtls\n\
     relay-threads=2\nprometheus\nprometheus-address=127.0.0.1\nprometheus-port=0\nverbose\n";

/// A time-limited name of this user, and its password.
fn credential(user: &str, seconds: i64) -> (String, String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expires = i64::try_from(now.as_secs()).unwrap() + seconds;
    let name = format!("{expires}:{user}");
    let password = turnd::auth::password("north", &name);
    (name, password)
}

fn refresh(client: &mut Client) -> Option<u16> {
    let fill = |writer: &mut turnd_wire::Writer<'_>| writer.number32(attr::LIFETIME, 600);
    client.request(Method::REFRESH, fill).error()
}

/// A11: a user is shut out by a line and a reload: within a second all that he has is over, by whatever name and
/// transport, and he gets nothing more. Others do not notice.
#[test]
fn a11_a_user_who_is_shut_out_is_gone_within_a_second() {
    let turnd = Turnd::start(CONFIG);
    let of = |way: Way, (name, password): &(String, String)| {
        Client::new(way, &turnd).user(name, password)
    };
    let dora = [credential("dora", 3600), credential("dora", 3601)];
    let alice = ("alice".to_owned(), "secret".to_owned());
    let bob = ("bob".to_owned(), "builder".to_owned());
    let erin = credential("erin", 3600);
    let calls = |users: &[&(String, String)]| -> Vec<(Way, Call)> {
        let pairs = Way::ALL.into_iter();
        let pairs = pairs.flat_map(|way| users.iter().map(move |user| (way, *user)));
        let mut calls: Vec<_> = pairs
            .map(|(way, user)| (way, Call::of(of(way, user))))
            .collect();
        calls.iter_mut().for_each(|(_, call)| call.talk());
        calls
    };
    let mut denied = calls(&[&dora[0], &dora[1], &alice]);
    let mut others = calls(&[&bob, &erin]);

    let reload = |lines: &str| {
        turnd.write_file("turnserver.conf", &format!("{CONFIG}{lines}"));
        // A file that was written just now is waited for, which is no part of the reload.
        std::thread::sleep(Duration::from_millis(110));
        let (seen, began) = (turnd.line_count(), Instant::now());
        turnd.signal("HUP");
        turnd.wait_for_line_after(seen, "configuration read again, changed: denied users");
        began
    };
    let began = reload("denied-user=dora\ndenied-user=alice\n");
    for (way, call) in &mut denied {
        let is_over = match way {
            Way::Udp => call.is_over(),
            // Who is connected is told by the end of the connection.
            Way::Tcp | Way::Tls | Way::Dtls => call.client.is_ended(),
        };
        assert!(is_over, "{way:?}");
    }
    let took = began.elapsed();
    assert!(took <= Duration::from_secs(1), "{took:?}");
    let ended = scrape(&turnd).value("turnd_allocations_ended_total{reason=\"denied\"}");
    assert_eq!(ended as usize, denied.len());

    for (way, call) in &mut denied {
        if *way == Way::Udp {
            assert_eq!(refresh(&mut call.client), Some(403));
        }
    }
    for way in Way::ALL {
        for user in [&dora[0], &alice, &credential("dora", 7200)] {
            let refused = of(way, user).allocate(17, 1).error();
            assert_eq!(refused, Some(403), "{way:?} {user:?}");
        }
        // Who does not know the password learns nothing.
        let guesser = ("alice".to_owned(), "guess".to_owned());
        assert_eq!(of(way, &guesser).allocate(17, 1).error(), Some(401));
    }
    for (way, call) in &mut others {
        call.talk();
        assert_eq!(refresh(&mut call.client), None, "{way:?}");
    }
    reload("");
    for way in Way::ALL {
        assert_eq!(of(way, &alice).allocate(17, 1).error(), None);
        assert_eq!(of(way, &dora[0]).allocate(17, 1).error(), None);
    }
    assert!(turnd.stop().log.contains("reason: user denied"));
}

/// A11: what has expired is worth nothing, over UDP and TCP, and many names of one user share what he may have.
#[test]
fn a11_a_credential_ends_and_its_user_has_one_share() {
    let turnd = Turnd::start(&format!("{CONFIG}user-quota=2\n"));
    for way in [Way::Udp, Way::Tcp] {
        let (name, password) = credential("dora", -1);
        let mut late = Client::new(way, &turnd).user(&name, &password);
        assert_eq!(late.allocate(17, 1).error(), Some(401), "{way:?}");
    }
    let mut clients: Vec<Client> = (0..3)
        .map(|nth| {
            let (name, password) = credential("dora", 3600 + nth);
            let way = [Way::Udp, Way::Tcp, Way::Udp][usize::try_from(nth).unwrap()];
            Client::new(way, &turnd).user(&name, &password)
        })
        .collect();
    let codes = clients.iter_mut().map(|it| it.allocate(17, 1).error());
    assert_eq!(codes.collect::<Vec<_>>(), [None, None, Some(486)]);
}
