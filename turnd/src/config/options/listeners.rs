//! Options under the heading "Listeners".

use super::{
    ANY,
    Kind::{Address, Anycast, Device, Endpoint, Flag, Listener, Number, Peers, Port, Url},
    Topic,
    row::{ignored, obeyed},
    to,
};

pub(super) static TOPIC: Topic = Topic {
    heading: "Listeners",
    options: &[
        obeyed(
            "listening-port",
            Port(to!(listening_port)),
            "UDP and TCP port for clients; 0 lets the system choose",
        )
        .letter('p')
        .default("3478"),
        obeyed(
            "listening-ip",
            Address(to!(listening_ip)),
            "address to listen on",
        )
        .letter('L')
        .default("all of the machine")
        .repeatable(),
        obeyed(
            "anycast-ip",
            Anycast(to!(anycast_ip)),
            "send Allocate from here to there (not in coturn)",
        )
        .repeatable(),
        obeyed(
            "sock-buf-size",
            Number(ANY, to!(socket_buffer)),
            "bytes of receive and send buffer per socket",
        )
        .default("2097152")
        .restart(),
        obeyed(
            "tls-listening-port",
            Port(to!(tls_listening_port)),
            "port for TLS and DTLS, if there is a certificate",
        )
        .default("5349"),
        obeyed(
            "alt-listening-port",
            Port(to!(alt_listening_port)),
            "second port; 0: none, or with rfc5780 the next one",
        )
        .default("0"),
        obeyed(
            "alt-tls-listening-port",
            Port(to!(alt_tls_listening_port)),
            "second TLS port, likewise",
        )
        .default("0"),
        obeyed(
            "aux-server",
            Endpoint(to!(aux_server)),
            "further address and port to listen on",
        )
        .repeatable(),
        obeyed(
            "listen",
            Listener(to!(listen)),
            "on udp, tcp, tls or dtls; ?proxy behind it (not in coturn)",
        )
        .repeatable(),
        obeyed(
            "listening-device",
            Device(to!(listening_device)),
            "network interface to listen on, and no other",
        )
        .letter('d')
        .restart(),
        obeyed("no-udp", Flag(to!(no_udp)), "no clients over plain UDP"),
        obeyed("no-tcp", Flag(to!(no_tcp)), "no clients over plain TCP"),
        obeyed("no-tls", Flag(to!(no_tls)), "no clients over TLS"),
        obeyed("dtls", Flag(to!(dtls)), "serve clients over DTLS"),
        obeyed("no-dtls", Flag(to!(no_dtls)), "no DTLS, as without this"),
        obeyed(
            "tcp-proxy-port",
            Port(to!(tcp_proxy_port)),
            "further TCP port for a proxy that speaks the PROXY protocol",
        ),
        obeyed(
            "proxy-protocol-port",
            Port(to!(proxy_protocol_port)),
            "a port above that only a proxy connects to (not in coturn)",
        )
        .repeatable(),
        obeyed(
            "proxy-protocol-from",
            Peers(to!(proxy_protocol_from)),
            "address, range or block of proxies (not in coturn)",
        )
        .repeatable(),
        ignored(
            "udp-self-balance",
            Flag(None),
            "redirect clients between own addresses",
            "the workers share every listening address evenly",
        ),
        obeyed(
            "acme-redirect",
            Url(to!(acme_redirect)),
            "redirect ACME challenges to this URL, token appended",
        ),
        obeyed(
            "respond-http-unsupported",
            Flag(to!(respond_http_unsupported)),
            "answer other HTTP with an error instead of closing",
        ),
        obeyed(
            "http-page",
            Flag(to!(http_page)),
            "answer GET / with a tiny page (not in coturn)",
        ),
    ],
};
