//! The configuration of turnd: at start, and again when it changes, as turnd itself reads it again.

use std::{
    cell::RefCell,
    ffi::OsString,
    path::{Path, PathBuf},
    rc::Rc,
};

use tokio::signal::unix::Signal;
use turnd::config::{self, Machine, Settings};

use crate::files::{LOOK, State, state};

/// `turnserver.conf`, and the files that it names.
#[derive(Debug)]
pub struct TurnFile {
    path: PathBuf,
    /// All that was read, and as what.
    known: Vec<(PathBuf, State)>,
}

impl TurnFile {
    /// The file at `path`, which is not read yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let path = path.to_owned();
        let known = Vec::new();
        Self { path, known }
    }

    /// What it says now.
    ///
    /// # Errors
    /// Why turnd would not take it.
    pub fn read(&mut self) -> Result<Settings, String> {
        let known = Rc::new(RefCell::new(Vec::new()));
        let this = Machine::this();
        let (read, noted) = (this.read, Rc::clone(&known));
        let machine = Machine {
            read: Box::new(move |path| {
                // First: what changes while it is read has changed since.
                noted.borrow_mut().push((path.to_owned(), state(path)));
                read(path)
            }),
            ..this
        };
        let arguments = [
            "turnd".into(),
            "--config".into(),
            OsString::from(&self.path),
        ];
        let outcome = config::load_on(&machine, arguments);
        // Of a bad one too: it is looked at again when it is another.
        self.known = known.take();
        match outcome {
            config::Outcome::Run(loaded) => Ok(loaded.settings),
            config::Outcome::Print(text) => Err(text),
            config::Outcome::Invalid(errors, _) => {
                let errors = errors.iter().map(ToString::to_string).collect::<Vec<_>>();
                Err(errors.join("\nsignaling: "))
            }
        }
    }

    /// Reads it again when one of the files has changed, and when it is `asked` to. Never ends.
    pub async fn follow(mut self, mut asked: Signal, take: impl Fn(&Settings)) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => if !self.has_changed() {
                    continue;
                },
                _ = asked.recv() => {}
            }
            match self.read() {
                Ok(settings) => take(&settings),
                Err(error) => {
                    tracing::warn!("what turnd's configuration said before stays: {error}");
                }
            }
        }
    }

    fn has_changed(&self) -> bool {
        self.known.iter().any(|(path, known)| state(path) != *known)
    }
}
