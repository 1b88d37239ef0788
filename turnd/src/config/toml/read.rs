//! From a file in TOML to options and texts, which then go the same way as those of a coturn file.

use std::{collections::HashMap, ops::Range, path::Path, sync::Arc};

use toml_edit::{Document, Item, Key, Table, Value};

use super::{Type, type_of};
use crate::config::{
    apply::{apply, shown, unknown},
    error::{Findings, Origin},
    options::{self, Opt, TABLE},
    raw::Raw,
    value,
};

/// Reads a whole file.
pub(in crate::config) fn read(path: &Path, bytes: &[u8], raw: &mut Raw, findings: &mut Findings) {
    let path: Arc<Path> = path.into();
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let place = Places::new(&path, &text).at(text.len());
            return findings.error(&place, "the file is not UTF-8; expected text in UTF-8");
        }
    };
    let places = Places::new(&path, text);
    match Document::parse(text) {
        Ok(document) => {
            let mut reader = Reader {
                places,
                given: HashMap::new(),
                raw,
                findings,
            };
            reader.read_table(document.as_table());
        }
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            // Not the whole error: that quotes the line, and with it what may be a secret.
            let message = error.message().replace('\n', ", ");
            findings.error(&places.at(at), format!("not TOML: {message}"));
        }
    }
}

/// Further on in a line columns are bytes: counting characters for each of many values on one line takes
/// too long.
const LONG: usize = 1000;

/// Where bytes of a text are, in lines and characters.
struct Places<'a> {
    path: &'a Arc<Path>,
    text: &'a str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(path: &'a Arc<Path>, text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Self { path, text, lines }
    }

    fn at(&self, byte: usize) -> Origin {
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = match self.text.get(start..byte) {
            Some(before) if before.len() <= LONG => before.chars().count(),
            _ => byte - start,
        };
        Origin::Toml {
            path: Arc::clone(self.path),
            line,
            column: column + 1,
        }
    }

    fn of(&self, span: Option<Range<usize>>) -> Origin {
        self.at(span.map_or(0, |span| span.start))
    }
}

struct Reader<'a> {
    places: Places<'a>,
    /// Where the options are that take one value only.
    given: HashMap<&'static str, Origin>,
    raw: &'a mut Raw,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn read_table(&mut self, table: &Table) {
        for (key, item) in entries(table) {
            match item.as_table() {
                Some(section) => self.read_section(key, section),
                None => self.read_option(key, item),
            }
        }
    }

    fn read_section(&mut self, key: &Key, section: &Table) {
        let origin = self.places.of(key.span());
        if !is_heading(key.get()) {
            let names: Vec<_> = TABLE.iter().map(|topic| slug(topic.heading)).collect();
            let text = format!(
                "there is no section {}; expected one of {}, or none",
                shown(key.get()),
                names.join(", ")
            );
            return self.findings.error(&origin, text);
        }
        for (key, item) in entries(section) {
            if item.is_table() {
                let origin = self.places.of(key.span());
                let text = format!("{}: a section cannot have a section", shown(key.get()));
                self.findings.error(&origin, text);
            } else {
                self.read_option(key, item);
            }
        }
    }

    fn read_option(&mut self, key: &Key, item: &Item) {
        let origin = self.places.of(key.span());
        let name = key.get();
        let Some(option) = options::find(name) else {
            return self
                .findings
                .warn_with(&origin, || format!("{}; it has no effect", unknown(name)));
        };
        if option.command_line_only {
            let text = format!("{name}: this belongs on the command line, not in a file");
            return self.findings.error(&origin, text);
        }
        if let (Some(before), false) = (self.given.get(option.name), option.repeatable) {
            let text = format!("{name}: it is written before ({before}); expected once");
            return self.findings.error(&origin, text);
        }
        self.given.insert(option.name, origin.clone());
        match item {
            Item::Value(Value::Array(array)) if option.repeatable => {
                for value in array {
                    let origin = self.places.of(value.span());
                    self.read_value(option, value, &origin);
                }
            }
            Item::Value(value) => self.read_value(option, value, &origin),
            _ => {
                let text = format!("{name}: a list of tables is no value");
                self.findings.error(&origin, text);
            }
        }
    }

    fn read_value(&mut self, option: &'static Opt, value: &Value, origin: &Origin) {
        match text(option, value) {
            Ok(text) => apply(option, &text, origin, self.raw, self.findings),
            Err(expected) => {
                let (name, what) = (option.name, what(value));
                let text = format!("{name}: the value is {what}; expected {expected}");
                self.findings.error(origin, text);
            }
        }
    }
}

/// The keys and values of a table, in the order of the file.
fn entries(table: &Table) -> impl Iterator<Item = (&Key, &Item)> {
    table
        .iter()
        .filter_map(|(name, _)| table.get_key_value(name))
}

fn is_heading(name: &str) -> bool {
    TABLE.iter().any(|topic| slug(topic.heading) == name)
}

/// The name of a section, from a heading of the help.
fn slug(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

/// The value as a coturn file would have it, or what is expected instead.
fn text(option: &Opt, value: &Value) -> Result<String, String> {
    match (type_of(&option.kind), value) {
        (Type::Boolean, Value::Boolean(on)) => Ok(on.value().to_string()),
        (Type::Integer, Value::Integer(number)) => Ok(number.value().to_string()),
        (Type::Text, Value::String(text)) => Ok(text.value().clone()),
        (Type::Boolean, Value::String(text)) => Err(match value::flag(text.value()) {
            Ok(on) => format!("true or false without quotes, here {on}"),
            Err(_) => "true or false without quotes".to_owned(),
        }),
        (Type::Boolean, Value::Integer(number)) => Err(match number.value() {
            0 => "true or false, here false".to_owned(),
            1 => "true or false, here true".to_owned(),
            _ => "true or false".to_owned(),
        }),
        (Type::Boolean, _) => Err("true or false".to_owned()),
        (Type::Integer, Value::String(_)) => Err("a number without quotes".to_owned()),
        (Type::Integer, _) => Err("a whole number".to_owned()),
        (Type::Text, Value::Array(_)) if !option.repeatable => Err("one text in quotes".to_owned()),
        (Type::Text, _) => Err("a text in quotes".to_owned()),
    }
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date or time",
        Value::Array(_) => "an array",
        Value::InlineTable(_) => "a table",
    }
}
