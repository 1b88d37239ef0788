//! The report for programs. Fields may be added; none is renamed or removed.

use serde_json::{Value, json};

use super::report::{Report, State};
use crate::config::Origin;

pub(super) fn of(report: &Report) -> String {
    let options = report.options.iter().map(|option| {
        json!({
            "name": option.name,
            "value": option.value,
            "secret": option.is_secret,
            "source": option.origin.as_ref().map_or(json!({"kind": "default"}), source),
        })
    });
    let findings = report.findings.iter().map(|finding| {
        json!({
            "level": finding.level.name(),
            "code": finding.code,
            "text": finding.text,
            "source": source(&finding.origin),
        })
    });
    let exit_code = report.exit_code();
    let report = json!({
        "file": report.file.as_ref().map(|file| file.to_string_lossy()),
        "checked_as": report.user,
        "verdict": match exit_code { 0 => "fine", 1 => "doubtful", _ => "cannot-start" },
        "exit_code": exit_code,
        "options": options.collect::<Vec<_>>(),
        "listeners": states(&report.listeners),
        "relays": states(&report.relays),
        "files": states(&report.files),
        "findings": findings.collect::<Vec<_>>(),
        "not_checked": report.unchecked,
    });
    format!("{report:#}\n")
}

fn source(origin: &Origin) -> Value {
    match origin {
        Origin::File { path, line } => {
            json!({"kind": "file", "file": path.to_string_lossy(), "line": line})
        }
        Origin::Toml { path, line, column } => {
            json!({"kind": "file", "file": path.to_string_lossy(), "line": line, "column": column})
        }
        Origin::CommandLine => json!({"kind": "command-line"}),
        Origin::Environment(name) => json!({"kind": "environment", "name": name}),
        Origin::Configuration => json!({"kind": "configuration"}),
    }
}

fn states(rows: &[(String, State)]) -> Vec<Value> {
    let states = rows.iter().map(|(what, state)| {
        let (state, detail) = match state {
            State::Fine(detail) => ("fine", detail),
            State::Bad(detail) => ("bad", detail),
            State::Unknown(detail) => ("unknown", detail),
        };
        json!({"what": what, "state": state, "detail": detail})
    });
    states.collect()
}
