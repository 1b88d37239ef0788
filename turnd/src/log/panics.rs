//! A panic goes into the log, and to standard error as ever.

use std::panic;

/// From now on.
pub(super) fn log() {
    let printed = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("no message");
        tracing::error!(
            thread,
            place,
            "thread {thread} panicked at {place}: {message}"
        );
        printed(info);
    }));
}
