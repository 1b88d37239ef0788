//! A log that a test can read.

use std::sync::Arc;

use tracing::subscriber;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{
    file::LogWriter,
    form::Form,
    layer::{Levels, LogLayer, Output, State},
    sink::{Destination, Sink},
    writer::Writer,
};
use crate::config::{LogFile, LogSettings};

/// What is logged while `work` runs, without times.
pub(crate) fn logged(settings: &LogSettings, work: impl FnOnce()) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let file = LogFile {
        path: directory.path().join("log"),
        is_daily: false,
    };
    let form = Arc::new(Form::Text(super::TimeStamp::parse("@").unwrap()));
    let destination = Destination::File(LogWriter::open(&file).unwrap());
    let writer = Writer::start(Sink::new(destination, Arc::clone(&form))).unwrap();
    let layer = LogLayer::new(State {
        levels: Levels::new(settings),
        outputs: vec![Output {
            form,
            queues: vec![writer.queue.clone()],
        }],
    });
    subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    drop(writer);
    let text = std::fs::read_to_string(&file.path).unwrap();
    text.lines()
        .map(|line| line.strip_prefix("@ ").unwrap().to_owned())
        .collect()
}
