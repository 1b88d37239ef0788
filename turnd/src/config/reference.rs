//! The table of options for readers outside: what is written about each, and nothing of how it is done.
//! The documents that are made from the table are made from this.

use super::options::{Change, Kind, Opt, Status, TABLE, coturn};

/// Options under one heading.
#[derive(Debug)]
pub struct Heading {
    /// Its text.
    pub text: &'static str,
    /// The options, in the order of the help.
    pub options: Vec<OptionInfo>,
}

/// What there is to know about an option.
#[derive(Debug)]
pub struct OptionInfo {
    /// Its long name, the same in a file and on the command line.
    pub name: &'static str,
    /// Its letter on the command line.
    pub letter: Option<char>,
    /// What stands for the value in the help. `None`: a flag.
    pub placeholder: Option<&'static str>,
    /// Whether the value is the path of a file.
    pub is_file: bool,
    /// What holds without it; may be empty.
    pub default: &'static str,
    /// Each value adds to those before instead of replacing them.
    pub repeatable: bool,
    /// What it is for, in a line without a full stop.
    pub help: &'static str,
    /// What becomes of it.
    pub standing: Standing,
    /// What explains that; may be empty.
    pub note: &'static str,
    /// coturn switches this flag on even if its value says off.
    pub coturn_ignores_value: bool,
    /// coturn has it, too, or had it once.
    pub is_coturns: bool,
    /// Cannot stand in a file.
    pub command_line_only: bool,
    /// A reload takes a change of it; otherwise a new start does.
    pub reloads: bool,
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is done.
    Obeyed,
    /// It asks for what is so anyway.
    Accepted,
    /// It has no effect.
    Ignored,
    /// It has no effect yet.
    NotYet,
}

/// Every option.
#[must_use]
pub fn reference() -> Vec<Heading> {
    let headings = TABLE.iter().map(|topic| Heading {
        text: topic.heading,
        options: topic.options.iter().map(info).collect(),
    });
    headings.collect()
}

fn info(option: &Opt) -> OptionInfo {
    let (standing, note) = match option.status {
        Status::Obeyed => (Standing::Obeyed, ""),
        Status::Accepted(note) => (Standing::Accepted, note),
        Status::Ignored(note) => (Standing::Ignored, note),
        Status::NotYet(note) => (Standing::NotYet, note),
    };
    OptionInfo {
        name: option.name,
        letter: option.letter,
        placeholder: option.kind.placeholder(),
        is_file: matches!(option.kind, Kind::File(_)),
        default: option.default,
        repeatable: option.repeatable,
        help: option.help,
        standing,
        note,
        coturn_ignores_value: option.coturn_ignores_value,
        is_coturns: coturn::knows(option.name),
        command_line_only: option.command_line_only,
        reloads: option.change == Change::Reload,
    }
}
