//! The log file: appended to, opened anew on request, and if so wished a new one each day.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chrono::{Local, NaiveDate};

use super::torn::LineWriter;
use crate::config::LogFile;

/// Addresses of clients are nobody else's business.
const MODE: u32 = 0o640;

/// An open log file.
#[derive(Debug)]
pub(super) struct LogWriter {
    settings: LogFile,
    path: PathBuf,
    /// The day that is in the name of the file. `None`: there is none.
    day: Option<NaiveDate>,
    writer: LineWriter,
}

impl LogWriter {
    /// Opens today's file.
    pub(super) fn open(settings: &LogFile) -> io::Result<Self> {
        let day = day(settings);
        let path = path(&settings.path, day);
        Ok(Self {
            settings: settings.clone(),
            writer: open(&path)?,
            path,
            day,
        })
    }

    /// The file that is written to.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one line, to the file of its day.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.day.is_some_and(|day| day != today()) {
            // Only tried once a day: yesterday's file is better than none.
            self.day = Some(today());
            if let Err(error) = self.reopen() {
                let path = path(&self.settings.path, self.day);
                let path = path.display();
                tracing::error!("cannot open {path}, the log goes on in the last one: {error}");
            }
        }
        self.writer.write(line)
    }

    /// Opens the file of its name anew; goes on with the one it has if that fails.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        let path = path(&self.settings.path, self.day);
        self.writer = open(&path)?;
        self.path = path;
        Ok(())
    }
}

/// The name of today's file.
pub(super) fn current_path(settings: &LogFile) -> PathBuf {
    path(&settings.path, day(settings))
}

fn open(path: &Path) -> io::Result<LineWriter> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(MODE);
    Ok(LineWriter::new(crate::process::open::open(
        &mut options,
        path,
    )?))
}

/// The day to name a file after. What is there and is no file (a terminal, `/dev/stderr`) has no days.
fn day(settings: &LogFile) -> Option<NaiveDate> {
    let is_something_else = std::fs::metadata(&settings.path).is_ok_and(|it| !it.is_file());
    (settings.is_daily && !is_something_else).then(today)
}

fn today() -> NaiveDate {
    Local::now().date_naive()
}

/// coturn's name for a day: `turn.log` becomes `turn_2026-01-31.log`, `turn-` becomes `turn-2026-01-31.log`.
fn path(base: &Path, day: Option<NaiveDate>) -> PathBuf {
    let (Some(day), Some(stem)) = (day, base.file_stem()) else {
        return base.to_owned();
    };
    let mut name = stem.to_owned();
    if !stem.as_encoded_bytes().ends_with(b"-") && !stem.as_encoded_bytes().ends_with(b"_") {
        name.push("_");
    }
    name.push(format!("{day}."));
    name.push(base.extension().unwrap_or("log".as_ref()));
    base.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_stands_before_the_extension_as_in_coturn() {
        let day = NaiveDate::from_ymd_opt(2026, 1, 31);
        for (base, expected) in [
            ("/var/log/turn.log", "/var/log/turn_2026-01-31.log"),
            ("/var/log/turn", "/var/log/turn_2026-01-31.log"),
            ("/var/log/v1.2/turn", "/var/log/v1.2/turn_2026-01-31.log"),
            ("turn-.txt", "turn-2026-01-31.txt"),
            ("turn_", "turn_2026-01-31.log"),
        ] {
            assert_eq!(path(base.as_ref(), day), Path::new(expected));
            assert_eq!(path(base.as_ref(), None), Path::new(base));
        }
    }

    #[test]
    fn a_new_day_has_a_new_file() {
        let directory = tempfile::tempdir().unwrap();
        let settings = LogFile {
            path: directory.path().join("turn.log"),
            is_daily: true,
        };
        let mut file = LogWriter::open(&settings).unwrap();
        file.write(b"today\n").unwrap();
        let named_today = file.path().to_owned();
        assert_eq!(std::fs::read(&named_today).unwrap(), b"today\n");
        // As if it had been opened yesterday.
        let yesterday = today().pred_opt();
        file.day = yesterday;
        file.reopen().unwrap();
        let named_yesterday = path(&settings.path, yesterday);
        assert_eq!(file.path(), named_yesterday);
        file.write(b"today again\n").unwrap();
        assert_eq!(file.path(), named_today);
        assert_eq!(std::fs::read(&named_yesterday).unwrap(), b"");
        assert_eq!(
            std::fs::read(&named_today).unwrap(),
            b"today\ntoday again\n"
        );
    }
}
