//! The log changes while the program runs.

use std::{path::Path, sync::MutexGuard};

use tempfile::TempDir;
use tracing::subscriber;

use super::*;
use crate::config::{LogAddresses, LogFile, LogFormat, LogLevel, Verbosity};

/// A log in files of a directory of its own.
struct Files {
    directory: TempDir,
    log: Log,
}

impl Files {
    fn new(settings: impl Fn(LogSettings) -> LogSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(to_file(directory.path(), "first"));
        let places = places::open(&settings, &mut Vec::new()).unwrap();
        let layer = LogLayer::new(State {
            levels: Levels::new(&settings),
            outputs: places::outputs(&places),
        });
        let places = Arc::new(Mutex::new(places));
        let log = Log { layer, places };
        Self { directory, log }
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.log.places.lock().unwrap()
    }

    /// Ends the log and reads a file of it.
    fn end(&self, name: &str) -> String {
        self.places().clear();
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }
}

fn to_file(directory: &Path, name: &str) -> LogSettings {
    LogSettings {
        stdout: false,
        file: Some(LogFile {
            path: directory.join(name),
            is_daily: false,
        }),
        ..LogSettings::default()
    }
}

fn with<T>(files: &Files, work: impl FnOnce() -> T) -> T {
    let subscriber = tracing_subscriber::registry().with(files.log.layer.clone());
    subscriber::with_default(subscriber, work)
}

fn say(number: u32) {
    tracing::debug!(target: SESSIONS, "debug {number}");
    tracing::info!(target: SESSIONS, "session {number}");
    tracing::info!("program {number}");
    tracing::warn!("warning {number}");
}

/// What is said in a text, without times.
fn said(text: &str) -> Vec<&str> {
    let words = text.lines().map(|line| line.split_once(' ').unwrap().1);
    words.collect()
}

#[test]
fn a_change_goes_to_other_places_in_another_form_from_there_on() {
    let files = Files::new(|settings| settings);
    with(&files, || {
        say(1);
        let mut settings = to_file(files.directory.path(), "second");
        settings.verbosity = Verbosity::Extra;
        settings.format = LogFormat::Json;
        files.log.apply(&settings).unwrap();
        say(2);
        settings.min_level = LogLevel::Warning;
        files.log.apply(&settings).unwrap();
        say(3);
    });
    let second = files.end("second");
    assert_eq!(
        said(&files.end("first")),
        ["INFO program 1", "WARNING warning 1"]
    );
    let messages: Vec<String> = second
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        messages,
        [
            "debug 2",
            "session 2",
            "program 2",
            "warning 2",
            "warning 3"
        ]
    );
}

#[test]
fn a_change_that_cannot_be_made_changes_nothing() {
    let files = Files::new(|settings| settings);
    with(&files, || {
        let mut settings = to_file(files.directory.path(), "none/such");
        settings.verbosity = Verbosity::Extra;
        settings.addresses = LogAddresses::None;
        let error = files.log.apply(&settings).unwrap_err().to_string();
        assert!(
            error.contains("none/such (log-file): No such file"),
            "{error}"
        );
        say(1);
    });
    assert_eq!(
        said(&files.end("first")),
        ["INFO program 1", "WARNING warning 1"]
    );
}

#[test]
fn what_stays_the_same_stays_open() {
    let files = Files::new(|settings| settings);
    let first = files.directory.path().join("first");
    let moved = files.directory.path().join("moved");
    with(&files, || {
        std::fs::rename(&first, &moved).unwrap();
        let mut settings = to_file(files.directory.path(), "first");
        settings.verbosity = Verbosity::Verbose;
        files.log.apply(&settings).unwrap();
        say(1);
        files.log.reopen();
    });
    let written = files.end("moved");
    assert_eq!(
        said(&written),
        ["INFO session 1", "INFO program 1", "WARNING warning 1"]
    );
    assert!(first.exists());
}

#[test]
fn a_panic_is_logged() {
    let files = Files::new(|settings| settings);
    with(&files, || {
        panics::log();
        let _ = std::panic::catch_unwind(|| panic!("this\nis a test"));
        let _ = std::panic::take_hook();
    });
    let written = files.end("first");
    let [line] = said(&written)[..] else {
        panic!("{written}");
    };
    let shape = "ERROR thread log::tests::a_panic_is_logged panicked at turnd/src/log/tests.rs:";
    assert!(line.starts_with(shape), "{line}");
    assert!(line.ends_with(": this\\u{a}is a test"), "{line}");
}

#[test]
fn the_files_of_the_log_are_those_that_are_written_to() {
    let with_day = Files::new(|mut settings| {
        settings.stdout = true;
        settings.file.as_mut().unwrap().is_daily = true;
        settings
    });
    let files = with_day.log.files();
    let [file] = &files[..] else {
        panic!("{files:?}");
    };
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("first_20") && file.exists(), "{name}");
    // What is no file of ours belongs to nobody else either.
    let device = Files::new(|mut settings| {
        settings.file.as_mut().unwrap().path = "/dev/null".into();
        settings
    });
    assert!(device.log.files().is_empty());
}
