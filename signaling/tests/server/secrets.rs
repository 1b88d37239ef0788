//! The secret of turnd changes while `signaling` runs: credentials are made with one that turnd takes.

use std::fs;

use turnd::auth::password;

use crate::{polling::Member, support::servers::Signaling};

/// What stands behind `"name":"` in a packet.
fn field<'a>(packet: &'a str, name: &str) -> &'a str {
    let (_, rest) = packet
        .split_once(&format!("\"{name}\":\""))
        .unwrap_or_else(|| panic!("no {name}: {packet}"));
    rest.split('"').next().expect("a text")
}

fn must_be_made_with(packet: &str, secret: &str) {
    let (name, told) = (field(packet, "username"), field(packet, "password"));
    assert_eq!(told, password(secret, name), "{secret}: {packet}");
}

#[test]
fn credentials_follow_the_secrets_of_turnd() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let secrets = path("secrets");
    fs::write(&secrets, "north\n").expect("a file");
    let config = path("turnserver.conf");
    let good = format!(
        "realm=example.org\nlistening-ip=127.0.0.1\nstatic-auth-secret-file={}\n",
        secrets.display()
    );
    fs::write(&config, &good).expect("a file");
    let signaling = Signaling::start(&["--turn-config", config.to_str().expect("UTF-8")]);
    let read = "the configuration of turnd was read again";

    let (ann, joined) = Member::told(signaling.address, "blue");
    must_be_made_with(&joined, "north");
    // turnd has yet to read it.
    fs::write(&secrets, "north\nsouth\n").expect("a file");
    signaling.program.wait_for(read);
    must_be_made_with(&ann.wait_for("\"turn_refresh\""), "north");
    // The old one goes: what Ann has counts no more.
    fs::write(&secrets, "south\n").expect("a file");
    signaling.program.wait_for(read);
    must_be_made_with(&ann.wait_for("\"turn_refresh\""), "south");

    fs::write(&config, "listening-port=door\n").expect("a file");
    let complaint = "what turnd's configuration said before stays: ";
    let told = signaling.program.wait_for(complaint);
    assert!(told.contains("listening-port"), "{told}");
    let (_bob, joined) = Member::told(signaling.address, "blue");
    must_be_made_with(&joined, "south");

    fs::write(&config, good + "listening-port=3479\n").expect("a file");
    signaling.program.wait_for(read);
    let told = ann.wait_for("\"turn_refresh\"");
    assert!(told.contains(":3479?"), "{told}");
    must_be_made_with(&told, "south");
    // As it is; somebody wants it read.
    signaling.program.signal("HUP");
    signaling.program.wait_for(read);
    ann.wait_for("\"turn_refresh\"");
}

/// Else a page that joins and leaves would be as many users of turnd as it likes, and no quota would hold.
#[test]
fn a_connection_that_joins_again_is_the_same_user_of_turnd() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("turnserver.conf");
    let text = "realm=example.org\nlistening-ip=127.0.0.1\nstatic-auth-secret=north\n";
    fs::write(&config, text).expect("a file");
    let signaling = Signaling::start(&["--turn-config", config.to_str().expect("UTF-8")]);
    let user = |packet: &str| {
        let (_, user) = field(packet, "username")
            .split_once(':')
            .expect("EXPIRY:ID");
        user.to_owned()
    };
    let (ann, joined) = Member::told(signaling.address, "blue");
    let first = user(&joined);
    ann.say("42[\"leave\",\"blue\"]");
    ann.wait_for("\"leaved\"");
    ann.say("42[\"join\",\"green\"]");
    assert_eq!(user(&ann.wait_for("\"joined\"")), first);
    let (_, joined) = Member::told(signaling.address, "blue");
    assert_ne!(user(&joined), first);
}
