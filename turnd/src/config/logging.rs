//! What is logged, where, and in which form; and the part of lowering that decides it.

use std::path::PathBuf;

use super::{
    apply::shown,
    error::Findings,
    raw::{At, Raw, Slot},
};
use crate::log::TimeStamp;

/// What to log, where, and in which form. At least one place is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How much.
    pub verbosity: Verbosity,
    /// Less important lines than this are not written, whatever `verbosity` says.
    pub min_level: LogLevel,
    /// Write to standard output, unless that is a place below by another way (the journal).
    pub stdout: bool,
    /// A file to append to.
    pub file: Option<LogFile>,
    /// Write to the system's log under this facility.
    pub syslog: Option<Facility>,
    /// Write to systemd's journal.
    pub journald: bool,
    /// The form of lines on standard output and in the file.
    pub format: LogFormat,
    /// The form of the time in lines of text.
    pub time_stamp: TimeStamp,
    /// What lines show of the addresses of clients and peers.
    pub addresses: LogAddresses,
    /// Log Binding requests too, if sessions are logged.
    pub bindings: bool,
}

impl Default for LogSettings {
    /// What an operator must know, as text on standard output.
    fn default() -> Self {
        Self {
            verbosity: Verbosity::Quiet,
            min_level: LogLevel::Debug,
            stdout: true,
            file: None,
            syslog: None,
            journald: false,
            format: LogFormat::Text,
            time_stamp: TimeStamp::default(),
            addresses: LogAddresses::Full,
            bindings: false,
        }
    }
}

/// How much to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Start, stop, what an operator must know, and a sample of failed logins.
    Quiet,
    /// Sessions and their requests too.
    Verbose,
    /// Everything.
    Extra,
}

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For who looks for a fault.
    Debug,
    /// What happens.
    Info,
    /// What an operator should look at.
    Warning,
    /// What does not work.
    Error,
}

/// A file to log to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Where it is. Taken as it is, or with the date in its name.
    pub path: PathBuf,
    /// A new file each day, with the date in its name.
    pub is_daily: bool,
}

/// What sent a line, for syslog: a number from 0 to 23 (RFC 5424 section 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// What libc takes if a program says nothing.
    pub const USER: Self = Self(1);

    /// Its number, 0 to 23.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// `LOG_LOCAL0`, in any case, with or without `LOG_`.
    fn named(name: &str) -> Option<Self> {
        const NAMES: [&str; 12] = [
            "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
            "authpriv", "ftp",
        ];
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("log_").unwrap_or(&name);
        if let Some(local) = name.strip_prefix("local") {
            let number = local.parse::<u8>().ok();
            let number = number.filter(|number| *number < 8 && local.len() == 1);
            return number.map(|number| Self(16 + number));
        }
        let number = (0..).zip(NAMES).find(|(_, known)| *known == name);
        number.map(|(number, _)| Self(number))
    }
}

/// The form of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Time, level, message.
    Text,
    /// One object a line.
    Json,
}

/// What lines show of the addresses of clients and peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogAddresses {
    /// Address and port.
    Full,
    /// The first 24 bits of an IPv4 address, the first 48 of an IPv6 address.
    Masked,
    /// Nothing.
    None,
}

