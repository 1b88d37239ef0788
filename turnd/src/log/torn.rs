//! Whole lines into a stream that may take a part of one.

use std::{
    fs::File,
    io::{self, Write as _},
};

/// Writes lines to a file or a pipe.
#[derive(Debug)]
pub(super) struct LineWriter {
    file: File,
    /// The end of the last line is missing.
    is_torn: bool,
}

impl LineWriter {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            is_torn: false,
        }
    }

    /// Writes one line. After a failure a part of it may be there; the next one begins on a line of its own.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => {
                    rest = rest.get(length..).unwrap_or_default();
                    self.is_torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
