//! Options under the heading "TLS".

use super::{
    Kind::{File, Flag, Hidden, Text},
    Topic,
    row::{accepted, ignored, obeyed},
    to,
};

const OLD_TLS: &str = "TLS 1.0 and 1.1 are never offered";
const OLD_DH: &str = "key exchange uses elliptic curves";

pub(super) static TOPIC: Topic = Topic {
    heading: "TLS",
    options: &[
        obeyed(
            "cert",
            File(to!(cert)),
            "certificate chain, PEM; switches TLS on",
        )
        .default("turn_server_cert.pem"),
        obeyed("pkey", File(to!(pkey)), "private key, PEM").default("turn_server_pkey.pem"),
        obeyed(
            "pkey-pwd",
            Hidden(to!(pkey_pwd)),
            "password of the private key",
        ),
        obeyed(
            "pkey-pwd-file",
            File(to!(pkey_pwd_file)),
            "file with that password in its first line (not in coturn)",
        ),
        obeyed(
            "self-signed",
            Flag(to!(self_signed)),
            "TLS without a certificate, for trying out (not in coturn)",
        ),
        obeyed(
            "cipher-list",
            Text(to!(cipher_list)),
            "cipher suites, as OpenSSL names them",
        )
        .default("the strong ones"),
        obeyed(
            "CA-file",
            File(to!(ca_file)),
            "ask clients for a certificate of this authority, PEM",
        ),
        obeyed(
            "ec-curve-name",
            Text(to!(ec_curve_name)),
            "curve for key exchange",
        )
        .default("X25519 and others"),
        accepted("dh-file", File(None), "Diffie-Hellman parameters", OLD_DH),
        ignored("dh566", Flag(None), "short Diffie-Hellman group", OLD_DH),
        ignored("dh1066", Flag(None), "short Diffie-Hellman group", OLD_DH),
        accepted("dh2066", Flag(None), "long Diffie-Hellman group", OLD_DH),
        ignored("tlsv1", Flag(None), "allow TLS 1.0", OLD_TLS),
        ignored("tlsv1_1", Flag(None), "allow TLS 1.1", OLD_TLS),
        accepted("no-tlsv1", Flag(None), "no TLS 1.0", OLD_TLS),
        accepted("no-tlsv1_1", Flag(None), "no TLS 1.1", OLD_TLS),
        obeyed("no-tlsv1_2", Flag(to!(no_tlsv1_2)), "TLS 1.3 only"),
        accepted("no-sslv2", Flag(None), "no SSL 2", OLD_TLS),
        accepted("no-sslv3", Flag(None), "no SSL 3", OLD_TLS),
        ignored(
            "raw-public-keys",
            Flag(None),
            "keys without certificates (RFC 7250)",
            "no TURN client has them",
        ),
    ],
};
