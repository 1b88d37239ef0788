//! What `--help` prints. The options that do something get a line each; those that do not are only
//! named, so that they do not drown the others.

use std::fmt::Write;

use super::options::{Opt, Status, TABLE, all, coturn};

const HEAD: &str = "\
A STUN/TURN server that takes coturn's place.

Usage: turnd [--config FILE] [OPTION]...
       turnd check [FILE] [OPTION]...            say what this configuration does; serve nobody
       turnd convert FILE [-o OUT]               make a file in TOML of a coturn file
       turnd healthcheck [OPTION]...             whether the server of a configuration answers
       turnd help COMMAND

Every option but those of the program itself can stand in the file, one a line, without dashes.
What is on the command line wins over the file; options marked * may be repeated and add up.
Those without a value are on when they are named, and off with =no (or =0, =off, =false).
A file whose name ends in .toml is read as TOML: the same names, true and false, numbers, arrays.
Secrets can be kept apart: user-file, static-auth-secret-file, oauth-key-file and pkey-pwd-file name
files; the variables TURND_USER, TURND_STATIC_AUTH_SECRET, TURND_OAUTH_KEY and TURND_PKEY_PWD hold
one each; and of systemd's credentials users, static-auth-secret, oauth-keys and pkey-pwd are taken.
A complete file:

    listening-port=3478
    external-ip=203.0.113.7
    user=alice:wonderland
    realm=example.org
";

/// Where the help of an option begins.
const COLUMN: usize = 38;
/// Where lines of names are broken.
const WIDTH: usize = 98;

/// The help.
pub(super) fn text() -> String {
    let mut help = format!("{}\n{HEAD}", version());
    for topic in TABLE {
        let done = topic
            .options
            .iter()
            .filter(|option| option.status == Status::Obeyed);
        let lines: String = done.map(line).collect();
        if !lines.is_empty() {
            let _ = write!(help, "\n{}:\n{lines}", topic.heading);
        }
    }
    names(&mut help, "turnd's own: no coturn knows them", |option| {
        !coturn::knows(option.name) && option.status == Status::Obeyed
    });
    names(&mut help, "Not done yet; each says so at start", |option| {
        matches!(option.status, Status::NotYet(_))
    });
    names(
        &mut help,
        "Taken from coturn's files without effect, because it is so anyway or has lost its meaning",
        |option| matches!(option.status, Status::Accepted(_) | Status::Ignored(_)),
    );
    help
}

/// Name and version.
pub(super) fn version() -> String {
    format!("turnd {}\n", env!("CARGO_PKG_VERSION"))
}

fn line(option: &Opt) -> String {
    let mut left = match option.letter {
        Some(letter) => format!("  -{letter}, --{}", option.name),
        None => format!("      --{}", option.name),
    };
    if let Some(placeholder) = option.kind.placeholder() {
        let _ = write!(left, "={placeholder}");
    }
    if option.repeatable {
        left.push_str(" *");
    }
    let default = match option.default {
        "" => String::new(),
        default => format!(" [{default}]"),
    };
    let gap = if left.len() < COLUMN { "" } else { "\n" };
    let pad = if gap.is_empty() {
        COLUMN - left.len()
    } else {
        COLUMN
    };
    format!("{left}{gap}{:pad$}{}{default}\n", "", option.help)
}

/// The names of all options that `which` picks, as a paragraph.
fn names(help: &mut String, heading: &str, which: fn(&Opt) -> bool) {
    let _ = write!(help, "\n{heading}:");
    let mut width = WIDTH;
    for option in all().filter(|option| which(option)) {
        if width + 1 + option.name.len() > WIDTH {
            help.push_str("\n ");
            width = 1;
        }
        let _ = write!(help, " {}", option.name);
        width += 1 + option.name.len();
    }
    help.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        for line in text().lines() {
            assert!(line.len() <= 100, "{line}");
        }
    }

    #[test]
    fn every_option_is_named() {
        let help = text();
        for option in all() {
            assert!(help.contains(option.name), "{}", option.name);
        }
    }
}
