//! The places to log to, as the settings ask for them.

use std::{
    env,
    fs::File,
    io,
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    datagrams::{self, Datagrams},
    file::{self, LogWriter},
    form::Form,
    layer::Output,
    sink::{Destination, Sink},
    writer::Writer,
};
use crate::config::{LogFile, LogFormat, LogSettings};

/// Most characters of the name that the system's log knows this program by.
const LONGEST_TAG: usize = 32;

/// A place that is written to.
#[derive(Debug)]
pub(super) struct Place {
    wanted: Wanted,
    form: Arc<Form>,
    writer: Writer,
}

/// A place that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Stdout,
    File(LogFile),
    Syslog,
    Journal,
}

/// Opens what the settings ask for. What is the same as in `old` is taken from there, but not before everything
/// else is open.
pub(super) fn open(settings: &LogSettings, old: &mut Vec<Place>) -> io::Result<Vec<Place>> {
    let wanted = wanted(settings);
    let is_kept = |place: &Place| wanted.contains(&(place.wanted.clone(), (*place.form).clone()));
    let mut new = Vec::new();
    for (wanted, form) in &wanted {
        let is_there = |place: &Place| place.wanted == *wanted && *place.form == *form;
        if !old.iter().any(is_there) {
            new.push(Place::open(wanted, form)?);
        }
    }
    new.extend(old.extract_if(.., |place| is_kept(place)));
    Ok(new)
}

/// Who wants lines, by their form.
pub(super) fn outputs(places: &[Place]) -> Vec<Output> {
    let mut outputs: Vec<Output> = Vec::new();
    for place in places {
        let queue = place.writer.queue.clone();
        match outputs.iter_mut().find(|it| it.form == place.form) {
            Some(output) => output.queues.push(queue),
            None => outputs.push(Output {
                form: Arc::clone(&place.form),
                queues: vec![queue],
            }),
        }
    }
    outputs
}

fn wanted(settings: &LogSettings) -> Vec<(Wanted, Form)> {
    let form = match settings.format {
        LogFormat::Text => Form::Text(settings.time_stamp.clone()),
        LogFormat::Json => Form::Json,
    };
    let mut wanted = Vec::new();
    // Standard output that is the journal would bring every line there a second time; syslog is read by the
    // journal too.
    let is_double = (settings.journald || settings.syslog.is_some()) && stdout_is_the_journal();
    if settings.stdout && !is_double {
        wanted.push((Wanted::Stdout, form.clone()));
    }
    if let Some(file) = &settings.file {
        wanted.push((Wanted::File(file.clone()), form));
    }
    if let Some(facility) = settings.syslog {
        wanted.push((
            Wanted::Syslog,
            Form::Syslog {
                facility,
                tag: tag(),
            },
        ));
    }
    if settings.journald {
        wanted.push((Wanted::Journal, Form::Journal { tag: tag() }));
    }
    wanted
}

impl Place {
    /// The file that is written to, if it is one.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match &self.wanted {
            Wanted::File(file) => Some(file::current_path(file)).filter(|path| path.is_file()),
            Wanted::Stdout | Wanted::Syslog | Wanted::Journal => None,
        }
    }

    fn open(wanted: &Wanted, form: &Form) -> io::Result<Self> {
        let destination = match wanted {
            Wanted::Stdout => Destination::stdout().map_err(naming("use standard output"))?,
            Wanted::File(file) => {
                let what = format!("write the log file {} (log-file)", file.path.display());
                Destination::File(LogWriter::open(file).map_err(naming(&what))?)
            }
            // Whoever listens there may start later than this program.
            Wanted::Syslog => Destination::Datagrams(Datagrams::to(datagrams::SYSLOG)),
            Wanted::Journal => Destination::Datagrams(Datagrams::to(datagrams::JOURNAL)),
        };
        let form = Arc::new(form.clone());
        let sink = Sink::new(destination, Arc::clone(&form));
        Ok(Self {
            wanted: wanted.clone(),
            form,
            writer: Writer::start(sink).map_err(naming("start a thread for the log"))?,
        })
    }
}

fn naming(what: &str) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("cannot {what}: {error}"))
}

/// systemd says which file its journal reads (systemd.exec(5), `$JOURNAL_STREAM`).
fn stdout_is_the_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    let Ok(metadata) = stdout.and_then(|stdout| File::from(stdout).metadata()) else {
        return false;
    };
    stream == format!("{}:{}", metadata.dev(), metadata.ino())
}

/// What this program was called, as libc's `syslog` does: who looks for `turnserver` finds it.
fn tag() -> String {
    let called = env::args_os().next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or_default();
    let is_plain =
        |character: &char| character.is_ascii_alphanumeric() || "-_.".contains(*character);
    let tag: String = name
        .to_string_lossy()
        .chars()
        .filter(is_plain)
        .take(LONGEST_TAG)
        .collect();
    if tag.is_empty() {
        "turnd".to_owned()
    } else {
        tag
    }
}
