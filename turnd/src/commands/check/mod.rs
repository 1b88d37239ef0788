//! `turnd check`: what a configuration does on this machine, without serving anybody.
//!
//! `machine` looks at addresses and ports and at who has them (`holders`), `files` at files, as the user that will serve
//! (`user`); `rules` says what is unsafe, without effect or different from coturn; `text` and `json` are two forms of
//! the same [`Report`].

mod files;
mod holders;
mod json;
mod machine;
mod report;
mod rules;
mod text;
mod user;

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    process::ExitCode,
};

use super::{refuse, split};
use crate::config::{self, Machine, Outcome};
use report::Report;

pub(super) const HELP: &str = "\
Says what a configuration does on this machine. Serves nobody.

Usage: turnd check [FILE] [--format text|json] [OPTION]...

Takes every option that turnd takes, and looks for the file where turnd would; FILE is short for
--config FILE. Reads it, resolves what it says, opens certificates and keys, and asks for each port
for a moment. Started by root, it opens the files again as the user that proc-user and proc-group
name.

It prints
  - every option in force with its value and where it comes from, secrets masked,
  - where it would listen and relay from, and which files can be opened,
  - what coturn would do differently with this very file,
  - what is unsafe in it, and what has no effect.

      --format=json   the same for programs: an object with file, checked_as, verdict, exit_code,
                      options, listeners, relays, files, findings and not_checked; a finding has
                      a level (error, unsafe, warning, no-effect, coturn, info), a code, a text
                      and its source. Fields may be added, none is renamed
  -h, --help          print this text

Exit codes:
    0  turnd starts with it, and there is nothing to say against it
    1  turnd starts with it, but something is unsafe, has no effect, or needs a look
  255  turnd cannot start with it, or it cannot be checked
";

enum Format {
    Text,
    Json,
}

pub(super) fn run(program: &OsStr, args: &[&OsStr]) -> ExitCode {
    let (wanted, mut args) = split(program, args, &["--format"]);
    let names_file =
        |word: &OsString| !word.is_empty() && !word.as_encoded_bytes().starts_with(b"-");
    if args.get(1).is_some_and(names_file) {
        args.insert(1, "--config".into());
    }
    let format = match format(&wanted) {
        Ok(format) => format,
        Err(why) => return refuse(&format!("check: {why}")),
    };
    let machine = Machine::this();
    let examined = config::examine_on(&machine, args);
    if let Outcome::Print(text) = &examined.outcome {
        print!("{text}");
        return ExitCode::SUCCESS;
    }
    let report = Report::of(&machine, examined);
    let text = match format {
        Format::Text => text::of(&report),
        Format::Json => json::of(&report),
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::from(report.exit_code()),
        Err(error) => refuse(&format!("check: cannot write standard output: {error}")),
    }
}

/// The last of the forms that were asked for.
fn format(wanted: &[(&str, String)]) -> Result<Format, String> {
    let mut format = Format::Text;
    for (_, value) in wanted {
        format = match value.as_str() {
            "text" => Format::Text,
            "json" => Format::Json,
            other => {
                return Err(format!(
                    "--format: {other:?} is no format; expected text or json"
                ));
            }
        };
    }
    Ok(format)
}
