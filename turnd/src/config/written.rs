//! What was written, option by option, in a form that may be shown: for people who ask what is in force
//! and where it comes from. Nothing is concluded from it.

use std::collections::{BTreeSet, HashSet};

use super::{
    error::Origin,
    options::{Kind, Opt},
};

/// An option that somebody wrote and that nothing written later replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The option's long name.
    pub name: &'static str,
    /// The value; of one that may not be shown, `***` or what of it may.
    pub value: String,
    /// Whether the value, or a part of it, is a secret.
    pub is_secret: bool,
    /// Where.
    pub origin: Origin,
}

/// Everything that was written, in order.
#[derive(Debug, Default)]
pub(super) struct Trail(Vec<Mark>);

#[derive(Debug)]
struct Mark {
    written: Written,
    repeatable: bool,
    /// The option was named without a value, so that its default holds again.
    is_default: bool,
}

impl Trail {
    /// A value that was understood.
    pub(super) fn put(&mut self, option: &'static Opt, text: &str, origin: &Origin) {
        self.mark(option, shown(&option.kind, text), origin, false);
    }

    /// No value: the default holds.
    pub(super) fn clear(&mut self, option: &'static Opt, origin: &Origin) {
        self.mark(option, String::new(), origin, true);
    }

    fn mark(&mut self, option: &'static Opt, value: String, origin: &Origin, is_default: bool) {
        self.0.push(Mark {
            written: Written {
                name: option.name,
                value,
                is_secret: option.kind.is_secret(),
                origin: origin.clone(),
            },
            repeatable: option.repeatable,
            is_default,
        });
    }

    /// Where a file already says something else of an option that has one value. The command line is meant to replace
    /// what a file says.
    pub(super) fn said_before(
        &self,
        option: &'static Opt,
        text: &str,
        origin: &Origin,
    ) -> Option<&Origin> {
        if option.repeatable || *origin == Origin::CommandLine {
            return None;
        }
        let marks = self.0.iter().rev();
        let before = marks
            .map(|mark| &mark.written)
            .find(|it| it.name == option.name)?;
        let says_the_same = !before.is_secret && before.value == shown(&option.kind, text);
        (!says_the_same).then_some(&before.origin)
    }

    /// The options whose secrets stood on the command line, in force or not, each once.
    pub(super) fn secrets_on_the_command_line(&self) -> BTreeSet<&'static str> {
        let written = self.0.iter().map(|mark| &mark.written);
        written
            .filter(|it| it.is_secret && it.origin == Origin::CommandLine)
            .map(|it| it.name)
            .collect()
    }

    /// What is in force of it, in the order it was written.
    pub(super) fn in_force(self) -> Vec<Written> {
        let mut settled = HashSet::new();
        let mut in_force = Vec::new();
        for mark in self.0.into_iter().rev() {
            if settled.contains(mark.written.name) {
                continue;
            }
            if mark.is_default || !mark.repeatable {
                settled.insert(mark.written.name);
            }
            if !mark.is_default {
                in_force.push(mark.written);
            }
        }
        in_force.reverse();
        in_force
    }
}

/// A value that was understood, as it may be shown: on one line, and without what is secret.
fn shown(kind: &Kind, text: &str) -> String {
    match kind {
        Kind::Flag(_) => if text == "off" { "off" } else { "on" }.to_owned(),
        Kind::User(_) => {
            let (name, _) = text.split_once(':').unwrap_or_default();
            format!("{}:***", harmless(name))
        }
        kind if kind.is_secret() => "***".to_owned(),
        _ => harmless(text),
    }
}

/// Without what could upset a terminal.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => harmless.push(character),
            other => harmless.extend(other.escape_debug()),
        }
    }
    harmless
}
