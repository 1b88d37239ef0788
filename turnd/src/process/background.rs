//! Leaving the terminal (`daemon`): the process starts itself again, waits until that one serves, and
//! ends with its result, so that whoever started it knows.
//!
//! Not by `fork`: a copy of a process has only one of its threads.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitCode, Stdio},
};

use crate::systemd;

/// Tells the second process that it is that.
const MARK: &str = "TURND_IN_BACKGROUND";
/// What it says when it serves.
const READY: &[u8] = b"ready";

/// Whether the terminal is left. A service manager that waits to hear from the program (sd_notify(3)) would hear from
/// another process than the one it started, see that one end, and call it a failure.
#[must_use]
pub fn is_wanted(daemon: bool) -> bool {
    daemon && !systemd::waits()
}

/// Whether this is the process that stays.
#[must_use]
pub fn is_background() -> bool {
    env::var_os(MARK).is_some()
}

/// Starts the process that stays, and waits until it serves or has ended.
#[must_use]
pub fn start(arguments: &[OsString]) -> ExitCode {
    match spawn(arguments).and_then(wait) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("turnd: cannot run in the background: {error} (option daemon)");
            ExitCode::FAILURE
        }
    }
}

fn spawn(arguments: &[OsString]) -> io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    if let Some((name, rest)) = arguments.split_first() {
        command.arg0(name).args(rest);
    }
    // What goes wrong on the way is still told on standard error.
    command
        .env(MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
}

fn wait(mut child: Child) -> io::Result<u8> {
    let mut told = Vec::new();
    if let Some(mut from) = child.stdout.take() {
        from.read_to_end(&mut told)?;
    }
    if told == READY {
        return Ok(0);
    }
    let code = child.wait()?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// The process that stays: no terminal can end it any more. To be called before any thread starts.
///
/// # Errors
/// When the system refuses a session of its own.
pub fn leave_terminal() -> io::Result<()> {
    // Fails where it has one already, which is as good.
    match rustix::process::setsid() {
        Ok(_) | Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tells whoever waits that all is well, and lets go of what they share.
///
/// # Errors
/// When nobody waits any more, or there is no /dev/null.
pub fn tell_ready() -> io::Result<()> {
    let mut to = io::stdout();
    to.write_all(READY)?;
    to.flush()?;
    let nothing = File::options()
        .read(true)
        .write(true)
        .open(OsStr::new("/dev/null"))?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}
