//! How a record is written, for each kind of reader.

use std::io::Write as _;

use super::{
    record::{Record, Value},
    time_stamp::TimeStamp,
};
use crate::config::Facility;

/// Time in JSON: RFC 3339, which every collector reads.
const JSON_TIME: &str = "%FT%T%.3f%:z";
/// Time in syslog: RFC 3164 section 4.1.2, in local time.
const SYSLOG_TIME: &str = "%b %e %T";

/// How records are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Time, level, message: a line of coturn's.
    Text(TimeStamp),
    /// One object a line.
    Json,
    /// A datagram for syslog as libc's `syslog` writes it. `tag`: what the program is called.
    Syslog { facility: Facility, tag: String },
    /// A datagram for systemd's journal (its native protocol).
    Journal { tag: String },
}

impl Form {
    /// Appends a record to `out`, whole, with what ends it.
    pub(super) fn write(&self, record: &Record, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = match self {
            Self::Text(stamp) => writeln!(
                out,
                "{} {} {}",
                stamp.of(&record.time),
                record.level_word(),
                record.message
            ),
            Self::Json => json(record, out),
            Self::Syslog { facility, tag } => write!(
                out,
                "<{}>{} {tag}[{}]: {}",
                facility.number() * 8 + record.severity(),
                record.time.format(SYSLOG_TIME),
                std::process::id(),
                record.message
            ),
            Self::Journal { tag } => journal(record, tag, out),
        };
    }
}

fn json(record: &Record, out: &mut Vec<u8>) -> std::io::Result<()> {
    write!(
        out,
        "{{\"time\":\"{}\",\"level\":\"{}\",\"message\":",
        record.time.format(JSON_TIME),
        record.level_word()
    )?;
    serde_json::to_writer(&mut *out, &record.message)?;
    for (name, value) in &record.fields {
        write!(out, ",\"{name}\":")?;
        match value {
            Value::Number(number) => write!(out, "{number}")?,
            Value::Text(text) => serde_json::to_writer(&mut *out, text)?,
        }
    }
    out.write_all(b"}\n")
}

/// Nothing in a record has a newline, so that the simple form of a field is enough.
fn journal(record: &Record, tag: &str, out: &mut Vec<u8>) -> std::io::Result<()> {
    write!(
        out,
        "PRIORITY={}\nSYSLOG_IDENTIFIER={tag}\nMESSAGE={}\n",
        record.severity(),
        record.message
    )?;
    for (name, value) in &record.fields {
        writeln!(out, "TURND_{}={value}", name.to_ascii_uppercase())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::{Local, TimeZone as _};
    use tracing::Level;

    use super::*;

    fn written(form: &Form) -> String {
        let record = Record {
            time: Local.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap(),
            level: Level::WARN,
            message: "user <a\"b> is \u{e9}".to_owned(),
            fields: vec![
                ("user", Value::Text("a\"b".to_owned())),
                ("code", Value::Number(401)),
            ],
        };
        let mut out = Vec::new();
        form.write(&record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_has_time_level_and_message() {
        let stamp = TimeStamp::parse("%F %T.%f").unwrap();
        assert_eq!(
            written(&Form::Text(stamp)),
            "2026-01-02 03:04:05.000 WARNING user <a\"b> is é\n"
        );
    }

    #[test]
    fn json_is_an_object_a_line() {
        let line = written(&Form::Json);
        assert_eq!(line.matches('\n').count(), 1);
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(
            object["time"]
                .as_str()
                .unwrap()
                .starts_with("2026-01-02T03:04:05.000"),
            "{line}"
        );
        assert_eq!(object["level"], "WARNING");
        assert_eq!(object["message"], "user <a\"b> is é");
        assert_eq!(
            (&object["user"], &object["code"]),
            (&"a\"b".into(), &401.into())
        );
    }

    #[test]
    fn syslog_gets_what_libc_would_send() {
        let form = Form::Syslog {
            facility: Facility::USER,
            tag: "turnd".to_owned(),
        };
        let id = std::process::id();
        assert_eq!(
            written(&form),
            format!("<12>Jan  2 03:04:05 turnd[{id}]: user <a\"b> is é")
        );
    }

    #[test]
    fn the_journal_gets_a_field_a_line() {
        let form = Form::Journal {
            tag: "turnd".to_owned(),
        };
        assert_eq!(
            written(&form),
            "PRIORITY=4\nSYSLOG_IDENTIFIER=turnd\nMESSAGE=user <a\"b> is é\nTURND_USER=a\"b\nTURND_CODE=401\n"
        );
    }
}
