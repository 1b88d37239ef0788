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

/// The rows of a file, under their heading.
type Section<'a> = (&'a str, &'static [Row]);

/// docs/CONFORMANCE.md.
pub(crate) fn document(sections: &[Section<'_>], outcomes: &HashMap<&str, Outcomes>) -> String {
    let mut text = HEAD.to_owned();
    for section in sections {
        write_section(&mut text, section, |row| {
            let found = outcomes.get(row.id)?;
            let mut parts = by_result(found, |outcome| match outcome {
                Outcome::Failed(_) if row.departs.is_some() => "departs".to_owned(),
                other => words(other),
            });
            parts.extend(row.departs.map(|it| format!("\"{}\"", it.reason)));
            parts.extend(row.held.iter().map(|(_, name)| format!("`{name}`")));
            Some(parts.join("; "))
        });
    }
    text
}

/// The same about another server: only what can be seen of it from outside.
pub(crate) fn about_another(
    sections: &[Section<'_>],
    outcomes: &HashMap<&str, Outcomes>,
) -> String {
    let mut text = String::new();
    for section in sections {
        write_section(&mut text, section, |row| {
            let found = outcomes.get(row.id).filter(|found| !found.paths.is_empty());
            Some(by_result(found?, words).join("; "))
        });
    }
    let mut counts = [0; 3];
    for (.., outcome) in outcomes.values().flat_map(|found| &found.paths) {
        counts[match outcome {
            Outcome::Passed => 0,
            Outcome::Failed(_) => 1,
            Outcome::NotApplicable(_) => 2,
        }] += 1;
    }
    let [passed, failed, not] = counts;
    writeln!(
        text,
        "\nChecks, each path for itself: {passed} pass, {failed} fail, {not} not applicable."
    )
    .expect("a string");
    text
}

/// A table of the rows that have a result.
fn write_section(
    text: &mut String,
    (title, rows): &Section<'_>,
    result: impl Fn(&Row) -> Option<String>,
) {
    let head = "| row | | what | over | result |\n|---|---|---|---|---|\n";
    let mut lines = String::new();
    for row in *rows {
        if let Some(result) = result(row) {
            let (level, over) = (level(row.level), over(row));
            let line = format!(
                "| {} | {level} | {} | {over} | {result} |\n",
                row.id, row.what
            );
            lines.push_str(&line);
        }
    }
    if !lines.is_empty() {
        write!(text, "\n## {title}\n\n{head}{lines}").expect("a string");
    }
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

/// Each result once, with the paths that gave it unless all did.
fn by_result(outcomes: &Outcomes, words: impl Fn(&Outcome) -> String) -> Vec<String> {
    let mut results: Vec<(String, Vec<String>)> = Vec::new();
    for (transport, family, outcome) in &outcomes.paths {
        let (words, path) = (words(outcome), format!("{}/{family:?}", transport.name()));
        match results.iter_mut().find(|(known, _)| *known == words) {
            Some((_, paths)) => paths.push(path),
            None => results.push((words, vec![path])),
        }
    }
    match results.len() {
        1 => results.into_iter().map(|(words, _)| words).collect(),
        _ => results
            .into_iter()
            .map(|(words, paths)| format!("{}: {words}", paths.join(" ")))
            .collect(),
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => "pass".to_owned(),
        Outcome::Failed(why) => format!("**fail** ({})", short(why)),
        Outcome::NotApplicable(why) => format!("not applicable ({why})"),
    }
}

/// What a failed check says, on one line.
fn short(text: &str) -> String {
    let text = text.replace("assertion `left == right` failed", "not equal");
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(100).collect();
    line.replace('|', "/")
}
