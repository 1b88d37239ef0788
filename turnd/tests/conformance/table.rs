//! docs/CONFORMANCE.md: the rows and what came of them.

use std::{collections::HashMap, fmt::Write, fs, path::PathBuf};

use crate::{
    row::{Level, Row},
    run::{Outcome, Outcomes},
};

/// Writes the document instead of comparing it.
const WRITE: &str = "WRITE_CONFORMANCE";
const HOW: &str = "WRITE_CONFORMANCE=1 cargo test -p turnd --features dtls --test conformance";

const HEAD: &str = "\
# Conformance

Made by a run of `turnd/tests/conformance`, and compared with each. A row is a rule of an RFC: M what it demands (MUST), S what it
recommends (SHOULD), D what turnd decided where it says MAY or nothing. Rows are checked from outside, by sockets, over each transport that is
named and both families; *story* names a test with simulated time, or of a lower floor, that holds the row or the part of it that takes minutes.
A departure has its reason in [DECISIONS.md](DECISIONS.md), and the run makes sure that it is one still.

```sh
cargo test -p turnd --features dtls --test conformance                  # all of it
cargo test -p turnd --features dtls --test conformance -- T8489-9.2.4   # some of it
WRITE_CONFORMANCE=1 cargo test -p turnd --features dtls --test conformance    # writes this file
cargo test -p turnd --features dtls --test conformance -- \\
    --server 192.0.2.1:3478 --user alice --password secret              # another server
```
";

/// The whole document.
pub(crate) fn document(
    files: &[(&str, &'static [Row])],
    outcomes: &HashMap<&str, Outcomes>,
) -> String {
    let mut text = HEAD.to_owned();
    for (title, rows) in files {
        write!(
            text,
            "\n## {title}\n\n| row | | what | over | result |\n|---|---|---|---|---|\n"
        )
        .expect("a string");
        for row in *rows {
            let result = outcomes
                .get(row.id)
                .map_or(String::new(), |found| result(row, found));
            let (level, over) = (level(row.level), over(row));
            writeln!(
                text,
                "| {} | {level} | {} | {over} | {result} |",
                row.id, row.what
            )
            .expect("a string");
        }
    }
    text
}

/// Compares the document with the one in the tree, or writes it.
///
/// # Errors
/// What to do about a difference.
pub(crate) fn settle(text: &str) -> Result<(), String> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/CONFORMANCE.md"
    ));
    if std::env::var_os(WRITE).is_some() {
        return fs::write(&path, text).map_err(|error| error.to_string());
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let mut lines = there.lines().zip(text.lines());
    let different = lines.find(|(old, new)| old != new);
    match different {
        _ if there == text => Ok(()),
        Some((old, new)) => Err(format!(
            "docs/CONFORMANCE.md is not what this run gave; write it with {HOW}\n- {old}\n+ {new}"
        )),
        None => Err(format!(
            "docs/CONFORMANCE.md is longer or shorter than what this run gave; write it with {HOW}"
        )),
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Must => "M",
        Level::Should => "S",
        Level::Decided => "D",
    }
}

fn over(row: &Row) -> String {
    let names: Vec<&str> = row.transports.iter().map(|it| it.name()).collect();
    match names.len() {
        0 => "story".to_owned(),
        4 => "all".to_owned(),
        _ => names.join(" "),
    }
}

/// In a word if all paths agree, else one by one.
fn result(row: &Row, outcomes: &Outcomes) -> String {
    let words = |outcome: &Outcome| match outcome {
        Outcome::Passed => "pass".to_owned(),
        Outcome::Failed(_) if row.departs.is_some() => "departs".to_owned(),
        Outcome::Failed(why) => format!("**fail**: {}", first_line(why)),
        Outcome::NotApplicable(why) => format!("not applicable ({why})"),
    };
    let mut parts: Vec<String> = Vec::new();
    match &*outcomes.paths {
        [] => {}
        [(.., first), rest @ ..] if rest.iter().all(|(.., it)| words(it) == words(first)) => {
            parts.push(words(first));
        }
        paths => parts.extend(paths.iter().map(|(transport, family, outcome)| {
            format!("{} {family:?} {}", transport.name(), words(outcome))
        })),
    }
    parts.extend(row.departs.map(|departs| format!("\"{}\"", departs.reason)));
    parts.extend(row.held.iter().map(|(_, name)| format!("`{name}`")));
    parts.extend(
        outcomes
            .faults
            .iter()
            .map(|fault| format!("**fault**: {fault}")),
    );
    parts.join("; ")
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(120).collect::<String>().replace('|', "/")
}
