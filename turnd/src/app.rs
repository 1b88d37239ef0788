//! The life of the program: set up, serve, stop. What happens meanwhile is in [`crate::control`].

use std::{ffi::OsString, fs::OpenOptions, io, process::ExitCode, time::Instant};

use crate::{
    config::{Loaded, LogSettings, Settings, Severity},
    control::{self, Control, Names, Running, Signals, Workers},
    external,
    log::{self, Log},
    metrics::Exporter,
    process::{background, identity::Identity, limits, open::open, pid_file::PidFile, secrecy},
    setup::{Setup, StartError, system},
    summary,
    systemd::Notify,
};

/// What coturn ends with when its configuration is wrong.
const CONFIGURATION_ERROR: u8 = 255;

/// Serves until a signal ends it. `arguments` are those that the configuration was read with; a reload
/// reads it with them again.
#[must_use]
pub fn run(loaded: &Loaded, arguments: Vec<OsString>) -> ExitCode {
    let process = &loaded.settings.process;
    let identity = match Identity::find(process) {
        Ok(identity) => identity,
        Err(error) => {
            eprintln!("turnd: {error}");
            return ExitCode::from(CONFIGURATION_ERROR);
        }
    };
    let daemon = background::is_wanted(process.daemon);
    if daemon && !background::is_background() {
        return background::start(&arguments);
    }
    let started = if daemon {
        background::leave_terminal()
    } else {
        Ok(())
    };
    let guard = match started.and_then(|()| log::start(&log_settings(&loaded.settings))) {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("turnd: {error}");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!("turnd {}", env!("CARGO_PKG_VERSION"));
    if process.daemon && !daemon {
        tracing::warn!(
            "daemon: has no effect, because a service manager waits to hear from this process (NOTIFY_SOCKET is set)"
        );
    }
    for note in &loaded.notes {
        match note.severity {
            Severity::Warning => tracing::warn!("{note}"),
            Severity::Info => tracing::info!("{note}"),
        }
    }
    match serve(loaded, identity.as_ref(), arguments, guard.log()) {
        Ok(()) => {
            tracing::info!("turnd has stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            if daemon {
                // Whoever waits does not see the log.
                eprintln!("turnd: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

/// What is logged where, as it is possible.
pub(crate) fn log_settings(settings: &Settings) -> LogSettings {
    LogSettings {
        // In the background it is the way to whoever waits.
        stdout: settings.log.stdout && !background::is_wanted(settings.process.daemon),
        ..settings.log.clone()
    }
}

fn serve(
    loaded: &Loaded,
    identity: Option<&Identity>,
    arguments: Vec<OsString>,
    log: Log,
) -> Result<(), StartError> {
    let mut in_force = loaded.settings.clone();
    secrecy::keep(&in_force.process);
    limits::raise(&in_force);
    // Before anything else: a signal that comes while we start must not be lost.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("start the control runtime"))?;
    let signals = {
        let _context = runtime.enter();
        Signals::new().map_err(system("watch for signals"))?
    };
    let resolved = external::resolve_beside(external::Occasion::Beginning, None, &in_force)
        .map_err(StartError::External)?;
    in_force.external = resolved.warn();
    let settings = &in_force;
    // `handle` is for whoever has to know what the program is doing, or may ask for a reload.
    let (handle, desk) = control::handle(settings.relay_threads);

    // Before the rest, so that whoever waits for the server learns that it is on its way.
    let exporter = settings.metrics.as_ref();
    let exporter = exporter.map(|wanted| Exporter::start(wanted, handle.clone()));
    let exporter = exporter.transpose().map_err(StartError::Metrics)?;
    let mut setup = Setup::new(settings)?;
    summary::log(settings, &setup);
    let _pid_file = pid_file(settings, identity)?;
    if let Some(identity) = identity {
        // Files that were made as root go on being written.
        for path in log.files() {
            open(OpenOptions::new().append(true), &path)
                .and_then(|file| identity.give(&file))
                .map_err(system("give the log file to proc-user"))?;
        }
        identity.assume().map_err(StartError::Identity)?;
        secrecy::keep(&settings.process);
        tracing::info!("running as {identity}");
    }
    let workers = Workers::start(settings, &mut setup, handle.live())?;
    if let Some(exporter) = &exporter {
        exporter.attach(setup.sources(workers.reporter(), settings));
        tracing::info!("metrics at {}", exporter.url());
    }
    let is_daemon = background::is_wanted(settings.process.daemon);
    let control = Control {
        arguments,
        signals,
        desk,
        workers,
        notify: Notify::from_environment(),
        names: Names::new(settings, Instant::now()),
        running: Running {
            file: loaded.file.clone(),
            settings: in_force,
            setup,
        },
        handle,
        log,
        draining: None,
        exporter,
    };
    if is_daemon {
        background::tell_ready().map_err(system("leave the terminal"))?;
    }
    runtime
        .block_on(control.run())
        .map_err(system("go on serving"))
}

/// Another turnd that has the file is a reason not to start; a directory that cannot be written to is
/// none, because nobody's call depends on the file.
fn pid_file(
    settings: &Settings,
    identity: Option<&Identity>,
) -> Result<Option<PidFile>, StartError> {
    let Some(path) = &settings.process.pid_file else {
        return Ok(None);
    };
    match PidFile::create(path, identity) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StartError::PidFile {
            path: path.clone(),
            error,
        }),
        Err(error) => {
            tracing::warn!("pidfile: cannot write {}: {error}", path.display());
            Ok(None)
        }
    }
}
