//! One event of the program as plain values, before it has a form.

use std::fmt::{self, Write as _};

use chrono::{DateTime, Local};
use tracing::{
    Event, Level,
    field::{Field, Visit},
};

use super::escape;

/// What is written of an event.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) time: DateTime<Local>,
    pub(super) level: Level,
    /// On one line.
    pub(super) message: String,
    /// What the message is about, for those who read by program.
    pub(super) fields: Vec<(&'static str, Value)>,
}

/// The value of a field.
#[derive(Debug)]
pub(super) enum Value {
    Number(i64),
    /// On one line.
    Text(String),
}

impl Record {
    /// Of this event, now.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut record = Self::new(*event.metadata().level(), "");
        event.record(&mut record);
        // Our own messages say everything that their fields do; those of others may not.
        if !event.metadata().target().starts_with("turnd") {
            for (name, value) in &record.fields {
                let blank = if record.message.is_empty() { "" } else { " " };
                let _ = write!(record.message, "{blank}{name}={value}");
            }
        }
        record
    }

    /// A message now.
    pub(super) fn new(level: Level, message: &str) -> Self {
        Self {
            time: Local::now(),
            level,
            message: message.to_owned(),
            fields: Vec::new(),
        }
    }

    /// What coturn calls the level.
    pub(super) fn level_word(&self) -> &'static str {
        match self.level {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        }
    }

    /// Its number in syslog and in the journal (RFC 5424 section 6.2.1).
    pub(super) fn severity(&self) -> u8 {
        match self.level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        }
    }
}

impl Visit for Record {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), Value::Number(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match value.try_into() {
            Ok(value) => self.record_i64(field, value),
            Err(_) => self.record_debug(field, &value),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Whatever fails to show itself is left half shown.
        let _ = write!(OneLine(&mut text), "{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.push((field.name(), Value::Text(text)));
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Takes text and keeps it on its line.
struct OneLine<'a>(&'a mut String);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape::push(self.0, text);
        Ok(())
    }
}
