//! The life of the program: set up, serve, stop. What happens meanwhile is in [`crate::control`].

use std::{ffi::OsString, process::ExitCode};

use crate::{
    config::{Loaded, Severity},
    control::{self, Control, Running, Signals, Workers},
    log::{self, Log},
    setup::{Setup, StartError, system},
    summary,
};

/// Serves until a signal ends it. `arguments` are those that the configuration was read with; a reload
/// reads it with them again.
#[must_use]
pub fn run(loaded: &Loaded, arguments: Vec<OsString>) -> ExitCode {
    let guard = match log::start(&loaded.settings.log) {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("turnd: {error}");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!("turnd {}", env!("CARGO_PKG_VERSION"));
    for note in &loaded.notes {
        match note.severity {
            Severity::Warning => tracing::warn!("{note}"),
            Severity::Info => tracing::info!("{note}"),
        }
    }
    match serve(loaded, arguments, guard.log()) {
        Ok(()) => {
            tracing::info!("turnd has stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(loaded: &Loaded, arguments: Vec<OsString>, log: Log) -> Result<(), StartError> {
    let settings = &loaded.settings;
    raise_descriptor_limit();
    // Before anything else: a signal that comes while we start must not be lost.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("start the control runtime"))?;
    let signals = {
        let _context = runtime.enter();
        Signals::new().map_err(system("watch for signals"))?
    };
    // `handle` is for whoever has to know what the program is doing, or may ask for a reload.
    let (handle, desk) = control::handle(settings.relay_threads);

    let mut setup = Setup::new(settings)?;
    summary::log(settings, &setup);
    let workers = Workers::start(settings, &mut setup, handle.live())?;
    let control = Control {
        arguments,
        signals,
        desk,
        workers,
        running: Running {
            file: loaded.file.clone(),
            settings: settings.clone(),
            setup,
        },
        handle,
        log,
        draining: None,
    };
    runtime
        .block_on(control.run())
        .map_err(system("go on serving"))
}

/// Every allocation needs a descriptor. Not being allowed more is no reason not to start.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            "cannot raise the limit of open files above {:?}: {error}",
            limit.current
        );
    }
}
