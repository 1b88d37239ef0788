//! What the RFCs say, row by row: a table that can be run, against turnd or any other server.
//!
//! A file for each RFC (or part of a long one) has its rows, as data with a check each; `row.rs` says what a row
//! is, `client` is who asks, `subject.rs` who is asked. Silence is established without waiting: the answer to the
//! next request is the next thing that comes. What takes minutes is held by a story of `crates/proto` with
//! simulated time, which the row names and the run looks for. docs/CONFORMANCE.md is the outcome; a run that
//! gives another one fails. A new RFC: a file, and its line in [`FILES`].

mod client;
mod messages;
mod options;
#[path = "../ways_in/pki.rs"]
#[allow(dead_code, reason = "those tests use more of it")]
mod pki;
mod rfc5769;
mod rfc5780;
mod rfc6062;
mod rfc7350;
mod rfc7443;
mod rfc7635;
mod rfc7982;
mod rfc7983;
mod rfc8016;
mod rfc8155;
mod rfc8489;
mod rfc8489_attributes;
mod rfc8489_authentication;
mod rfc8489_redirects;
mod rfc8489_transports;
mod rfc8656_allocate;
mod rfc8656_credentials;
mod rfc8656_headers;
mod rfc8656_refresh;
mod rfc8656_relaying;
mod row;
mod run;
mod subject;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::{collections::HashMap, process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Trial};

use crate::{row::Row, run::Run};

/// Every file: the heading of its rows, their place among the tests, and the rows.
const FILES: &[(&str, &str, &[Row])] = &[
    ("STUN: RFC 8489", "rfc8489", rfc8489::ROWS),
    (
        "Transports: RFC 8489 section 6.2",
        "rfc8489_transports",
        rfc8489_transports::ROWS,
    ),
    (
        "Attributes: RFC 8489 sections 9 and 14",
        "rfc8489_attributes",
        rfc8489_attributes::ROWS,
    ),
    (
        "Credentials: RFC 8489 section 9.2",
        "rfc8489_authentication",
        rfc8489_authentication::ROWS,
    ),
    (
        "Redirection and RFC 3489: RFC 8489 sections 10 and 11",
        "rfc8489_redirects",
        rfc8489_redirects::ROWS,
    ),
    (
        "Credentials of an allocation: RFC 8656 sections 5 and 6",
        "rfc8656_credentials",
        rfc8656_credentials::ROWS,
    ),
    (
        "Allocate: RFC 8656 section 7, RFC 6156",
        "rfc8656_allocate",
        rfc8656_allocate::ROWS,
    ),
    (
        "Refresh: RFC 8656 section 8",
        "rfc8656_refresh",
        rfc8656_refresh::ROWS,
    ),
    (
        "Permissions, data, channels: RFC 8656 sections 9 to 12",
        "rfc8656_relaying",
        rfc8656_relaying::ROWS,
    ),
    (
        "ICMP and headers: RFC 8656 sections 11.5 and 13 to 16",
        "rfc8656_headers",
        rfc8656_headers::ROWS,
    ),
    ("TCP relaying: RFC 6062", "rfc6062", rfc6062::ROWS),
    ("Mobility: RFC 8016", "rfc8016", rfc8016::ROWS),
    (
        "Third-party authorization: RFC 7635",
        "rfc7635",
        rfc7635::ROWS,
    ),
    ("Behaviour discovery: RFC 5780", "rfc5780", rfc5780::ROWS),
    ("DTLS: RFC 7350", "rfc7350", rfc7350::ROWS),
    ("Application protocols: RFC 7443", "rfc7443", rfc7443::ROWS),
    ("Transmissions: RFC 7982", "rfc7982", rfc7982::ROWS),
    ("First bytes: RFC 7983", "rfc7983", rfc7983::ROWS),
    ("Anycast: RFC 8155", "rfc8155", rfc8155::ROWS),
    ("Test vectors: RFC 5769", "rfc5769", rfc5769::ROWS),
];

fn main() -> ExitCode {
    let (named, rest) = match options::parse(std::env::args().collect()) {
        Ok(parsed) => parsed,
        Err(words) => {
            eprintln!("{words}");
            return ExitCode::from(2);
        }
    };
    let arguments = Arguments::from_iter(rest);
    let is_ours = named.is_none();
    let run = Run::new(named);
    let conclusion = libtest_mimic::run(&arguments, trials(&run));
    let is_whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let mut is_good = !conclusion.has_failed();
    let outcomes: HashMap<_, _> = run.outcomes.lock().expect("no panic").drain(..).collect();
    let files: Vec<_> = FILES
        .iter()
        .map(|(title, _, rows)| (*title, *rows))
        .collect();
    if !is_ours {
        println!("{}", table::about_another(&files, &outcomes));
    } else if is_whole
        && is_good
        && let Err(words) = table::settle(&table::document(&files, &outcomes))
    {
        eprintln!("{words}");
        is_good = false;
    }
    // Ends the server that the rows shared.
    drop(run);
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}

fn trials(run: &Arc<Run>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (_, module, rows) in FILES {
        let of_this_server = |row: &&Row| row.check.is_some() || run.is_ours();
        for row in rows.iter().filter(of_this_server) {
            let run = Arc::clone(run);
            trials.push(Trial::test(
                format!("{module}::{}", row.id),
                move || match &*run.check(row) {
                    [] => Ok(()),
                    complaints => Err(complaints.join("\n").into()),
                },
            ));
        }
    }
    trials
}
