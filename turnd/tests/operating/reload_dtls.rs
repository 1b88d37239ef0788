//! SIGHUP: DTLS that comes, goes, and gets another certificate.

use crate::{
    dtls::Client,
    pki::Authority,
    reload::{BASE, must_reload},
    support::turnd::Turnd,
};

const PLAIN: &str = "no-auth\n";
const DTLS: &str = "no-auth\ncert=cert.pem\npkey=key.pem\ntls-listening-port=0\ndtls\n";

#[test]
fn dtls_comes_and_goes_and_associations_with_an_allocation_stay() {
    let authority = Authority::new();
    let first = authority.issue();
    let turnd = Turnd::start_with_files(&format!("{BASE}{PLAIN}"), &first.files());
    let server = turnd.udp_v4();
    assert!(Client::connect(server).is_none());

    must_reload(&turnd, &format!("{BASE}{DTLS}"));
    let mut old = Client::connect(server).expect("a handshake");
    assert!(old.was_shown(&first));
    assert!(old.allocates());

    must_reload(&turnd, &format!("{BASE}{PLAIN}"));
    assert!(old.refreshes());
    assert!(Client::connect(server).is_none());

    let second = authority.issue();
    for (name, text) in second.files() {
        turnd.write_file(name, text);
    }
    must_reload(&turnd, &format!("{BASE}{DTLS}"));
    let mut new = Client::connect(server).expect("a handshake");
    assert!(new.was_shown(&second));
    assert!(new.allocates());
    assert!(old.refreshes());

    // While it is on, another certificate is shown to who comes then.
    let third = authority.issue();
    for (name, text) in third.files() {
        turnd.write_file(name, text);
    }
    must_reload(&turnd, &format!("{BASE}{DTLS}"));
    assert!(
        Client::connect(server)
            .expect("a handshake")
            .was_shown(&third)
    );
    assert!(old.refreshes() && new.refreshes());
}
