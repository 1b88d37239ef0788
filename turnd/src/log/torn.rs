//! Whole lines into a stream that may take a part of one.

use std::{
    fs::File,
    io::{self, Write as _},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
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
                // Whoever has the other end of a pipe or a terminal may have made it so.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<()> {
        match poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use rustix::io::ioctl_fionbio;

    use super::*;

    #[test]
    fn a_pipe_that_does_not_block_loses_nothing() {
        let (mut reader, pipe) = io::pipe().unwrap();
        ioctl_fionbio(&pipe, true).unwrap();
        let mut writer = LineWriter::new(OwnedFd::from(pipe).into());
        let line = [b'x'; 1000];
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            io::Read::read_to_end(&mut reader, &mut all).unwrap();
            all.len()
        });
        for _ in 0..1000 {
            writer.write(&line).unwrap();
        }
        drop(writer);
        assert_eq!(reading.join().unwrap(), 1_000_000);
    }
}
