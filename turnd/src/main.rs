//! The `turnd` program.

use std::process::ExitCode;

use turnd::{app, config};

/// What coturn ends with when its configuration is wrong.
const CONFIGURATION_ERROR: u8 = 255;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    match config::load(arguments.iter().cloned()) {
        config::Outcome::Run(loaded) => app::run(&loaded, arguments),
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
