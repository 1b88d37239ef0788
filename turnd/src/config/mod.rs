//! The configuration: a coturn file and a coturn command line in, [`Settings`] out.
//!
//! `cli`, `file` and `toml` find names and values. `apply` looks each name up in the table of `options`,
//! reads the value by its kind (`value`) and puts it, with its origin, into a `Raw`. When everything
//! is written there, `lower` draws the conclusions. Where a line stands does not matter, except that
//! the later of two values of one option counts: the command line comes after the file.
//!
//! Everything wrong is collected and told at once. What is not understood is never guessed at: a
//! server that cannot do what its file asks for does not start.

mod access;
mod apply;
mod binding;
mod cli;
mod draining;
mod error;
mod file;
mod help;
mod listen;
mod listen_urls;
mod logging;
mod lower;
mod metrics;
mod options;
mod process;
mod proxy;
mod rates;
mod raw;
mod reference;
mod search;
mod secrets;
mod settings;
mod third_party;
mod tls;
mod toml;
mod value;
mod ways_in;
mod written;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use binding::Binding;
pub use draining::Drain;
pub use error::{About, ConfigError, Note, Origin, Severity};
pub use logging::{Facility, LogAddresses, LogFile, LogFormat, LogLevel, LogSettings, Verbosity};
pub use metrics::{Login, Metrics};
pub use process::ProcessSettings;
pub use rates::Rates;
pub use reference::{Heading, OptionInfo, Standing, reference};
pub use search::{Environment, Machine, ReadFile};
pub use settings::{
    Access, DefaultFamily, External, ExternalName, ExternalPair, PublicName, Secret, Settings,
    StaticUser, UserSecret,
};
pub use third_party::{KeyOfTokens, OauthKey, ThirdParty};
pub use toml::{Converted, Remark, convert};
pub use ways_in::{
    ConnectionLimits, Http, Identity, Listen, ListenUrl, ProxyProtocol, Scheme, StreamQueue,
    TlsSettings,
};
pub use written::Written;

use cli::CommandLine;
use error::Findings;
use options::Opt;
use raw::Raw;
use search::Found;

/// What the arguments ask for.
#[derive(Debug)]
pub enum Outcome {
    /// To serve.
    Run(Box<Loaded>),
    /// To print this text, which ends in a newline, and exit with 0.
    Print(String),
    /// Something that cannot be done, and warnings about what else was read, so that nobody has to mend the one to see
    /// the other. To be printed, one a line; coturn's exit code for it is 255.
    Invalid(Vec<ConfigError>, Vec<Note>),
}

/// A configuration to serve with.
#[derive(Debug)]
pub struct Loaded {
    /// What to do.
    pub settings: Settings,
    /// What to tell at the start, in the order of the file.
    pub notes: Vec<Note>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

/// Reads the configuration of this process. The first argument is the name of the program.
pub fn load(args: impl IntoIterator<Item = OsString>) -> Outcome {
    load_on(&Machine::this(), args)
}

/// Reads a configuration as on `machine`.
pub fn load_on(machine: &Machine, args: impl IntoIterator<Item = OsString>) -> Outcome {
    examine_on(machine, args).outcome
}

/// A configuration for somebody who wants to know all about it.
#[derive(Debug)]
pub struct Examined {
    /// What [`load_on`] returns.
    pub outcome: Outcome,
    /// The file that was read, also if it has errors.
    pub file: Option<PathBuf>,
    /// Every option that was written and understood, as far as no later value replaces it.
    pub written: Vec<Written>,
}

/// Reads a configuration as on `machine`, and tells what was written where.
pub fn examine_on(machine: &Machine, args: impl IntoIterator<Item = OsString>) -> Examined {
    let (mut raw, mut file) = (Raw::default(), None);
    let args: Vec<OsString> = args.into_iter().collect();
    let outcome = read(machine, &args, &mut raw, &mut file);
    Examined {
        outcome,
        file,
        written: raw.written.in_force(),
    }
}

/// The help of the server, which ends in a newline.
#[must_use]
pub fn help() -> String {
    help::text()
}

/// Where the file of that name is: relative names are looked for where coturn looks for them.
#[must_use]
pub fn locate(machine: &Machine, name: &str) -> Option<PathBuf> {
    search::find(name, machine).ok().map(|found| found.path)
}

/// The work of both. What was written is left in `raw`, the file that was read in `file`.
fn read(
    machine: &Machine,
    args: &[OsString],
    raw: &mut Raw,
    file: &mut Option<PathBuf>,
) -> Outcome {
    if cli::asks_for_help(args) {
        return Outcome::Print(help::text());
    }
    let command_line = match CommandLine::parse(args) {
        Ok(command_line) => command_line,
        Err(error) => return Outcome::Invalid(vec![error], Vec::new()),
    };
    // Applied once to learn which file is meant, and again behind the file, because it wins.
    let (mut first, mut findings) = (Raw::default(), Findings::default());
    command_line.apply(&mut first, &mut Findings::default());
    if first.version.is_on() {
        return Outcome::Print(help::version());
    }
    let found = search::search(&first, machine, &mut findings);

    if let Some(Found { path, bytes }) = &found {
        read_file(path, bytes, raw, &mut findings);
    }
    command_line.apply(raw, &mut findings);
    findings.all_is_read();
    secrets::gather(raw, machine, &mut findings);
    let settings = lower::lower(raw, found.is_some(), machine, &mut findings);
    *file = found.map(|found| found.path);
    match findings.finish() {
        Err((errors, notes)) => Outcome::Invalid(errors, notes),
        Ok(notes) => Outcome::Run(Box::new(Loaded {
            settings,
            notes,
            file: file.clone(),
        })),
    }
}

fn read_file(path: &Path, bytes: &[u8], raw: &mut Raw, findings: &mut Findings) {
    if toml::is_toml(path) {
        return toml::read(path, bytes, raw, findings);
    }
    let path: Arc<Path> = path.into();
    for line in file::lines(bytes) {
        let origin = Origin::File {
            path: Arc::clone(&path),
            line: line.number,
        };
        match line.content {
            Ok(entry) => take(entry, &origin, raw, findings),
            Err(text) => findings.error(&origin, text),
        }
    }
}

fn take(entry: file::Entry<'_>, origin: &Origin, raw: &mut Raw, findings: &mut Findings) {
    let Some(option) = options::find(entry.name) else {
        return findings.warn_with(origin, || {
            format!("{}; the line has no effect", apply::unknown(entry.name))
        });
    };
    if option.command_line_only {
        let text = format!(
            "{}: this belongs on the command line, not in a file",
            option.name
        );
        return findings.error(origin, text);
    }
    let value = if option.kind.takes_comment() {
        entry.value_before_comment()
    } else {
        tell_suspicious(option, entry, origin, findings);
        entry.value()
    };
    apply::apply(option, value, origin, raw, findings);
}

/// What people write in the belief that it does not belong to the value. It does, as in coturn.
fn tell_suspicious(option: &Opt, entry: file::Entry<'_>, origin: &Origin, findings: &mut Findings) {
    let value = entry.value();
    let quoted = value.len() > 1 && value.starts_with('\'') && value.ends_with('\'');
    let what = match () {
        () if entry.has_comment() => "the # and what follows it",
        () if value.ends_with(';') => "the semicolon at the end",
        () if quoted => "each single quote",
        () => return,
    };
    let text = format!("{}: {what} is taken as part of the value", option.name);
    findings.warn(origin, text);
}
