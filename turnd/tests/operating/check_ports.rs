//! What `turnd check` says of a port that somebody has.

use std::{
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    process,
};

use crate::{
    check::{Place, data},
    support::turnd::Turnd,
};

fn listening_at(port: u16) -> String {
    data("good.conf").replace("listening-port=0", &format!("listening-port={port}"))
}

#[test]
fn a_port_of_another_program_is_to_look_at_and_its_holder_is_named() {
    let name = fs::read_to_string("/proc/self/comm").unwrap();
    let holder = format!("in use by {} (pid {})", name.trim_end(), process::id());

    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = server.local_addr().unwrap();
    // Free of both, so that the other test of each pair says nothing.
    let server_of_all = TcpListener::bind("0.0.0.0:0").unwrap();
    let tcp = SocketAddr::from(([127, 0, 0, 1], server_of_all.local_addr().unwrap().port()));
    for (protocol, address) in [("udp", udp), ("tcp", tcp)] {
        let place = Place::new(&listening_at(address.port()));
        let report = place.json(&[]);
        assert_eq!(report["verdict"], "doubtful", "{report:#}");
        let findings = report["findings"].as_array().unwrap().iter();
        let texts: Vec<&str> = findings
            .filter(|it| it["code"] == "port-in-use" && it["level"] == "warning")
            .map(|it| it["text"].as_str().unwrap())
            .filter(|text| text.starts_with(protocol))
            .collect();
        let expected =
            format!("{protocol} {address} is {holder}, and turnd cannot start beside it");
        assert_eq!(texts, [expected], "{report:#}");

        let text = place.check(&[]).text;
        assert!(text.contains("\nNeeds a look\n"), "{text}");
        assert!(text.contains(&format!("FAILS: {holder}")), "{text}");
    }
}

#[test]
fn a_port_of_the_turnd_that_runs_is_nothing_to_look_at() {
    let turnd = Turnd::start(&data("good.conf"));
    let port = turnd.udp_v4().port();
    let checked = Place::new(&listening_at(port)).check(&[]);
    assert_eq!(checked.code, 0, "{}", checked.text);
    let is_told =
        |line: &&str| line.trim_start().starts_with("listen") && line.contains("in use by");
    let told = checked.text.lines().filter(is_told).count();
    assert_eq!(told, 2, "{}", checked.text);
    if nix::unistd::geteuid().is_root() {
        let holder = format!("in use by the turnd that runs (pid {})", turnd.pid());
        assert!(checked.text.contains(&holder), "{}", checked.text);
    }
}
