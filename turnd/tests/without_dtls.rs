//! What a build without the feature `dtls` says to whoever asks for it.

#![cfg(not(feature = "dtls"))]

mod support;

use std::process::Command;

use support::certificates::{Certificates, KeyKind};

#[test]
fn dtls_is_refused_in_words() {
    let certificates = Certificates::new(KeyKind::Ecdsa);
    let config = certificates.directory().join("turnserver.conf");
    let lines = "listening-ip=127.0.0.1\nlistening-port=0\nrelay-ip=127.0.0.1\ndtls\n";
    std::fs::write(&config, certificates.options() + lines).expect("writing the configuration");
    let output = Command::new(env!("CARGO_BIN_EXE_turnd"))
        .arg("--config")
        .arg(&config)
        .output()
        .expect("running turnd");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{printed}");
    assert!(printed.contains("built without DTLS"), "{printed}");
    assert!(printed.contains("--features dtls"), "{printed}");
}
