//! Completions of shells, from a command line that is made of the table.

use clap::{Arg, ArgAction, Command, ValueHint, builder::PossibleValuesParser};
use clap_complete::{Shell, generate};
use turnd::config::{OptionInfo, reference};

use super::COMMAND;

pub(super) fn text(shell: Shell) -> String {
    let mut bytes = Vec::new();
    generate(shell, &mut command(), "turnd", &mut bytes);
    let text = String::from_utf8(bytes).expect("it is made of UTF-8");
    let note = format!("# Made from the table of options by: {COMMAND}\n");
    // The first line of zsh's belongs to zsh.
    match text.strip_prefix("#compdef turnd\n") {
        Some(rest) => format!("#compdef turnd\n{note}{rest}"),
        None => note + &text,
    }
}

fn command() -> Command {
    let file = |name: &'static str| Arg::new(name).value_hint(ValueHint::FilePath);
    let value = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).help(help)
    };
    let format = Arg::new("format")
        .long("format")
        .help("form of the report")
        .value_parser(PossibleValuesParser::new(["text", "json"]));
    let check = Command::new("check")
        .about("say what this configuration does; serve nobody")
        .disable_help_flag(true)
        .args(arguments())
        .arg(format);
    let convert = Command::new("convert")
        .about("make a file in TOML of a coturn file")
        .arg(file("FILE").required(true))
        .arg(file("OUT").short('o').long("output").help("file to write"));
    let healthcheck = Command::new("healthcheck")
        .about("ask the server of this configuration whether it answers")
        .disable_help_flag(true)
        .args(arguments())
        .arg(value(
            "to",
            "URL",
            "ask there: udp://IP:PORT or tcp://IP:PORT",
        ))
        .arg(value("timeout", "SECONDS", "how long to wait"));
    let commands = PossibleValuesParser::new(["check", "convert", "healthcheck"]);
    let help = Command::new("help")
        .about("print the help of a command")
        .disable_help_flag(true)
        .arg(Arg::new("COMMAND").value_parser(commands));
    Command::new("turnd")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args(arguments())
        .subcommands([check, convert, healthcheck, help])
}

fn arguments() -> impl Iterator<Item = Arg> {
    let options = reference().into_iter().flat_map(|heading| heading.options);
    options.map(|option| argument(&option))
}

fn argument(option: &OptionInfo) -> Arg {
    let argument = Arg::new(option.name).long(option.name).help(option.help);
    let argument = match option.letter {
        Some(letter) => argument.short(letter),
        None => argument,
    };
    match option.placeholder {
        None => argument.action(ArgAction::SetTrue),
        Some(placeholder) => {
            let hint = if option.is_file {
                ValueHint::FilePath
            } else {
                ValueHint::Other
            };
            argument
                .value_name(placeholder)
                .action(ArgAction::Append)
                .value_hint(hint)
        }
    }
}
