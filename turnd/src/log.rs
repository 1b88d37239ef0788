//! Log lines: time with milliseconds and zone, level, message; to standard output, a file, or both.

use std::{fmt, fs::OpenOptions, io};

use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{ChronoLocal, FormatTime},
        writer::{BoxMakeWriter, MakeWriterExt},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::config::{LogSettings, Verbosity};

/// Lines that may wait for a slow disk or terminal; beyond it they are dropped, never waited for.
const WAITING_LINES: usize = 16_384;

/// Keeps the log going; what waits is written when it is dropped.
pub struct LogGuard {
    _writers: Vec<WorkerGuard>,
}

/// Starts logging.
///
/// # Errors
/// When the log file cannot be opened.
pub fn start(settings: &LogSettings) -> io::Result<LogGuard> {
    let mut outputs: Vec<Box<dyn io::Write + Send>> = Vec::new();
    if settings.stdout {
        outputs.push(Box::new(io::stdout()));
    }
    if let Some(path) = &settings.file {
        outputs.push(Box::new(
            OpenOptions::new().create(true).append(true).open(path)?,
        ));
    }
    let (writers, guards): (Vec<NonBlocking>, Vec<WorkerGuard>) =
        outputs.into_iter().map(writer).unzip();
    // Formatted once: a line has one time, wherever it is read.
    let writer = writers
        .into_iter()
        .map(BoxMakeWriter::new)
        .reduce(|one, other| BoxMakeWriter::new(one.and(other)));
    let layer = writer.map(|writer| {
        tracing_subscriber::fmt::layer()
            .with_writer(writer)
            .event_format(Lines)
            .with_filter(levels(settings.verbosity))
    });
    tracing_subscriber::registry().with(layer).init();
    Ok(LogGuard { _writers: guards })
}

/// Writes on a thread of its own: whoever logs never waits for a disk.
fn writer(output: Box<dyn io::Write + Send>) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES)
        .lossy(true)
        .finish(output)
}

/// Sessions are logged at INFO by [`crate::session_log`] and only when asked for; what an operator
/// must see is at INFO too, under the name of the program.
fn levels(verbosity: Verbosity) -> Targets {
    let sessions = match verbosity {
        Verbosity::Quiet => LevelFilter::WARN,
        Verbosity::Verbose => LevelFilter::INFO,
        Verbosity::Extra => LevelFilter::TRACE,
    };
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("turnd::session_log", sessions)
}

/// One event, one line.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        ChronoLocal::new("%FT%T%.3f%z".to_owned()).format_time(&mut writer)?;
        let level = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        write!(writer, " {level} ")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
