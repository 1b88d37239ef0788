//! How a row is written.

use super::{Change, Kind, Opt, Status};

pub(super) const fn obeyed(name: &'static str, kind: Kind, help: &'static str) -> Opt {
    row(name, kind, help, Status::Obeyed)
}

pub(super) const fn accepted(
    name: &'static str,
    kind: Kind,
    help: &'static str,
    note: &'static str,
) -> Opt {
    row(name, kind, help, Status::Accepted(note))
}

pub(super) const fn ignored(
    name: &'static str,
    kind: Kind,
    help: &'static str,
    note: &'static str,
) -> Opt {
    row(name, kind, help, Status::Ignored(note))
}

pub(super) const fn not_yet(
    name: &'static str,
    kind: Kind,
    help: &'static str,
    note: &'static str,
) -> Opt {
    row(name, kind, help, Status::NotYet(note))
}

const fn row(name: &'static str, kind: Kind, help: &'static str, status: Status) -> Opt {
    Opt {
        name,
        letter: None,
        kind,
        default: "",
        repeatable: false,
        help,
        status,
        coturn_ignores_value: false,
        command_line_only: false,
        change: Change::Reload,
    }
}

impl Opt {
    pub(super) const fn letter(mut self, letter: char) -> Self {
        self.letter = Some(letter);
        self
    }

    pub(super) const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    pub(super) const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(super) const fn coturn_ignores_value(mut self) -> Self {
        self.coturn_ignores_value = true;
        self
    }

    pub(super) const fn command_line_only(mut self) -> Self {
        self.command_line_only = true;
        self
    }

    /// Only a new start takes a change of it.
    pub(super) const fn restart(mut self) -> Self {
        self.change = Change::Restart;
        self
    }
}
