//! Programs that we did not write: where they are, what to do without them, how to run them.

use std::collections::HashMap;
use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;

/// Seconds that a program may take. Coreutils' `timeout` keeps to it: it signals the children as well.
const TIME_LIMIT: &str = "60";
const TIMED_OUT: i32 = 124;

/// The program's path. Without it: `None`, said aloud; or, where CI is set, a panic, because there a skip is a failure.
pub(crate) fn foreign(program: &str) -> Option<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    installed(
        program,
        env::split_paths(&path).map(|directory| directory.join(program)),
    )
}

/// The Python of the tree's virtual environment, which has the packages of `requirements.txt`.
pub(crate) fn python() -> Option<String> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    installed("the virtual environment .venv", [python])
}

/// Node, when the npm packages of `package-lock.json` are there too.
pub(crate) fn node() -> Option<String> {
    installed(
        "the npm package playwright-core",
        [PathBuf::from(script(
            "node_modules/playwright-core/package.json",
        ))],
    )?;
    foreign("node")
}

/// A file of `turnd/tests/foreign`.
pub(crate) fn script(name: &str) -> String {
    format!("{}/tests/foreign/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program to its end and returns what it printed on both streams, one after the other.
///
/// # Panics
/// With all that it printed, when it fails or takes longer than a minute.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let (succeeded, printed) = attempt(program, arguments, "");
    assert!(succeeded, "{program} failed; it printed:\n{printed}");
    printed
}

/// Runs a program that may fail; whether it succeeded, and what it printed on both streams.
///
/// # Panics
/// With all that it printed, when it takes longer than a minute.
pub(crate) fn attempt(program: &str, arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new("timeout")
        .args(["--kill-after=5", TIME_LIMIT])
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("running coreutils' timeout");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that has ended does not read it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("waiting for the program");
    let printed = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    assert_ne!(
        output.status.code(),
        Some(TIMED_OUT),
        "{program} took longer than {TIME_LIMIT} s and printed:\n{printed}"
    );
    (output.status.success(), printed)
}

/// The library of `modern_tls.c`, compiled once for all tests.
pub(crate) fn modern_tls() -> &'static str {
    static LIBRARY: LazyLock<String> = LazyLock::new(|| {
        let name = format!("modern_tls-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let library = library.into_os_string().into_string().expect("UTF-8");
        let source = script("modern_tls.c");
        run(
            "cc",
            &["-shared", "-fPIC", "-o", &library, &source, "-lssl"],
        );
        library
    });
    &LIBRARY
}

/// The `name=value` lines that our scripts print.
pub(crate) struct Facts(HashMap<String, String>);

impl Facts {
    /// Lines of another form are left out.
    pub(crate) fn of(printed: &str) -> Self {
        let facts = printed.lines().filter_map(|line| line.split_once('='));
        Self(
            facts
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// The value of this fact; empty when it was not printed, which equals no expected value.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

fn installed(what: &str, places: impl IntoIterator<Item = PathBuf>) -> Option<String> {
    let found = places.into_iter().find(|place| place.is_file());
    if found.is_none() {
        skip(what);
    }
    found.map(|place| {
        place
            .into_os_string()
            .into_string()
            .expect("a path in UTF-8")
    })
}

fn skip(what: &str) {
    let current = thread::current();
    let test = current.name().unwrap_or("a test");
    let message = format!("{test}: {what} is not installed (./check installs it)");
    let ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!ci, "{message}, and CI is set: nothing may be skipped");
    // Not eprintln!: the test harness would hide it, since the test passes.
    let _ = writeln!(io::stderr(), "SKIPPED: {message}");
}
