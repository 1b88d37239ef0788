//! Files that root opens where somebody else may write.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use nix::unistd::geteuid;
use rustix::fs::OFlags;

/// Opens a file. Root follows a link only where nobody but root could have put it: who may write to the directory of a
/// log could have any file of this machine written to, and given to him.
///
/// # Errors
/// Those of opening it, or that it is such a link.
pub fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    if !geteuid().is_root() || is_roots_alone(directory(path))? {
        return options.open(path);
    }
    options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options.open(path).map_err(|error| {
        if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            return io::Error::other(
                "it is a link, in a directory that others than root may write to",
            );
        }
        error
    })
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => Path::new("/"),
    }
}

fn is_roots_alone(directory: &Path) -> io::Result<bool> {
    let directory = fs::metadata(directory)?;
    Ok(directory.uid() == 0 && directory.mode() & 0o022 == 0)
}
