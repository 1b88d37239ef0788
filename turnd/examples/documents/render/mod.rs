//! The documents as texts. What they say of options comes from the table; what they say besides stands in
//! `coturn.md` and `man.rs`.

mod completions;
mod coturn;
mod man;

use clap_complete::Shell;

/// How a reader makes them anew.
const COMMAND: &str = "cargo run -p turnd --example documents";

/// Every document: its place in the tree, and its text.
pub(crate) fn all() -> [(&'static str, String); 5] {
    [
        ("docs/COTURN.md", coturn::text()),
        ("deploy/turnd.8", man::text()),
        (
            "deploy/completions/turnd.bash",
            completions::text(Shell::Bash),
        ),
        ("deploy/completions/_turnd", completions::text(Shell::Zsh)),
        (
            "deploy/completions/turnd.fish",
            completions::text(Shell::Fish),
        ),
    ]
}
