//! Which file is read. The places are coturn's, so that a file stays where it is.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    error::{Findings, Origin},
    raw::Raw,
    secrets::CREDENTIALS,
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

/// Bytes of the longest path that Linux knows (PATH_MAX).
const LONGEST: usize = 4096;

/// More than any configuration, less than what would hurt: 16 MiB.
const LARGEST: u64 = 16 << 20;

/// Reads a variable of the environment.
pub type Environment = Box<dyn Fn(&str) -> Option<OsString>>;

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
    /// Reads a variable of the environment.
    pub environment: Environment,
}

impl Machine {
    /// The one this process runs on.
    #[must_use]
    pub fn this() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Not from /proc, of which a unit may hide all that is not about processes.
        let system = rustix::system::uname();
        Self {
            cores,
            host_name: system.nodename().to_str().ok().map(str::to_owned),
            read: Box::new(read),
            environment: Box::new(|name| std::env::var_os(name)),
        }
    }

    /// What a variable of the environment says; one that says nothing is as good as none.
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        (self.environment)(name).filter(|value| !value.is_empty())
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
    let missing = match find(name, machine) {
        Ok(found) => return Some(found),
        Err(missing) => missing,
    };
    match (named, missing) {
        (None, Missing::Nowhere) => findings.warn(
            &Origin::Configuration,
            "no turnserver.conf in the current directory, /etc or /usr/local/etc; \
             only the command line counts (--config FILE names a file)",
        ),
        (named, missing) => {
            let origin = named.map_or(&Origin::Configuration, |at| &at.origin);
            findings.error(origin, format!("config: {}", missing.why(name)));
        }
    }
    None
}

/// Why a file could not be had.
#[derive(Debug)]
pub(super) enum Missing {
    /// No place has it.
    Nowhere,
    /// The first place that has it does not give it away.
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// The file of that name in the first place that has one.
pub(super) fn find(name: &str, machine: &Machine) -> Result<Found, Missing> {
    for path in candidates(name, machine) {
        match open(path, machine) {
            Err(Missing::Nowhere) => {}
            found => return found,
        }
    }
    Err(Missing::Nowhere)
}

/// The file that is there and nowhere else.
pub(super) fn open(path: PathBuf, machine: &Machine) -> Result<Found, Missing> {
    match (machine.read)(&path) {
        Ok(bytes) => Ok(Found { path, bytes }),
        Err(error) if is_absent(&error) => Err(Missing::Nowhere),
        Err(error) => Err(Missing::Unreadable { path, error }),
    }
}

impl Missing {
    /// Goes on after the name of an option and a colon; `name` is what was looked for.
    pub(super) fn why(&self, name: &str) -> String {
        match self {
            Self::Unreadable { path, error } => {
                format!("cannot read {}: {error}", harmless(&path.to_string_lossy()))
            }
            Self::Nowhere if name.is_empty() => {
                "no file is named; expected the path of a file".to_owned()
            }
            Self::Nowhere if name.starts_with(['/', '~']) => {
                format!("there is no file {}", harmless(name))
            }
            Self::Nowhere => format!(
                "there is no file {} in the current directory, /etc or /usr/local/etc",
                harmless(name)
            ),
        }
    }
}

/// `name` without what could upset a terminal, and as long as the name of a file can be.
fn harmless(name: &str) -> String {
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", name[..end].escape_debug()),
        None => name.escape_debug().to_string(),
    }
}

/// The places of coturn, and what systemd has given to the service.
fn candidates(name: &str, machine: &Machine) -> impl Iterator<Item = PathBuf> {
    let is_relative = !name.starts_with(['/', '~']);
    let places = if is_relative { &PLACES } else { &PLACES[..1] };
    let credentials = machine.variable(CREDENTIALS).filter(|_| is_relative);
    let given = credentials.map(|directory| Path::new(&directory).join(name));
    let places = places.iter().map(move |place| Path::new(place).join(name));
    places.chain(given)
}

/// No such file here, so look on. A directory of that name is no such file.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, IsADirectory, NotADirectory, NotFound};
    matches!(
        error.kind(),
        NotFound | NotADirectory | IsADirectory | InvalidFilename
    )
}
