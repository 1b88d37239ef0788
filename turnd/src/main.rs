//! The `turnd` program.

use std::process::ExitCode;

use turnd::{app, commands, config};

/// What coturn ends with when its configuration is wrong.
const CONFIGURATION_ERROR: u8 = 255;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if let Some(code) = commands::run(&args) {
        return code;
    }
    match config::load(args) {
        config::Outcome::Run(loaded) => app::run(&loaded),
        config::Outcome::Print(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        config::Outcome::Invalid(errors) => {
            for error in errors {
                eprintln!("turnd: {error}");
            }
            ExitCode::from(CONFIGURATION_ERROR)
        }
    }
}
