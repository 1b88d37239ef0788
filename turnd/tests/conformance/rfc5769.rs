//! The test vectors of RFC 5769, of RFC 8489 and of the primitives, which the codec's own tests check.

use crate::row::{Row, must};

const VECTORS: &str = "crates/wire/tests/rfc5769.rs";

pub(crate) const ROWS: &[Row] = &[
    must(
        "T5769-2.1",
        "request with short-term credentials, padded with spaces",
    )
    .held(&[(VECTORS, "sample_request")]),
    must("T5769-2.2", "response with an IPv4 address").held(&[(VECTORS, "sample_ipv4_response")]),
    must("T5769-2.3", "response with an IPv6 address").held(&[(VECTORS, "sample_ipv6_response")]),
    must(
        "T5769-2.4",
        "request with long-term credentials, not in ASCII",
    )
    .held(&[(VECTORS, "sample_request_with_long_term_authentication")]),
    must(
        "T8489-B.1",
        "request with USERHASH and SHA-256, as the erratum has it; refused as printed",
    )
    .held(&[
        (VECTORS, "the_corrected_sha256_request_is_accepted"),
        (VECTORS, "the_printed_sha256_request_is_refused"),
    ]),
    must("T8489-9.2.2", "long-term keys, of MD5 and SHA-256")
        .held(&[(VECTORS, "long_term_keys_of_the_vectors")]),
];
