//! The report for people: what is there first, what matters most last, where the eye is when a command has
//! ended.

use std::fmt::Write;

use super::report::{Finding, InForce, Level, Report, State};
use crate::config::{Origin, Standing};

/// Columns.
const WIDTH: usize = 96;
/// Longest value that others are put in line with.
const LONGEST: usize = 40;

pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    let file = report
        .file
        .as_ref()
        .map_or("no file".into(), |file| file.to_string_lossy());
    let _ = writeln!(text, "turnd check: {file}");
    options(&mut text, report);
    if !report.user.is_empty() {
        machine(&mut text, report);
    }
    if !report.unchecked.is_empty() {
        text.push_str("\nNot checked\n");
        for why in &report.unchecked {
            wrap(&mut text, "  ", why);
        }
    }
    for level in Level::ALL {
        findings(&mut text, report, level);
    }
    let _ = writeln!(text, "\n{}", verdict(report));
    text
}

fn options(text: &mut String, report: &Report) {
    let name = report
        .options
        .iter()
        .map(|option| option.name.len())
        .max()
        .unwrap_or(0);
    let values = report
        .options
        .iter()
        .filter(|option| option.origin.is_some());
    let lengths = values.map(|option| option.value.chars().count());
    let value = lengths
        .filter(|length| *length <= LONGEST)
        .max()
        .unwrap_or(0);
    let (given, defaults): (Vec<&InForce>, Vec<_>) = report
        .options
        .iter()
        .partition(|option| option.origin.is_some());
    for (heading, options) in [("Written", given), ("Defaults", defaults)] {
        if options.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{heading}");
        for option in options {
            let shown = if option.value.is_empty() {
                "(empty)"
            } else {
                &option.value
            };
            let mut line = format!("  {:name$}  {shown:value$}", option.name);
            if let Some(origin) = &option.origin {
                let _ = write!(line, "  {}{}", origin.place(), standing(option.standing));
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Obeyed => "",
        Standing::Accepted => ", so anyway",
        Standing::Ignored | Standing::NotYet => ", no effect",
    }
}

fn machine(text: &mut String, report: &Report) {
    let _ = writeln!(text, "\nOn this machine, as {}", report.user);
    let rows = [
        ("listen", &report.listeners),
        ("relay", &report.relays),
        ("file", &report.files),
    ];
    let rows = rows
        .into_iter()
        .flat_map(|(kind, rows)| rows.iter().map(move |row| (kind, row)));
    let lengths = rows.clone().map(|(_, (what, _))| what.chars().count());
    let width = lengths.filter(|length| *length <= 60).max().unwrap_or(0);
    for (kind, (what, state)) in rows {
        let state = match state {
            State::Fine(state) | State::Unknown(state) => state.clone(),
            State::Bad(state) => format!("FAILS: {state}"),
        };
        let _ = writeln!(text, "  {kind:6}  {what:width$}  {state}");
    }
}

fn findings(text: &mut String, report: &Report, level: Level) {
    // What there is nothing to do for is marked in the table of options.
    let mut found = report
        .findings
        .iter()
        .filter(|finding| finding.level == level && finding.code != "nothing-to-do")
        .peekable();
    if found.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "\n{}", title(level));
    for Finding {
        origin, text: what, ..
    } in found
    {
        let place = match origin {
            Origin::Configuration => String::new(),
            origin => format!("{}: ", origin.place()),
        };
        wrap(text, "  ", &format!("{place}{what}"));
    }
}

const fn title(level: Level) -> &'static str {
    match level {
        Level::Error => "Errors",
        Level::Unsafe => "Unsafe",
        Level::Warning => "Needs a look",
        Level::NoEffect => "Without effect",
        Level::Coturn => "Different from coturn",
        Level::Info => "Good to know",
    }
}

fn verdict(report: &Report) -> String {
    let errors = report.count(Level::Error);
    if errors > 0 {
        let plural = if errors == 1 { "error" } else { "errors" };
        return format!("turnd cannot start with this: {errors} {plural}.");
    }
    let doubts = [
        (Level::Unsafe, "unsafe"),
        (Level::Warning, "to look at"),
        (Level::NoEffect, "without effect"),
    ];
    let doubts = doubts
        .into_iter()
        .map(|(level, name)| (report.count(level), name));
    let counts = doubts
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"));
    let nobody = report.nobody_relays.then(|| "NOBODY CAN RELAY".to_owned());
    let doubts: Vec<_> = nobody.into_iter().chain(counts).collect();
    if doubts.is_empty() {
        return "turnd starts with this, and there is nothing to say against it.".to_owned();
    }
    format!("turnd starts with this, but: {}.", doubts.join(", "))
}

/// A text in lines, the further ones indented a little more.
fn wrap(text: &mut String, indent: &str, what: &str) {
    text.push_str(indent);
    let mut column = indent.len();
    let mut is_first = true;
    for word in what.split(' ') {
        let width = word.chars().count();
        if !is_first && column + 1 + width > WIDTH {
            let _ = write!(text, "\n{indent}  ");
            column = indent.len() + 2;
        } else if !is_first {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
        is_first = false;
    }
    text.push('\n');
}
