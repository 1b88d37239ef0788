//! The `turnd` program.

use std::process::ExitCode;

use turnd::{app, commands, config};

/// What coturn ends with when its configuration is wrong.
const CONFIGURATION_ERROR: u8 = 255;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(code) = commands::run(&arguments) {
        return code;
    }
    match config::load(arguments.iter().cloned()) {
        config::Outcome::Run(loaded) => app::run(&loaded, arguments),
        config::Outcome::Print(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        config::Outcome::Invalid(errors, notes) => {
            for error in errors {
                eprintln!("turnd: {error}");
            }
            for note in notes {
                eprintln!("turnd: warning: {note}");
            }
            ExitCode::from(CONFIGURATION_ERROR)
        }
    }
}
