//! Which ports are to be listened on, on which addresses, and what each takes.

use std::net::IpAddr;

use crate::{
    addresses::Addresses,
    config::{Listen, ListenUrl, Settings},
    sockets::Takes,
};

/// One port on several addresses.
pub(super) struct Endpoint {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) port: u16,
    pub(super) udp: Takes,
    pub(super) tcp: Takes,
    pub(super) is_behind_proxy: bool,
    /// Whether the configuration named the addresses: then every one of them must work.
    pub(super) is_explicit: bool,
    /// The options that ask for it.
    pub(super) options: &'static str,
}

/// What listening sockets of one protocol take.
fn takes(listen: &Listen) -> (Takes, Takes) {
    let udp = Takes {
        plain: listen.udp,
        secure: listen.dtls,
    };
    let tcp = Takes {
        plain: listen.tcp,
        secure: listen.tls_over_tcp,
    };
    (udp, tcp)
}

/// A port of every listening address, what it takes over UDP and TCP, and the option that names it.
type Port = (u16, Takes, Takes, &'static str);

fn ports(settings: &Settings) -> Vec<Port> {
    let listen = &settings.listen;
    if !listen.on_ports {
        return Vec::new();
    }
    let (udp, tcp) = takes(listen);
    // A port for TLS is there only with TLS, and then takes plain messages too, as the others do.
    let with_tls = |takes: Takes| {
        if takes.secure { takes } else { Takes::NOTHING }
    };
    let plain = [
        (Some(settings.listening_port), "listening-port"),
        (listen.alt_listening_port, "alt-listening-port"),
    ];
    let secure = [
        (Some(listen.tls_listening_port), "tls-listening-port"),
        (listen.alt_tls_listening_port, "alt-tls-listening-port"),
    ];
    let plain = plain.map(|(port, option)| Some((port?, udp, tcp, option)));
    let secure = secure.map(|(port, option)| Some((port?, with_tls(udp), with_tls(tcp), option)));
    plain.into_iter().chain(secure).flatten().collect()
}

/// What is to be listened on. A port that several options name is one endpoint.
pub(super) fn endpoints(settings: &Settings, addresses: &Addresses) -> Vec<Endpoint> {
    let listen = &settings.listen;
    let (on_udp, on_tcp) = takes(listen);
    let is_explicit = addresses.listening_is_explicit;
    let mut found: Vec<Endpoint> = Vec::new();
    for (port, udp, tcp, options) in ports(settings) {
        let same = found.iter_mut().find(|it| port != 0 && it.port == port);
        if let Some(same) = same {
            same.udp = same.udp.and(udp);
            same.tcp = same.tcp.and(tcp);
        } else {
            found.push(Endpoint {
                addresses: addresses.listening.clone(),
                port,
                udp,
                tcp,
                is_behind_proxy: false,
                is_explicit,
                options,
            });
        }
    }
    for address in &listen.aux_servers {
        let covered = found.iter().any(|it| {
            it.port == address.port() && address.port() != 0 && it.addresses.contains(&address.ip())
        });
        if !covered {
            found.push(Endpoint {
                addresses: vec![address.ip()],
                port: address.port(),
                udp: on_udp,
                tcp: on_tcp,
                is_behind_proxy: false,
                is_explicit: true,
                options: "aux-server",
            });
        }
    }
    for endpoint in &mut found {
        endpoint.is_behind_proxy = settings.proxy.ports.contains(&endpoint.port);
    }
    // Where it is the only one of TCP it is what there is to connect to.
    let behind_proxy = if on_tcp.is_something() {
        on_tcp
    } else {
        Takes {
            plain: true,
            secure: false,
        }
    };
    found.extend(settings.proxy.port.map(|port| Endpoint {
        addresses: addresses.listening.clone(),
        port,
        udp: Takes::NOTHING,
        tcp: behind_proxy,
        is_behind_proxy: true,
        is_explicit,
        options: "tcp-proxy-port",
    }));
    found.extend(listened(&listen.listeners));
    found.retain(|it| it.udp.is_something() || it.tcp.is_something());
    found
}

/// What the option `listen` asks for. Two of one socket, such as tcp:// and tls://, are one endpoint.
fn listened(listeners: &[ListenUrl]) -> Vec<Endpoint> {
    let mut found: Vec<Endpoint> = Vec::new();
    for &url in listeners {
        let takes = Takes {
            plain: !url.scheme.is_secure(),
            secure: url.scheme.is_secure(),
        };
        let (udp, tcp) = if url.scheme.is_datagrams() {
            (takes, Takes::NOTHING)
        } else {
            (Takes::NOTHING, takes)
        };
        let is_same = |it: &&mut Endpoint| {
            it.port != 0
                && it.port == url.address.port()
                && it.addresses.contains(&url.address.ip())
                && it.udp.is_something() == udp.is_something()
        };
        if let Some(same) = found.iter_mut().find(is_same) {
            same.udp = same.udp.and(udp);
            same.tcp = same.tcp.and(tcp);
            continue;
        }
        found.push(Endpoint {
            addresses: vec![url.address.ip()],
            port: url.address.port(),
            udp,
            tcp,
            is_behind_proxy: url.is_behind_proxy,
            is_explicit: true,
            options: "listen",
        });
    }
    found
}
