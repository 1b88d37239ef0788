//! What is sent to both servers. Each case begins with a client that knows a nonce and has no allocation.

use std::net::SocketAddr;

use turnd_wire::{
    Algorithm, Class, Integrity, Key, Method, Writer,
    attr::{self, AttributeType},
};

use super::{REALM, Talk, USER};

/// A conversation.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) run: fn(&mut Talk),
}

const fn case(name: &'static str, run: fn(&mut Talk)) -> Case {
    Case { name, run }
}

const PEER: &str = "127.0.0.1:9";

fn udp(writer: &mut Writer<'_>) {
    writer.bytes(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
}

fn peer(writer: &mut Writer<'_>, address: &str) {
    let address: SocketAddr = address.parse().expect("an address");
    writer.xor_address(attr::XOR_PEER_ADDRESS, address);
}

fn permit(talk: &mut Talk, address: &str) {
    talk.allocate();
    talk.signed(Method::CREATE_PERMISSION, |writer| peer(writer, address));
}

fn bind(talk: &mut Talk, number: u16, address: &str) {
    let [n0, n1] = number.to_be_bytes();
    talk.signed(Method::CHANNEL_BIND, |writer| {
        writer.bytes(attr::CHANNEL_NUMBER, &[n0, n1, 0, 0]);
        peer(writer, address);
    });
}

fn allocate_with(talk: &mut Talk, kind: AttributeType, value: &[u8]) {
    talk.signed(Method::ALLOCATE, |writer| {
        udp(writer);
        writer.bytes(kind, value);
    });
}

fn method(number: u16) -> Method {
    Method::new(number).expect("12 bits")
}

/// A request that is well signed with parts of its credentials left out or changed.
fn with_parts(
    talk: &mut Talk,
    user: Option<&str>,
    realm: Option<&str>,
    nonce: Option<&[u8]>,
    password: &str,
) {
    let own = talk.nonce.clone();
    let name = user.unwrap_or(USER).to_owned();
    let bytes = talk.build(Class::Request, Method::ALLOCATE, |writer| {
        udp(writer);
        if let Some(user) = user {
            writer.text(attr::USERNAME, user);
        }
        if let Some(realm) = realm {
            writer.text(attr::REALM, realm);
        }
        match nonce {
            Some([]) => writer.bytes(attr::NONCE, &own),
            Some(nonce) => writer.bytes(attr::NONCE, nonce),
            None => {}
        }
        let key = Key::long_term(Algorithm::Md5, &name, realm.unwrap_or(REALM), password);
        writer.integrity(Integrity::Sha1, &key);
    });
    talk.raw(&bytes);
}

/// Puts an attribute behind everything else, and makes the length true.
fn behind(mut message: Vec<u8>, kind: AttributeType, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a short one");
    message.extend([&kind.0.to_be_bytes()[..], &length.to_be_bytes(), value].concat());
    let length = u16::try_from(message.len() - 20).expect("a short message");
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

fn changed(talk: &mut Talk, at: usize, to: u8) {
    let mut bytes = talk.build(Class::Request, Method::BINDING, |writer| {
        writer.text(attr::SOFTWARE, "abcd");
    });
    bytes[at] = to;
    talk.raw(&bytes);
}

const PASSWORD: &str = super::PASSWORD;
const OWN_NONCE: Option<&[u8]> = Some(&[]);

pub(super) const CASES: &[Case] = &[
    // Binding, and what is no message.
    case("binding", |talk| talk.bare(Method::BINDING, |_| ())),
    case("binding, unknown required attribute", |talk| {
        talk.bare(Method::BINDING, |writer| {
            writer.bytes(AttributeType(0x7F00), b"abcd")
        });
    }),
    case("binding, unknown optional attribute", |talk| {
        talk.bare(Method::BINDING, |writer| {
            writer.bytes(AttributeType(0xFF00), b"abcd")
        });
    }),
    case("binding, right FINGERPRINT", |talk| {
        talk.bare(Method::BINDING, |writer| writer.fingerprint())
    }),
    case("binding, wrong FINGERPRINT", |talk| {
        talk.bare(Method::BINDING, |writer| {
            writer.bytes(attr::FINGERPRINT, &[0; 4])
        });
    }),
    case("binding, CHANGE-REQUEST", |talk| {
        talk.bare(Method::BINDING, |writer| {
            writer.bytes(attr::CHANGE_REQUEST, &[0, 0, 0, 6])
        });
    }),
    case("binding, PADDING", |talk| {
        talk.bare(Method::BINDING, |writer| writer.bytes(attr::PADDING, &[]));
    }),
    case("binding, without magic cookie", |talk| changed(talk, 4, 0)),
    case("binding, length not a multiple of four", |talk| {
        changed(talk, 3, 7)
    }),
    case("binding, length beyond the datagram", |talk| {
        changed(talk, 3, 12)
    }),
    case("binding, length before its end", |talk| changed(talk, 3, 4)),
    case("binding, attribute beyond the end", |talk| {
        changed(talk, 23, 9)
    }),
    case("binding indication", |talk| {
        let bytes = talk.build(Class::Indication, Method::BINDING, |_| ());
        talk.raw(&bytes);
    }),
    case("binding success from a client", |talk| {
        let bytes = talk.build(Class::Success, Method::BINDING, |_| ());
        talk.raw(&bytes);
    }),
    case("method nobody has", |talk| talk.bare(method(0x0FE), |_| ())),
    case("Send as a request", |talk| talk.bare(Method::SEND, |_| ())),
    case("Connect over UDP", |talk| {
        talk.signed(Method::CONNECT, |writer| peer(writer, PEER))
    }),
    case("ConnectionBind over UDP", |talk| {
        talk.signed(Method::CONNECTION_BIND, |writer| {
            writer.number32(attr::CONNECTION_ID, 7)
        });
    }),
    // Credentials.
    case("Allocate without credentials", |talk| {
        talk.bare(Method::ALLOCATE, udp)
    }),
    case("CreatePermission without credentials", |talk| {
        talk.bare(Method::CREATE_PERMISSION, |_| ())
    }),
    case("wrong password", |talk| {
        with_parts(talk, Some(USER), Some(REALM), OWN_NONCE, "guess")
    }),
    case("unknown user", |talk| {
        with_parts(talk, Some("mallory"), Some(REALM), OWN_NONCE, PASSWORD)
    }),
    case("other realm", |talk| {
        with_parts(talk, Some(USER), Some("elsewhere"), OWN_NONCE, PASSWORD)
    }),
    case("no USERNAME", |talk| {
        with_parts(talk, None, Some(REALM), OWN_NONCE, PASSWORD)
    }),
    case("no REALM", |talk| {
        with_parts(talk, Some(USER), None, OWN_NONCE, PASSWORD)
    }),
    case("no NONCE", |talk| {
        with_parts(talk, Some(USER), Some(REALM), None, PASSWORD)
    }),
    case("made-up NONCE", |talk| {
        with_parts(
            talk,
            Some(USER),
            Some(REALM),
            Some(b"0123456789abcdef"),
            PASSWORD,
        )
    }),
    case("MESSAGE-INTEGRITY cut short", |talk| {
        let bytes = talk.sign(Method::ALLOCATE, udp);
        let cut = bytes.len() - 24;
        let bytes = behind(bytes[..cut].to_vec(), attr::MESSAGE_INTEGRITY, &[7; 16]);
        talk.raw(&bytes);
    }),
    case("LIFETIME 0 behind MESSAGE-INTEGRITY", |talk| {
        talk.allocate();
        let bytes = talk.sign(Method::REFRESH, |writer| {
            writer.number32(attr::LIFETIME, 900)
        });
        talk.raw(&behind(bytes, attr::LIFETIME, &[0; 4]));
        permit_again(talk);
    }),
    case("unknown attribute behind MESSAGE-INTEGRITY", |talk| {
        let bytes = talk.sign(Method::ALLOCATE, udp);
        talk.raw(&behind(bytes, AttributeType(0x7F00), &[]));
    }),
    case("somebody else's allocation", |talk| {
        talk.allocate();
        talk.user = ("bob", "builder");
        talk.signed(Method::REFRESH, |writer| writer.number32(attr::LIFETIME, 0));
    }),
    // Allocate.
    case("Allocate", Talk::allocate),
    case("Allocate twice", |talk| {
        talk.allocate();
        talk.allocate();
    }),
    case("the same Allocate again", |talk| {
        talk.allocate();
        let again = talk.last.clone();
        talk.raw(&again);
    }),
    case("Allocate without REQUESTED-TRANSPORT", |talk| {
        talk.signed(Method::ALLOCATE, |_| ())
    }),
    case("Allocate for TCP over UDP", |talk| {
        talk.signed(Method::ALLOCATE, |writer| {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[6, 0, 0, 0])
        });
    }),
    case("Allocate for protocol 99", |talk| {
        talk.signed(Method::ALLOCATE, |writer| {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[99, 0, 0, 0])
        });
    }),
    case("Allocate, REQUESTED-TRANSPORT of one byte", |talk| {
        talk.signed(Method::ALLOCATE, |writer| {
            writer.bytes(attr::REQUESTED_TRANSPORT, &[17])
        });
    }),
    case("Allocate, unknown required attribute", |talk| {
        allocate_with(talk, AttributeType(0x7F00), &[]);
    }),
    case("Allocate, LIFETIME 0", |talk| {
        allocate_with(talk, attr::LIFETIME, &[0; 4])
    }),
    case("Allocate, LIFETIME of two bytes", |talk| {
        allocate_with(talk, attr::LIFETIME, &[0; 2])
    }),
    case("Allocate, IPv6 where there is none", |talk| {
        allocate_with(talk, attr::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    }),
    case("Allocate, IPv4 asked for", |talk| {
        allocate_with(talk, attr::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    }),
    case("Allocate, family 9", |talk| {
        allocate_with(talk, attr::REQUESTED_ADDRESS_FAMILY, &[9, 0, 0, 0]);
    }),
    case("Allocate, additional IPv6 where there is none", |talk| {
        allocate_with(talk, attr::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    }),
    case("Allocate, additional IPv4", |talk| {
        allocate_with(talk, attr::ADDITIONAL_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    }),
    case("Allocate, both family attributes", |talk| {
        talk.signed(Method::ALLOCATE, |writer| {
            udp(writer);
            writer.bytes(attr::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0]);
            writer.bytes(attr::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
        });
    }),
    case("Allocate, EVEN-PORT", |talk| {
        allocate_with(talk, attr::EVEN_PORT, &[0])
    }),
    case("Allocate, EVEN-PORT of two bytes", |talk| {
        allocate_with(talk, attr::EVEN_PORT, &[0, 0])
    }),
    case("Allocate, DONT-FRAGMENT", |talk| {
        allocate_with(talk, attr::DONT_FRAGMENT, &[])
    }),
    case("Allocate, made-up token", |talk| {
        allocate_with(talk, attr::RESERVATION_TOKEN, &[7; 8])
    }),
    case("Allocate, token of four bytes", |talk| {
        allocate_with(talk, attr::RESERVATION_TOKEN, &[7; 4])
    }),
    case("Allocate, token beside EVEN-PORT", |talk| {
        talk.signed(Method::ALLOCATE, |writer| {
            udp(writer);
            writer.bytes(attr::EVEN_PORT, &[0x80]);
            writer.bytes(attr::RESERVATION_TOKEN, &[7; 8]);
        });
    }),
    case("Allocate, reserved port by its token", |talk| {
        allocate_with(talk, attr::EVEN_PORT, &[0x80]);
        talk.signed(Method::REFRESH, |writer| writer.number32(attr::LIFETIME, 0));
        let token = talk.token.clone();
        allocate_with(talk, attr::RESERVATION_TOKEN, &token);
    }),
    case("Allocate, ticket asked for", |talk| {
        allocate_with(talk, attr::MOBILITY_TICKET, &[])
    }),
    // Refresh.
    case("Refresh without allocation", |talk| {
        talk.signed(Method::REFRESH, |_| ())
    }),
    case("Refresh", |talk| {
        talk.allocate();
        talk.signed(Method::REFRESH, |_| ());
    }),
    case("Refresh to the end", |talk| {
        talk.allocate();
        talk.signed(Method::REFRESH, |writer| writer.number32(attr::LIFETIME, 0));
        talk.signed(Method::REFRESH, |writer| writer.number32(attr::LIFETIME, 0));
    }),
    case("Refresh of the other family", |talk| {
        talk.allocate();
        talk.signed(Method::REFRESH, |writer| {
            writer.bytes(attr::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
        });
    }),
    case("Refresh, LIFETIME of two bytes", |talk| {
        talk.allocate();
        talk.signed(Method::REFRESH, |writer| {
            writer.bytes(attr::LIFETIME, &[0; 2])
        });
    }),
    // CreatePermission.
    case("CreatePermission", |talk| permit(talk, PEER)),
    case("CreatePermission without allocation", |talk| {
        talk.signed(Method::CREATE_PERMISSION, |writer| peer(writer, PEER));
    }),
    case("CreatePermission without a peer", |talk| {
        talk.allocate();
        talk.signed(Method::CREATE_PERMISSION, |_| ());
    }),
    case("CreatePermission for IPv6", |talk| {
        permit(talk, "[2a00::8]:9")
    }),
    case("CreatePermission for multicast", |talk| {
        permit(talk, "224.0.0.1:9")
    }),
    case("CreatePermission for broadcast", |talk| {
        permit(talk, "255.255.255.255:9")
    }),
    case("CreatePermission for 0.0.0.0", |talk| {
        permit(talk, "0.0.0.0:9")
    }),
    case("CreatePermission for a private address", |talk| {
        permit(talk, "10.1.2.3:9")
    }),
    case("CreatePermission for a metadata service", |talk| {
        permit(talk, "169.254.169.254:80")
    }),
    case("CreatePermission for a public address", |talk| {
        permit(talk, "8.8.8.8:9")
    }),
    case("CreatePermission, malformed address", |talk| {
        talk.allocate();
        talk.signed(Method::CREATE_PERMISSION, |writer| {
            writer.bytes(attr::XOR_PEER_ADDRESS, &[0; 5])
        });
    }),
    // ChannelBind.
    case("ChannelBind", |talk| {
        talk.allocate();
        bind(talk, 0x4000, PEER);
    }),
    case("ChannelBind, refreshed", |talk| {
        talk.allocate();
        bind(talk, 0x4000, PEER);
        bind(talk, 0x4000, PEER);
    }),
    case("ChannelBind without allocation", |talk| {
        bind(talk, 0x4000, PEER)
    }),
    case("ChannelBind, number below the range", |talk| {
        talk.allocate();
        bind(talk, 0x3FFF, PEER);
    }),
    case("ChannelBind, last number of RFC 8656", |talk| {
        talk.allocate();
        bind(talk, 0x4FFF, PEER);
    }),
    case("ChannelBind, number of RFC 5766", |talk| {
        talk.allocate();
        bind(talk, 0x5000, PEER);
    }),
    case("ChannelBind, number above any range", |talk| {
        talk.allocate();
        bind(talk, 0x8000, PEER);
    }),
    case("ChannelBind, number of another peer", |talk| {
        talk.allocate();
        bind(talk, 0x4000, PEER);
        bind(talk, 0x4000, "127.0.0.1:10");
    }),
    case("ChannelBind, peer of another number", |talk| {
        talk.allocate();
        bind(talk, 0x4000, PEER);
        bind(talk, 0x4001, PEER);
    }),
    case("ChannelBind, port 0", |talk| {
        talk.allocate();
        bind(talk, 0x4000, "127.0.0.1:0");
    }),
    case("ChannelBind, IPv6", |talk| {
        talk.allocate();
        bind(talk, 0x4000, "[2a00::8]:9");
    }),
    case("ChannelBind without a number", |talk| {
        talk.allocate();
        talk.signed(Method::CHANNEL_BIND, |writer| peer(writer, PEER));
    }),
    case("ChannelBind without a peer", |talk| {
        talk.allocate();
        talk.signed(Method::CHANNEL_BIND, |writer| {
            writer.bytes(attr::CHANNEL_NUMBER, &[0x40, 0, 0, 0]);
        });
    }),
    case("ChannelBind, this server's listener", |talk| {
        talk.allocate();
        let server = talk.socket.peer_addr().expect("connected").to_string();
        bind(talk, 0x4000, &server);
    }),
];

/// Whether the allocation is still there.
fn permit_again(talk: &mut Talk) {
    talk.signed(Method::CREATE_PERMISSION, |writer| peer(writer, PEER));
}
