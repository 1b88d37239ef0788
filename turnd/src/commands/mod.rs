//! What the program does besides serving. coturn takes no command, so the first word is free for one; it
//! does not begin with a dash, and everything else is a command line of coturn's.

mod check;
mod convert;
mod healthcheck;

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::ExitCode,
};

const COMMANDS: &str = "check, convert, healthcheck or help";
/// The way out when a configuration or a command line is wrong, as in coturn.
const CANNOT: u8 = 255;

/// Does what the first argument behind the name of the program asks for. `None` if that is no command.
#[must_use]
pub fn run(args: &[OsString]) -> Option<ExitCode> {
    let mut words = args.iter().skip(1);
    let command = words.next()?.to_str()?;
    let rest: Vec<&OsStr> = words.map(OsString::as_os_str).collect();
    let asks_for_help = rest.iter().any(|arg| *arg == "-h" || *arg == "--help");
    Some(match command {
        "check" | "convert" | "healthcheck" if asks_for_help => help(command),
        "check" => check::run(&args[0], &rest),
        "convert" => convert::run(&rest),
        "healthcheck" => healthcheck::run(&args[0], &rest),
        "help" => help(rest.first().and_then(|topic| topic.to_str()).unwrap_or("")),
        word if word.starts_with('-') || word.is_empty() || is_turnserver(&args[0]) => return None,
        other => refuse(&format!(
            "there is no command {other:?}; expected {COMMANDS}"
        )),
    })
}

/// Whether the program stands behind coturn's name, whose command line may have stray words anywhere.
fn is_turnserver(program: &OsStr) -> bool {
    Path::new(program).file_name() == Some(OsStr::new("turnserver"))
}

fn help(topic: &str) -> ExitCode {
    match topic {
        "check" => print!("{}", check::HELP),
        "convert" => print!("{}", convert::HELP),
        "healthcheck" => print!("{}", healthcheck::HELP),
        "" | "help" => print!("{}", crate::config::help()),
        other => {
            return refuse(&format!(
                "there is no command {other:?}; expected {COMMANDS}"
            ));
        }
    }
    ExitCode::SUCCESS
}

/// Parts a command's own options, given as `--name=value` or `--name value`, from those of the server. A value that is
/// missing is empty, and so is one that is no text.
fn split<'a>(
    program: &'a OsStr,
    args: &[&'a OsStr],
    own: &[&'static str],
) -> (Vec<(&'static str, String)>, Vec<OsString>) {
    let (mut taken, mut others) = (Vec::new(), vec![program.to_owned()]);
    let mut args = args.iter().copied();
    while let Some(arg) = args.next() {
        let (name, value) = match arg.to_str().and_then(|text| text.split_once('=')) {
            Some((name, value)) => (name, Some(value)),
            None => (arg.to_str().unwrap_or(""), None),
        };
        match own.iter().find(|it| **it == name) {
            Some(name) => {
                let next = || args.next().and_then(OsStr::to_str);
                taken.push((*name, value.or_else(next).unwrap_or("").to_owned()));
            }
            None => others.push(arg.to_owned()),
        }
    }
    (taken, others)
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("turnd: {why}");
    ExitCode::from(CANNOT)
}
