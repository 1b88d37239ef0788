//! What is said about a configuration: where, and what. Errors end the start, notes do not.

use std::{fmt, path::Path, sync::Arc};

/// Most errors, and most notes, that are kept; the rest are counted. A file that is no
/// configuration at all should not fill the journal.
const MOST: usize = 100;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A line of a file, counted from 1.
    File {
        /// The file, as it was named or found.
        path: Arc<Path>,
        /// The line, from 1.
        line: usize,
    },
    /// A place in a file in TOML, where a line may hold several values.
    Toml {
        /// The file, as it was named or found.
        path: Arc<Path>,
        /// The line, from 1.
        line: usize,
        /// The character in the line, from 1.
        column: usize,
    },
    /// The command line.
    CommandLine,
    /// A variable of the environment.
    Environment(&'static str),
    /// Nowhere: it follows from what was not written.
    Configuration,
}

impl Origin {
    /// Where, in a text that has named the file already or is about another line of it.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::File { line, .. } | Self::Toml { line, .. } => format!("line {line}"),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Toml { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::CommandLine => f.write_str("command line"),
            Self::Environment(name) => write!(f, "environment, {name}"),
            Self::Configuration => f.write_str("configuration"),
        }
    }
}

/// Something in the configuration that the server cannot start with. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub origin: Origin,
    /// What is wrong and what is expected, in one line that names the option.
    pub text: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}

impl std::error::Error for ConfigError {}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// The server does something else than the writer may expect.
    Warning,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// What nothing else here stands for.
    General,
    /// Strangers may do more than most operators want.
    Unsafe,
    /// Something that is written changes nothing.
    NoEffect,
    /// coturn would do something else with the same file.
    Coturn,
}

/// Something to tell at the start. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub about: About,
    /// Where.
    pub origin: Origin,
    /// One line; names the option if it is about one.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}

/// Everything found while the configuration is read, so that all of it can be told at once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<ConfigError>,
    notes: Vec<Note>,
    /// Notes on what was read, before anything was concluded from it.
    of_reading: usize,
    more_errors: usize,
    more_notes: usize,
    accepted: Vec<(Origin, &'static str)>,
}

impl Findings {
    pub(super) fn error(&mut self, origin: &Origin, text: impl Into<String>) {
        if self.errors.len() == MOST {
            self.more_errors += 1;
            return;
        }
        let (origin, text) = (origin.clone(), text.into());
        self.errors.push(ConfigError { origin, text });
    }

    pub(super) fn warn(&mut self, origin: &Origin, text: impl Into<String>) {
        self.warn_of(About::General, origin, text);
    }

    pub(super) fn warn_of(&mut self, about: About, origin: &Origin, text: impl Into<String>) {
        self.note(Severity::Warning, about, origin, text.into());
    }

    pub(super) fn info(&mut self, origin: &Origin, text: impl Into<String>) {
        self.info_of(About::General, origin, text);
    }

    pub(super) fn info_of(&mut self, about: About, origin: &Origin, text: impl Into<String>) {
        self.note(Severity::Info, about, origin, text.into());
    }

    /// An option that asks for what is done anyway. They share one note.
    pub(super) fn accepted(&mut self, origin: &Origin, name: &'static str) {
        self.accepted.push((origin.clone(), name));
    }

    /// A warning about a line without effect, whose text is only made if it is kept.
    pub(super) fn warn_with(&mut self, origin: &Origin, text: impl FnOnce() -> String) {
        let text = if self.has_room() {
            text()
        } else {
            String::new()
        };
        self.note(Severity::Warning, About::NoEffect, origin, text);
    }

    fn has_room(&self) -> bool {
        self.notes.len() < MOST
    }

    fn note(&mut self, severity: Severity, about: About, origin: &Origin, text: String) {
        if !self.has_room() {
            self.more_notes += 1;
            return;
        }
        let origin = origin.clone();
        self.notes.push(Note {
            severity,
            about,
            origin,
            text,
        });
    }

    /// What is noted from here on is concluded from what was read, and says nothing if that has errors.
    pub(super) fn all_is_read(&mut self) {
        self.of_reading = self.notes.len();
    }

    /// All notes if there is no error, else all errors in the order of the lines, and the warnings about what was read.
    pub(super) fn finish(mut self) -> Result<Vec<Note>, (Vec<ConfigError>, Vec<Note>)> {
        self.errors.sort_by(|a, b| a.origin.cmp(&b.origin));
        if self.more_errors > 0 {
            self.errors.push(ConfigError {
                origin: last_origin(&self.errors),
                text: format!("{} more errors are not shown", self.more_errors),
            });
        }
        if !self.errors.is_empty() {
            self.notes.truncate(self.of_reading);
            self.notes.retain(|note| note.severity == Severity::Warning);
            return Err((self.errors, self.notes));
        }
        self.tell_accepted();
        if self.more_notes > 0 {
            self.notes.push(Note {
                severity: Severity::Warning,
                about: About::General,
                origin: Origin::Configuration,
                text: format!("{} more notes are not shown", self.more_notes),
            });
        }
        Ok(self.notes)
    }

    fn tell_accepted(&mut self) {
        let Some((first, _)) = self.accepted.first() else {
            return;
        };
        let names = self.accepted.iter();
        let names = names.map(|(origin, name)| format!("{name} ({})", origin.place()));
        let text = format!(
            "accepted, nothing to do for: {}",
            names.collect::<Vec<_>>().join(", ")
        );
        self.note(Severity::Info, About::NoEffect, &first.clone(), text);
    }
}

fn last_origin(errors: &[ConfigError]) -> Origin {
    errors
        .last()
        .map_or(Origin::Configuration, |error| error.origin.clone())
}
