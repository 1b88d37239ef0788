//! `turnd convert`: from a coturn file to TOML.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    process::ExitCode,
};

use super::refuse;
use crate::config;

pub(super) const HELP: &str = "\
Makes a configuration in TOML of a coturn file.

Usage: turnd convert FILE [-o OUT]

Comments, blank lines and the order stay; options that are commented out are converted too. An
option that is written several times becomes one array. What turnd does not know becomes a comment,
and what turnd refuses stays refused. Remarks go to standard error, each with its line.

  -o, --output OUT   write this file, which must not exist yet, with the permissions of FILE;
                     without it the result goes to standard output
  -h, --help         print this text

turnd reads a file as TOML if its name ends in .toml:

    turnd convert /etc/turnserver.conf -o /etc/turnserver.toml
    turnd check --config /etc/turnserver.toml

Exit codes: 0 converted, also with remarks; 255 the file cannot be read, or OUT not be written.
";

/// More than any configuration.
const LARGEST: u64 = 16 << 20;

pub(super) fn run(args: &[&OsStr]) -> ExitCode {
    let (input, output) = match arguments(args) {
        Ok(files) => files,
        Err(why) => return refuse(&format!("convert: {why} (turnd help convert)")),
    };
    let bytes = match read(input) {
        Ok(bytes) => bytes,
        Err(error) => {
            return refuse(&format!(
                "convert: cannot read {}: {error}",
                input.display()
            ));
        }
    };
    let converted = match config::convert(&bytes) {
        Ok(converted) => converted,
        Err(remark) => {
            return refuse(&format!(
                "{}:{}: {}",
                input.display(),
                remark.line,
                remark.text
            ));
        }
    };
    for remark in &converted.remarks {
        eprintln!("{}:{}: {}", input.display(), remark.line, remark.text);
    }
    let written = match output {
        Some(output) => write(output, input, &converted.text),
        None => io::stdout().write_all(converted.text.as_bytes()),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let name = output.map_or("standard output".into(), Path::to_string_lossy);
            refuse(&format!("convert: cannot write {name}: {error}"))
        }
    }
}

/// The file to read, and the one to write.
fn arguments<'a>(args: &[&'a OsStr]) -> Result<(&'a Path, Option<&'a Path>), String> {
    let (mut input, mut output) = (None, None);
    let mut args = args.iter().copied();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        if arg == "-o" || arg == "--output" {
            let file = args.next().ok_or_else(|| format!("{text} has no file"))?;
            output = Some(Path::new(file));
        } else if let Some(file) = arg.to_str().and_then(|arg| arg.strip_prefix("--output=")) {
            output = Some(Path::new(file));
        } else if text.starts_with('-') {
            return Err(format!("there is no option {text:?}"));
        } else if input.replace(Path::new(arg)).is_some() {
            return Err("it converts one file at a time".to_owned());
        }
    }
    let input = input.ok_or("no file is named")?;
    Ok((input, output))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(File::open(path)?, LARGEST + 1),
        &mut bytes,
    )?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok(bytes)
}

/// The secrets of the file are in the new one: nobody else may read it.
fn write(path: &Path, like: &Path, text: &str) -> io::Result<()> {
    let mode = fs::metadata(like)?.permissions().mode() & 0o777;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode & 0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(mode))
}
