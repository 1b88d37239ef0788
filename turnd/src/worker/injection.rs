//! Faults on demand, for the tests of what they do. Not in what is built for use.

use std::sync::LazyLock;

use turnd_proto::UserId;

/// Panics if the environment says that whoever serves this user shall.
pub(super) fn panic_for(user: &UserId) {
    static UNLUCKY: LazyLock<Option<String>> =
        LazyLock::new(|| std::env::var("TURND_TEST_PANIC_USER").ok());
    let is_unlucky = UNLUCKY.is_some() && UNLUCKY.as_deref() == user.name();
    assert!(!is_unlucky, "TURND_TEST_PANIC_USER asks for a panic");
}
