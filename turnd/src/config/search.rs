//! Which file is read. The places are coturn's, so that a file stays where it is.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    error::{Findings, Origin},
    raw::Raw,
};

/// Where a relative name is looked for, in this order.
const PLACES: [&str; 15] = [
    "",
    "turnserver",
    "coturn",
    "etc",
    "etc/turnserver",
    "etc/coturn",
    "../etc",
    "../etc/turnserver",
    "../etc/coturn",
    "/etc",
    "/etc/turnserver",
    "/etc/coturn",
    "/usr/local/etc",
    "/usr/local/etc/turnserver",
    "/usr/local/etc/coturn",
];

/// What is looked for if no file is named.
const USUAL: &str = "turnserver.conf";

/// More than any configuration, less than what would hurt: 16 MiB.
const LARGEST: u64 = 16 << 20;

/// Reads a whole file.
pub type ReadFile = Box<dyn Fn(&Path) -> io::Result<Vec<u8>>>;

/// What the configuration depends on besides arguments and file. Tests bring their own.
pub struct Machine {
    /// Cores that workers can run on, at least 1.
    pub cores: usize,
    /// The host's name, with its domain if it has one.
    pub host_name: Option<String>,
    /// Reads a file.
    pub read: ReadFile,
}

impl Machine {
    /// The one this process runs on.
    #[must_use]
    pub fn this() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        Self {
            cores,
            host_name: host_name.map(|name| name.trim().to_owned()),
            read: Box::new(read),
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok(bytes)
}

/// A file and what is in it.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

/// The file that `raw` asks for. Without one that was named, a warning; a named one must be there.
pub(super) fn search(raw: &Raw, machine: &Machine, findings: &mut Findings) -> Option<Found> {
    let named = raw.config.last();
    if let Some(no_config) = raw.no_config.on() {
        if named.is_some() {
            findings.error(
                no_config,
                "config and no-config contradict each other; expected one of them",
            );
        }
        return None;
    }
    let name = named.map_or(USUAL, |at| at.value.as_str());
    for path in candidates(name) {
        match (machine.read)(&path) {
            Ok(bytes) => return Some(Found { path, bytes }),
            Err(error) if is_absent(&error) => {}
            Err(error) => {
                let text = format!("config: cannot read {}: {error}", path.display());
                findings.error(named.map_or(&Origin::Configuration, |at| &at.origin), text);
                return None;
            }
        }
    }
    match named {
        Some(at) => findings.error(&at.origin, missing(name)),
        None => findings.warn(
            &Origin::Configuration,
            "no turnserver.conf in the current directory, /etc or /usr/local/etc; \
             only the command line counts (--config FILE names a file)",
        ),
    }
    None
}

fn candidates(name: &str) -> impl Iterator<Item = PathBuf> {
    let places: &[&str] = if name.starts_with(['/', '~']) {
        &PLACES[..1]
    } else {
        &PLACES
    };
    places.iter().map(move |place| Path::new(place).join(name))
}

/// No such file here, so look on. A directory of that name is no such file.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, IsADirectory, NotADirectory, NotFound};
    matches!(
        error.kind(),
        NotFound | NotADirectory | IsADirectory | InvalidFilename
    )
}

fn missing(name: &str) -> String {
    match name {
        "" => "config: no file is named; expected the path of a file".to_owned(),
        name if name.starts_with(['/', '~']) => format!("config: there is no file {name}"),
        name => format!(
            "config: there is no file {name} in the current directory, /etc or /usr/local/etc"
        ),
    }
}
