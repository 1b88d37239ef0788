//! The time in front of a line.

use std::fmt::{self, Write as _};

use chrono::{
    DateTime, TimeZone,
    format::{Item, StrftimeItems},
};

/// How the time is written: a form of strftime, in which `%f` stands for milliseconds as in coturn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeStamp(Vec<Item<'static>>);

impl TimeStamp {
    /// Characters that a form may have, as in coturn.
    pub const LONGEST: usize = 47;

    /// Reads a form.
    ///
    /// # Errors
    /// Why it cannot be used; goes on after the form itself.
    pub fn parse(form: &str) -> Result<Self, &'static str> {
        if form.chars().count() > Self::LONGEST {
            return Err("is too long");
        }
        let with_milliseconds = milliseconds(form);
        let Ok(items) = StrftimeItems::new(&with_milliseconds).parse_to_owned() else {
            return Err("is not a form of time");
        };
        let time_stamp = Self(items);
        let mut sample = String::new();
        let written = write!(sample, "{}", time_stamp.of(&DateTime::UNIX_EPOCH));
        match written {
            Ok(()) if sample.trim().is_empty() => Err("is empty"),
            Ok(()) if sample.contains(char::is_control) => Err("breaks the line"),
            Ok(()) => Ok(time_stamp),
            Err(fmt::Error) => Err("is not a form of time"),
        }
    }

    /// This time, to be shown.
    pub(super) fn of<Tz: TimeZone>(&self, time: &DateTime<Tz>) -> impl fmt::Display
    where
        Tz::Offset: fmt::Display,
    {
        time.format_with_items(self.0.iter())
    }
}

impl Default for TimeStamp {
    fn default() -> Self {
        Self::parse("%FT%T.%f%z").expect("a form of time")
    }
}

/// chrono's own `%f` stands for nanoseconds.
fn milliseconds(form: &str) -> String {
    let mut out = String::with_capacity(form.len() + 4);
    let mut characters = form.chars();
    while let Some(character) = characters.next() {
        out.push(character);
        if character == '%' {
            match characters.next() {
                Some('f') => out.push_str("3f"),
                other => out.extend(other),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: &str) -> Result<String, &'static str> {
        let time = DateTime::from_timestamp_millis(1_764_000_000_007).unwrap();
        TimeStamp::parse(form).map(|stamp| stamp.of(&time).to_string())
    }

    #[test]
    fn forms_are_those_of_strftime_with_milliseconds() {
        for (form, expected) in [
            ("%FT%T.%f%z", "2025-11-24T16:00:00.007+0000"),
            ("%d/%b/%Y:%H:%M:%S", "24/Nov/2025:16:00:00"),
            ("%s", "1764000000"),
            ("[%%f] %T", "[%f] 16:00:00"),
        ] {
            assert_eq!(written(form), Ok(expected.to_owned()));
        }
        assert_eq!(
            TimeStamp::default(),
            TimeStamp::parse("%FT%T.%f%z").unwrap()
        );
    }

    #[test]
    fn what_is_no_form_is_refused() {
        assert_eq!(written(""), Err("is empty"));
        assert_eq!(written(&"x".repeat(47)).unwrap().len(), 47);
        assert_eq!(written(&"x".repeat(48)), Err("is too long"));
        for form in ["%F%n%T", "%F\t%T", "a\u{1b}b"] {
            assert_eq!(written(form), Err("breaks the line"), "{form:?}");
        }
        for form in ["%", "%F %", "%!"] {
            assert_eq!(written(form), Err("is not a form of time"), "{form:?}");
        }
    }
}
