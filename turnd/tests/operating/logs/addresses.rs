//! Addresses of clients and peers are shown as far as the operator wants.

use super::*;

#[test]
fn addresses_of_clients_and_peers_are_shown_as_asked_for() {
    for (shown, client, peer) in [
        ("full", "remote 127.0.0.1:", "A peer IP 10.1.2.3 denied"),
        ("masked", "remote 127.0.0.x", "A peer IP 10.1.2.x denied"),
        ("none", "remote -", "A peer IP - denied"),
    ] {
        // The server listens elsewhere, so that 127.0.0.1 is clients and peers only.
        let config = CONFIG.replace("listening-ip=127.0.0.1", "listening-ip=127.0.0.2");
        let turnd = Turnd::start(&format!(
            "{config}Verbose\nlog-binding\nlog-addresses={shown}\n"
        ));
        let session = alice(turnd.udp_v4());
        session.allocate().relayed();
        assert_eq!(session.binding().error(), None);
        let own = session.socket.local_addr().unwrap();
        assert_eq!(session.permit(own).error(), None);
        assert_eq!(session.bind(own).error(), None);
        assert_eq!(
            session.permit("10.1.2.3:9".parse().unwrap()).error(),
            Some(403)
        );
        assert_eq!(session.delete().error(), None);
        let guesser = Session::new(turnd.udp_v4(), "alice", "guess");
        assert_eq!(guesser.allocate().error(), Some(401));
        let log = turnd.stop().log;
        for text in [
            client,
            peer,
            "check_stun_auth",
            "BINDING",
            "channel 0x4001 bound",
        ] {
            assert!(log.contains(text), "{shown}: {text}\n{log}");
        }
        let hidden = ["127.0.0.1", "10.1.2.3", &format!(":{}", own.port())];
        for address in hidden {
            assert_eq!(log.contains(address), shown == "full", "{address}\n{log}");
        }
    }
}
