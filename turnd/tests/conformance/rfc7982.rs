//! RFC 7982: how often a request was sent.

use turnd_wire::attr;

use crate::{
    messages::{OK, Request},
    row::{ALL, Row, must},
    subject::Path,
};

pub(crate) const ROWS: &[Row] = &[must(
    "T7982-3.3-1",
    "TRANSACTION_TRANSMIT_COUNTER comes back, with 0 for what is not remembered",
)
.over(ALL, counter)
.held(&[(
    "crates/proto/tests/stories/binding.rs",
    "how_often_a_request_was_sent_is_repeated",
)])];

fn counter(path: &Path<'_>) {
    let mut client = path.client();
    let kind = attr::TRANSACTION_TRANSMIT_COUNTER;
    for sent in [1, 7, 255] {
        let reply = client.ask(&Request::binding().with(kind, &[0, 0, sent, 9]));
        assert_eq!(reply.code(), OK);
        assert_eq!(reply.value(kind), Some(vec![0, 0, sent, 0]));
    }
    assert!(!client.ask(&Request::binding()).has(kind));
}
