//! Files with certificates and keys, read whole.

use std::{fs::File, io::Read, path::Path};

use super::error::{TlsError, TlsProblem};

/// Most bytes of a file. The bundle of all public authorities has about 220 kB.
const MOST: u64 = 4 << 20;

/// The bytes of a file that `option` names.
///
/// # Errors
///
/// The file cannot be read, or has more than 4 MiB (a device that never ends, for one).
pub(super) fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(|error| TlsError::of_file(option, path, TlsProblem::Unreadable(error)))?;
    if bytes.len() as u64 > MOST {
        return Err(TlsError::of_file(option, path, TlsProblem::TooLong(MOST)));
    }
    Ok(bytes)
}
