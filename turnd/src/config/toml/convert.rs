//! From a coturn file to TOML: every option as its value would be read, and the lines between as they are.
//!
//! The result means the same, also where that is an error: a value that cannot be read stays unreadable,
//! so that a file that turnd refuses does not become one that it starts with.

use std::collections::HashMap;

use toml_edit::Value;

use super::{Type, type_of};
use crate::config::{
    apply::{apply, unknown},
    error::{Findings, Origin},
    file::{self, Entry},
    options::{self, Opt},
    raw::Raw,
    value,
};

/// A file in TOML, and what the operator should know of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Converted {
    /// The file.
    pub text: String,
    /// What became a comment, or moved. In the order of the lines.
    pub remarks: Vec<Remark>,
}

/// Something about a line of the coturn file. Never holds a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Remark {
    /// The line, from 1.
    pub line: usize,
    /// What.
    pub text: String,
}

/// Converts a coturn file.
///
/// # Errors
/// When a line cannot be read at all, because it is not UTF-8 or has a NUL byte: it cannot stand in TOML
/// in any form, and leaving it out would change what the file means.
pub fn convert(bytes: &[u8]) -> Result<Converted, Remark> {
    let pieces = pieces(bytes)?;
    let mut writer = Writer::new(&pieces);
    let mut at = 0;
    while let Some((line, piece)) = pieces.get(at) {
        at = match piece {
            Piece::Blank | Piece::Comment(_) => writer.put(piece, ""),
            Piece::Unknown(text, why) => writer.put_unknown(*line, text, why),
            Piece::Option(given) => writer.put_option(at, *line, given),
        };
    }
    Ok(Converted {
        text: writer.text,
        remarks: writer.remarks,
    })
}

/// A line of the file.
enum Piece {
    Blank,
    /// Whole, from the `#` on.
    Comment(String),
    /// An option that does not exist, as it is written, and what to say of it.
    Unknown(String, String),
    Option(Given),
}

/// An option and its value in TOML.
struct Given {
    option: &'static Opt,
    /// `None`: there is none, and the default holds.
    value: Option<String>,
    /// What stands behind the value, from the `#` on.
    comment: Option<String>,
    /// turnd does not start with it.
    is_refused: bool,
}

/// Every line with its number.
fn pieces(bytes: &[u8]) -> Result<Vec<(usize, Piece)>, Remark> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    // The end of the last line begins no further one.
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    lines
        .map(|(line, bytes)| match piece(bytes.trim_ascii()) {
            Ok(piece) => Ok((line, piece)),
            Err(text) => Err(Remark {
                line,
                text: text.to_owned(),
            }),
        })
        .collect()
}

fn piece(line: &[u8]) -> Result<Piece, &'static str> {
    let Some(content) = file::content(line) else {
        return Ok(match line {
            [] => Piece::Blank,
            comment => Piece::Comment(converted_comment(&decoded(comment))),
        });
    };
    let entry = content?;
    Ok(match options::find(entry.name) {
        Some(option) => Piece::Option(given(option, entry)),
        None => Piece::Unknown(decoded(line), unknown(entry.name)),
    })
}

fn given(option: &'static Opt, entry: Entry<'_>) -> Given {
    let (text, comment) = if option.kind.takes_comment() {
        (entry.value_before_comment(), entry.comment())
    } else {
        (entry.value(), None)
    };
    Given {
        option,
        value: in_toml(option, text),
        comment: comment.map(|comment| decoded(comment.as_bytes())),
        is_refused: is_refused(option, text),
    }
}

fn is_refused(option: &'static Opt, text: &str) -> bool {
    let mut findings = Findings::default();
    apply(
        option,
        text,
        &Origin::Configuration,
        &mut Raw::default(),
        &mut findings,
    );
    option.command_line_only || findings.finish().is_err()
}

/// The value in the type that its option has, or as text if it cannot be read so. `None` if there is none
/// and the option then keeps its default.
fn in_toml(option: &Opt, text: &str) -> Option<String> {
    let typed = match type_of(&option.kind) {
        Type::Boolean => value::flag(text).ok().map(|on| on.to_string()),
        Type::Integer if text.is_empty() => return None,
        Type::Integer => value::number(text, &(i64::MIN..=i64::MAX))
            .ok()
            .map(|number| number.to_string()),
        Type::Text => None,
    };
    Some(typed.unwrap_or_else(|| Value::from(text).to_string()))
}

/// A comment; if it is an option that is switched off, so that it can be switched on in TOML. Sentences
/// that begin with the name of an option have no equal sign behind it.
fn converted_comment(comment: &str) -> String {
    let hashes = comment.len() - comment.trim_start_matches(['#', ' ', '\t']).len();
    let (hashes, rest) = comment.split_at(hashes);
    let off = file::content(rest.as_bytes())
        .and_then(Result::ok)
        .and_then(|entry| Some((options::find(entry.name)?, entry)))
        .filter(|(_, entry)| entry.has_equal_sign() || entry.is_bare())
        .map(|(option, entry)| given(option, entry));
    match off {
        Some(Given {
            option,
            value: Some(value),
            comment,
            is_refused: false,
        }) if fits(option, &value) => {
            let comment = comment.map_or(String::new(), |comment| format!(" {comment}"));
            format!("{hashes}{} = {value}{comment}", option.name)
        }
        _ => comment.to_owned(),
    }
}

/// Whether a value that is switched off is one, and not a placeholder for one.
fn fits(option: &Opt, value: &str) -> bool {
    type_of(&option.kind) != Type::Text || !matches!(value, "\"\"" | "''")
}

