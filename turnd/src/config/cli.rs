//! The command line: clap made from the table. Long names, short letters, `--name=value`,
//! `--name value`; the value of a flag needs the `=`. Names may be shortened as long as one fits.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::OsStringValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    apply::{apply, shown, unknown},
    error::{ConfigError, Findings, Origin},
    options::{Kind, Opt, all},
    raw::Raw,
};

/// What belongs to no option.
const STRAY: &str = "";

/// A command line that is made of options.
pub(super) struct CommandLine<'a> {
    args: &'a [OsString],
    matches: ArgMatches,
}

impl<'a> CommandLine<'a> {
    /// The first of `args` is the name of the program.
    pub(super) fn parse(args: &'a [OsString]) -> Result<Self, ConfigError> {
        match command().try_get_matches_from(args) {
            Ok(matches) => Ok(Self { args, matches }),
            Err(error) => Err(ConfigError {
                origin: Origin::CommandLine,
                text: explained(&error),
            }),
        }
    }

    /// Puts all values into `raw`.
    pub(super) fn apply(&self, raw: &mut Raw, findings: &mut Findings) {
        let origin = Origin::CommandLine;
        for option in all() {
            for value in values(&self.matches, option.name) {
                match value.to_str() {
                    Some(text) => apply(option, text, &origin, raw, findings),
                    None => findings.error(
                        &origin,
                        format!("{}: the value is not UTF-8; expected text", option.name),
                    ),
                }
            }
        }
        for stray in values(&self.matches, STRAY) {
            match flag_before(stray, self.args) {
                Some(flag) => findings.error(
                    &origin,
                    format!(
                        "the word after {} belongs to no option; \
                         a value that can be left out needs an equal sign: --option=value",
                        shown(flag)
                    ),
                ),
                None => findings.warn(
                    &origin,
                    "a word belongs to no option and has no effect; every option begins with a dash",
                ),
            }
        }
    }
}

/// Whether help is asked for, even on a command line with mistakes in it.
pub(super) fn asks_for_help(args: &[OsString]) -> bool {
    args.iter()
        .skip(1)
        .any(|arg| arg == "-h" || arg == "--help")
}

fn command() -> Command {
    let stray = Arg::new(STRAY)
        .num_args(0..)
        .value_parser(OsStringValueParser::new());
    Command::new("turnd")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .infer_long_args(true)
        .args(all().map(argument))
        .arg(stray)
}

fn argument(option: &'static Opt) -> Arg {
    let argument = Arg::new(option.name)
        .long(option.name)
        .action(ArgAction::Append)
        .value_parser(OsStringValueParser::new());
    let argument = match option.letter {
        Some(letter) => argument.short(letter),
        None => argument,
    };
    match option.kind {
        Kind::Flag(_) => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(""),
        _ => argument.num_args(1).allow_hyphen_values(true),
    }
}

fn values<'a>(matches: &'a ArgMatches, id: &str) -> impl Iterator<Item = &'a OsString> {
    matches.get_many(id).into_iter().flatten()
}

/// clap's error in the words of the other messages, and without any value.
fn explained(error: &clap::Error) -> String {
    let name = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => name.as_str(),
        _ => "an argument",
    };
    let name = name.split([' ', '=']).next().unwrap_or(name);
    match error.kind() {
        ErrorKind::UnknownArgument => ambiguous(name).unwrap_or_else(|| unknown(name)),
        ErrorKind::InvalidValue | ErrorKind::WrongNumberOfValues => {
            format!("{name} has no value; expected {name}=VALUE")
        }
        kind => format!("{name}: {kind}"),
    }
}

/// What to say if `name` is the beginning of several names.
fn ambiguous(name: &str) -> Option<String> {
    let start = name.strip_prefix("--").filter(|start| !start.is_empty())?;
    let fitting = all()
        .map(|option| option.name)
        .filter(|known| known.starts_with(start));
    let fitting: Vec<_> = fitting.take(5).collect();
    let known = fitting.join(", ");
    (fitting.len() > 1).then(|| format!("{} is short for several options: {known}", shown(name)))
}

/// The flag in front of a word that belongs to no option. That word may say the opposite of the flag alone
/// (`--no-auth false`), unless it is empty, and it may be a secret, so it is not shown.
fn flag_before<'a>(stray: &OsStr, args: &'a [OsString]) -> Option<&'a str> {
    if stray.is_empty() {
        return None;
    }
    args.windows(2)
        .skip(1)
        .filter(|pair| pair[1] == *stray)
        .filter_map(|pair| pair[0].to_str())
        .find(|before| before.starts_with('-') && !before.contains('='))
}
