//! The file that other programs find the process by.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::identity::Identity;

/// A file with the number of this process, until the process ends.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Writes the number of this process, in place of what a process that has ended left there. The
    /// file belongs to `owner`, if somebody is to be.
    ///
    /// # Errors
    /// When the file cannot be made, or belongs to another turnd that runs.
    pub fn create(path: &Path, owner: Option<&Identity>) -> io::Result<Self> {
        // What others may write to could be a link to somewhere else.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a plain file"));
        }
        if let Some(other) = other_that_runs(&mut file)? {
            let text = format!("process {other} has it, and is another turnd that runs");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        file.set_len(0)?;
        io::Seek::rewind(&mut file)?;
        writeln!(file, "{}", std::process::id())?;
        if let Some(owner) = owner {
            owner.give(&file)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PidFile {
    /// Takes it away, unless somebody has put another in its place. Who has given up root may not be
    /// allowed to: then it is left empty.
    fn drop(&mut self) {
        let is_ours = match (self.file.metadata(), fs::symlink_metadata(&self.path)) {
            (Ok(own), Ok(there)) => (own.dev(), own.ino()) == (there.dev(), there.ino()),
            _ => false,
        };
        if is_ours && fs::remove_file(&self.path).is_err() {
            let _ = self.file.set_len(0);
        }
    }
}

/// The number in the file, if a process has it that runs the same program as this one.
fn other_that_runs(file: &mut File) -> io::Result<Option<u32>> {
    let mut text = String::new();
    // What is no number is none of ours.
    if file.take(32).read_to_string(&mut text).is_err() {
        return Ok(None);
    }
    let Ok(other) = text.trim().parse::<u32>() else {
        return Ok(None);
    };
    let name_of = |process: &str| fs::read_to_string(format!("/proc/{process}/comm")).ok();
    let is_other = other != std::process::id() && name_of(&other.to_string()).is_some();
    Ok((is_other && name_of(&other.to_string()) == name_of("self")).then_some(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_file_has_the_number_and_goes_with_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("turnd.pid");
        fs::write(&path, "left behind by somebody, longer than a number").unwrap();
        let file = PidFile::create(&path, None).unwrap();
        assert_eq!(content(&path), format!("{}\n", std::process::id()));
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (target, path) = (
            directory.path().join("passwd"),
            directory.path().join("pid"),
        );
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(PidFile::create(&path, None).is_err());
        assert_eq!(content(&target), "precious");
    }

    #[test]
    fn what_somebody_else_has_put_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let file = PidFile::create(&path, None).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "4711\n").unwrap();
        drop(file);
        assert_eq!(content(&path), "4711\n");
    }

    #[test]
    fn a_process_that_has_ended_or_is_another_program_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        // The first is no process, the second is init.
        for other in ["4294967290", "1"] {
            fs::write(&path, other).unwrap();
            drop(PidFile::create(&path, None).unwrap());
        }
    }
}