/// Any bytes as text that may stand in a comment of TOML. What is not UTF-8 is taken for Latin-1, which
/// old files are in.
fn decoded(bytes: &[u8]) -> String {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    let allowed = |character: char| character == '\t' || !character.is_ascii_control();
    text.replace(|character| !allowed(character), "\u{fffd}")
}

fn is_refused_at(pieces: &[(usize, Piece)], place: usize) -> bool {
    matches!(&pieces[place].1, Piece::Option(given) if given.is_refused)
}

struct Writer<'a> {
    pieces: &'a [(usize, Piece)],
    /// Where the values of each option are that count, by its name.
    counting: HashMap<&'static str, Vec<usize>>,
    text: String,
    remarks: Vec<Remark>,
    /// The next piece.
    at: usize,
}

impl<'a> Writer<'a> {
    fn new(pieces: &'a [(usize, Piece)]) -> Self {
        let mut counting: HashMap<_, Vec<_>> = HashMap::new();
        for (at, (_, piece)) in pieces.iter().enumerate() {
            let Piece::Option(given) = piece else {
                continue;
            };
            let places = counting.entry(given.option.name).or_default();
            // One without a value takes back those before it, and so does one that replaces them: but not
            // one that turnd does not start with, for which there is nothing but to correct the line.
            if given.value.is_none() || !given.option.repeatable {
                places.retain(|place| is_refused_at(pieces, *place));
            }
            if given.value.is_some() && (given.option.repeatable || places.is_empty()) {
                places.push(at);
            }
        }
        Self {
            pieces,
            counting,
            text: String::new(),
            remarks: Vec::new(),
            at: 0,
        }
    }

    fn line(&mut self, indent: &str, text: &str) {
        if !text.is_empty() {
            self.text.push_str(indent);
            self.text.push_str(text);
        }
        self.text.push('\n');
    }

    fn remark(&mut self, line: usize, text: String) {
        self.remarks.push(Remark { line, text });
    }

    /// What is no option. Returns which piece is next, as all of these do.
    fn put(&mut self, piece: &Piece, indent: &str) -> usize {
        match piece {
            Piece::Comment(text) => self.line(indent, text),
            _ => self.line("", ""),
        }
        self.at += 1;
        self.at
    }

    fn put_unknown(&mut self, line: usize, text: &str, why: &str) -> usize {
        self.line("", &format!("# {text}  # turnd convert: {why}"));
        self.remark(line, format!("{why}; the line is a comment now"));
        self.at += 1;
        self.at
    }

    fn put_option(&mut self, at: usize, line: usize, given: &Given) -> usize {
        let option = given.option;
        let values = self
            .counting
            .get(option.name)
            .map_or(&[][..], Vec::as_slice);
        match values.first() {
            Some(first) if *first == at && values.len() > 1 => {
                let values = values.to_vec();
                return self.put_array(&values);
            }
            Some(first) if *first == at => self.line("", &setting(given)),
            Some(first) if values.binary_search(&at).is_ok() => {
                let array = self.pieces[*first].0;
                self.line("", &format!("# {}: in the array above", option.name));
                let text = format!(
                    "{}: moved to those of line {array}, into one array",
                    option.name
                );
                self.remark(line, text);
            }
            counting => {
                let why = match counting {
                    Some(other) => format!("line {} counts instead", self.pieces[*other].0),
                    None if given.value.is_some() => {
                        "a later line without a value takes it back".to_owned()
                    }
                    None => "it has no value, so the default holds".to_owned(),
                };
                let value = setting(given);
                self.line("", &format!("# {value}  # turnd convert: {why}"));
                self.remark(
                    line,
                    format!("{}: {why}; the line is a comment now", option.name),
                );
            }
        }
        self.at += 1;
        self.at
    }

    /// All values of an option at the first of its places: those that have only comments between them with
    /// these, and then those from further down.
    fn put_array(&mut self, values: &[usize]) -> usize {
        const INDENT: &str = "    ";
        let pieces = self.pieces;
        let near = self.run(values);
        let end = values[near - 1];
        if let Piece::Option(given) = &pieces[self.at].1 {
            self.line("", &format!("{} = [", given.option.name));
        }
        while self.at <= end {
            match &pieces[self.at].1 {
                Piece::Option(given) => {
                    self.line(INDENT, &element(given));
                    self.at += 1;
                }
                other => {
                    self.put(other, INDENT);
                }
            }
        }
        for at in &values[near..] {
            if let Piece::Option(given) = &pieces[*at].1 {
                self.line(INDENT, &element(given));
            }
        }
        self.line("", "]");
        self.at
    }

    /// How many of the values have nothing but comments and blank lines between them.
    fn run(&self, values: &[usize]) -> usize {
        let is_silent =
            |(_, piece): &(usize, Piece)| matches!(piece, Piece::Blank | Piece::Comment(_));
        let breaks = values
            .windows(2)
            .position(|pair| !self.pieces[pair[0] + 1..pair[1]].iter().all(is_silent));
        breaks.map_or(values.len(), |at| at + 1)
    }
}

/// `min-port = 49152 # the lowest`.
fn setting(given: &Given) -> String {
    let value = given.value.as_deref().unwrap_or("");
    let comment = given.comment.as_deref().unwrap_or("");
    let text = format!("{} = {value} {comment}", given.option.name);
    text.trim_end().to_owned()
}

/// `"10.0.0.0/8", # local`.
fn element(given: &Given) -> String {
    let value = given.value.as_deref().unwrap_or("");
    let comment = given.comment.as_deref().unwrap_or("");
    format!("{value}, {comment}").trim_end().to_owned()
}