pub(super) fn log(raw: &Raw, findings: &mut Findings) -> LogSettings {
    let default = LogSettings::default();
    let verbosity = match (raw.extra_verbose.is_on(), raw.verbose.is_on()) {
        (true, _) => Verbosity::Extra,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Quiet,
    };
    let named = raw.log_file.last().filter(|at| !at.value.is_empty());
    let names_stdout = named.is_some_and(|at| matches!(at.value.as_str(), "stdout" | "-"));
    let is_special = |at: &&At<String>| matches!(at.value.as_str(), "stdout" | "-" | "syslog");
    let is_syslog = raw.syslog.is_on() || named.is_some_and(|at| at.value == "syslog");
    let file = named.filter(|at| !is_special(at)).map(|at| LogFile {
        path: PathBuf::from(&at.value),
        is_daily: !raw.simple_log.is_on(),
    });
    let facility = chosen(
        "syslog-facility",
        &raw.syslog_facility,
        FACILITIES,
        findings,
    );
    let has_place = file.is_some() || is_syslog || raw.journald.is_on();
    if let (None, false, Some(origin)) = (named, has_place, raw.no_stdout_log.on()) {
        let text = "no-stdout-log: there is no other place to log to, so standard output stays on";
        findings.warn(origin, text);
    }
    LogSettings {
        verbosity,
        min_level: chosen("log-min-level", &raw.log_min_level, LEVELS, findings)
            .unwrap_or(default.min_level),
        stdout: !has_place || names_stdout || !raw.no_stdout_log.is_on(),
        file,
        syslog: is_syslog.then(|| facility.unwrap_or(Facility::USER)),
        journald: raw.journald.is_on(),
        format: chosen("log-format", &raw.log_format, FORMATS, findings).unwrap_or(default.format),
        time_stamp: time_stamp(raw, findings),
        addresses: chosen("log-addresses", &raw.log_addresses, ADDRESSES, findings)
            .unwrap_or(default.addresses),
        bindings: raw.log_binding.is_on(),
    }
}

/// What a word stands for, and the words that may be written.
struct Words<T> {
    read: fn(&str) -> Option<T>,
    expected: &'static str,
}

const FACILITIES: Words<Facility> = Words {
    read: Facility::named,
    expected: "a facility of syslog, such as LOG_DAEMON or LOG_LOCAL0",
};

const LEVELS: Words<LogLevel> = Words {
    read: |word| match word {
        "debug" => Some(LogLevel::Debug),
        "info" => Some(LogLevel::Info),
        "warning" => Some(LogLevel::Warning),
        "error" => Some(LogLevel::Error),
        _ => None,
    },
    expected: "debug, info, warning or error",
};

const FORMATS: Words<LogFormat> = Words {
    read: |word| match word {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    },
    expected: "text or json",
};

const ADDRESSES: Words<LogAddresses> = Words {
    read: |word| match word {
        "full" => Some(LogAddresses::Full),
        "masked" => Some(LogAddresses::Masked),
        "none" => Some(LogAddresses::None),
        _ => None,
    },
    expected: "full, masked or none",
};

fn chosen<T>(
    name: &str,
    slot: &Slot<String>,
    words: Words<T>,
    findings: &mut Findings,
) -> Option<T> {
    let at = slot.last()?;
    let value = (words.read)(&at.value.to_ascii_lowercase());
    if value.is_none() {
        let text = format!(
            "{name}: {} is not known; expected {}",
            shown(&at.value),
            words.expected
        );
        findings.error(&at.origin, text);
    }
    value
}

fn time_stamp(raw: &Raw, findings: &mut Findings) -> TimeStamp {
    let Some(at) = raw.log_time_stamp.last() else {
        return TimeStamp::default();
    };
    TimeStamp::parse(&at.value).unwrap_or_else(|why| {
        let text = format!(
            "new-log-timestamp-format: {} {why}; expected a form of strftime, with %f for \
             milliseconds, of at most {} characters",
            shown(&at.value),
            TimeStamp::LONGEST
        );
        findings.error(&at.origin, text);
        TimeStamp::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facilities_have_the_numbers_of_syslog() {
        for (name, number) in [
            ("LOG_KERN", 0),
            ("user", 1),
            ("Log_Daemon", 3),
            ("LOG_AUTHPRIV", 10),
            ("LOG_LOCAL0", 16),
            ("local7", 23),
        ] {
            assert_eq!(
                Facility::named(name).map(Facility::number),
                Some(number),
                "{name}"
            );
        }
        for name in ["", "LOG_", "LOG_LOCAL8", "LOCAL07", "LOCAL+1", "16"] {
            assert_eq!(Facility::named(name), None, "{name}");
        }
    }
}
