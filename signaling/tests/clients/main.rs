//! Clients that others wrote, against the running server: socket.io's own of three generations, Python's, plain
//! WebSocket; and browsers on our pages and on a page of the old course's shape, with turnd behind them.
//!
//! The scripts are in `tests/foreign`. They judge; what they print is only looked at where a figure matters.

#[path = "../support/mod.rs"]
mod support;

mod browsers;
mod protocol;
mod tester;

use support::foreign::{Facts, attempt, node, script};

/// Runs a script of ours under Node, to its good end.
fn judge(script_name: &str, arguments: &[&str]) -> Option<Facts> {
    let node = node()?;
    let script = script(script_name);
    let mut all = vec![script.as_str()];
    all.extend(arguments);
    let (succeeded, printed) = attempt(&node, &all, "");
    assert!(succeeded, "{script_name} {arguments:?}:\n{printed}");
    let facts = Facts::of(&printed);
    if script_name != "order.mjs" {
        assert_eq!(facts.value("failed"), "0", "{printed}");
        assert_ne!(facts.value("cases"), "0", "{printed}");
    }
    Some(facts)
}
