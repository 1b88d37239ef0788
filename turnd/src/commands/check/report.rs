//! What there is to say about a configuration, before it has a form.

use std::{iter, net::IpAddr, ops::RangeInclusive, path::PathBuf};

use super::{machine, rules, user::Target};
use crate::config::{
    About, Examined, Loaded, Machine, Note, OptionInfo, Origin, Outcome, Settings, Severity,
    Standing, Written, reference,
};

/// Everything there is to say.
pub(super) struct Report {
    /// The file that was read.
    pub(super) file: Option<PathBuf>,
    /// As whom files were opened.
    pub(super) user: String,
    /// Every option in force: first what was written, in that order, then the defaults.
    pub(super) options: Vec<InForce>,
    /// What would be listened on, and whether that can be had.
    pub(super) listeners: Vec<(String, State)>,
    /// What would be relayed from.
    pub(super) relays: Vec<(String, State)>,
    /// The files that the server needs.
    pub(super) files: Vec<(String, State)>,
    /// Whether it is meant to relay, and there is nobody whom it relays for.
    pub(super) nobody_relays: bool,
    /// What to know, in the order of what matters most.
    pub(super) findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub(super) unchecked: Vec<String>,
}

/// An option, its value and where that comes from.
pub(super) struct InForce {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) is_secret: bool,
    /// `None`: the default.
    pub(super) origin: Option<Origin>,
    pub(super) standing: Standing,
}

/// What became of something that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Fine(String),
    /// It is not as the server needs it to be.
    Bad(String),
    /// It was not tried, or what came of it says nothing.
    Unknown(String),
}

/// Something to know about the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// A name that stays: for programs.
    pub(super) code: &'static str,
    pub(super) origin: Origin,
    pub(super) text: String,
}

/// How much it matters, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// The server does not start.
    Error,
    /// Strangers may do more than most operators want.
    Unsafe,
    /// Something is not as the writer may expect.
    Warning,
    /// Something that is written changes nothing.
    NoEffect,
    /// coturn would do something else.
    Coturn,
    /// Good to know.
    Info,
}

impl Level {
    pub(super) const ALL: [Self; 6] = [
        Self::Info,
        Self::Coturn,
        Self::NoEffect,
        Self::Warning,
        Self::Unsafe,
        Self::Error,
    ];

    /// For programs.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Unsafe => "unsafe",
            Self::Warning => "warning",
            Self::NoEffect => "no-effect",
            Self::Coturn => "coturn",
            Self::Info => "info",
        }
    }
}

impl Finding {
    pub(super) fn new(
        level: Level,
        code: &'static str,
        origin: &Origin,
        text: impl Into<String>,
    ) -> Self {
        let (origin, text) = (origin.clone(), text.into());
        Self {
            level,
            code,
            origin,
            text,
        }
    }

    /// What the server says at start, too.
    fn of_note(note: Note) -> Self {
        let (level, code) = match (note.about, note.severity) {
            (About::Unsafe, _) => (Level::Unsafe, "unsafe"),
            (About::Coturn, _) => (Level::Coturn, "coturn"),
            (About::NoEffect, Severity::Warning) => (Level::NoEffect, "no-effect"),
            (About::NoEffect, Severity::Info) => (Level::Info, "nothing-to-do"),
            (About::General, Severity::Warning) => (Level::Warning, "note"),
            (About::General, Severity::Info) => (Level::Info, "note"),
        };
        Self::new(level, code, &note.origin, note.text)
    }
}

impl Report {
    pub(super) fn of(machine: &Machine, examined: Examined) -> Self {
        let Examined {
            outcome,
            file,
            written,
        } = examined;
        let options = in_force(&written);
        let mut report = Self {
            file,
            user: String::new(),
            options,
            listeners: Vec::new(),
            relays: Vec::new(),
            files: Vec::new(),
            nobody_relays: false,
            findings: Vec::new(),
            unchecked: Vec::new(),
        };
        match outcome {
            Outcome::Run(loaded) => report.look(machine, *loaded, &written),
            Outcome::Invalid(errors, notes) => {
                report
                    .findings
                    .extend(notes.into_iter().map(Finding::of_note));
                let findings = errors.into_iter().map(|error| {
                    Finding::new(Level::Error, "configuration", &error.origin, error.text)
                });
                report.findings.extend(findings);
                report.unchecked.push(
                    "addresses, ports and files, what is unsafe, and what coturn would do differently: first the errors have to go"
                        .to_owned(),
                );
            }
            Outcome::Print(_) => {}
        }
        let order = |finding: &Finding| (finding.level, finding.origin.clone());
        report.findings.sort_by_key(order);
        report
    }

    fn look(&mut self, machine: &Machine, loaded: Loaded, written: &[Written]) {
        let Loaded {
            settings, notes, ..
        } = loaded;
        self.settle_defaults(&settings);
        self.nobody_relays = settings.serves_nobody();
        self.findings
            .extend(notes.into_iter().map(Finding::of_note));
        rules::apply(self, &settings, written);
        let target = Target::of(&settings.process);
        self.user = target.to_string();
        machine::look(self, machine, &settings, written, &target);
    }

    /// Where a default is words, what they come to here.
    fn settle_defaults(&mut self, settings: &Settings) {
        for option in self.options.iter_mut().filter(|it| it.origin.is_none()) {
            match option.name {
                "realm" => option.value.clone_from(&settings.realm),
                "relay-threads" => option.value = settings.relay_threads.to_string(),
                _ => {}
            }
        }
        if !settings.listen.on_ports {
            // Nothing listens there: `listen` says where.
            self.options.retain(|it| {
                it.origin.is_some() || !["listening-port", "tls-listening-port"].contains(&it.name)
            });
        }
    }

    /// What the process ends with.
    pub(super) fn exit_code(&self) -> u8 {
        match self.findings.iter().map(|finding| finding.level).min() {
            Some(Level::Error) => 255,
            Some(Level::Unsafe | Level::Warning | Level::NoEffect) => 1,
            Some(Level::Coturn | Level::Info) | None => 0,
        }
    }

    /// Where the option was written, or nowhere.
    pub(super) fn origin(&self, name: &str) -> Origin {
        let option = self.options.iter().rfind(|option| option.name == name);
        option
            .and_then(|option| option.origin.clone())
            .unwrap_or(Origin::Configuration)
    }

    /// The same for an option that names a file; the configuration has none.
    pub(super) fn origin_of_file(&self, option: &str) -> Origin {
        match option {
            "config" => Origin::Configuration,
            option => self.origin(option),
        }
    }

    pub(super) fn count(&self, level: Level) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    }
}

/// The rules of `allowed-peer-ip`, each with where it is written.
pub(super) fn allowed_peers<'a>(
    settings: &'a Settings,
    written: &'a [Written],
) -> impl Iterator<Item = (&'a RangeInclusive<IpAddr>, &'a Origin)> {
    let rules = written.iter().filter(|it| it.name == "allowed-peer-ip");
    let origins = rules
        .map(|it| &it.origin)
        .chain(iter::repeat(&Origin::Configuration));
    settings.peers.allowed.iter().zip(origins)
}

fn in_force(written: &[Written]) -> Vec<InForce> {
    let all: Vec<OptionInfo> = reference()
        .into_iter()
        .flat_map(|heading| heading.options)
        .collect();
    let standing = |name| {
        let option = all.iter().find(|option| option.name == name);
        option.map_or(Standing::Obeyed, |option| option.standing)
    };
    // What only the command line may say is about this run.
    let is_servers = |name| {
        all.iter()
            .any(|it| it.name == name && !it.command_line_only)
    };
    let given = written
        .iter()
        .filter(|it| is_servers(it.name))
        .map(|written| InForce {
            name: written.name,
            value: written.value.clone(),
            is_secret: written.is_secret,
            origin: Some(written.origin.clone()),
            standing: standing(written.name),
        });
    let defaults = all.iter().filter(|option| {
        option.standing == Standing::Obeyed
            && !option.command_line_only
            && !option.default.is_empty()
            && !written.iter().any(|written| written.name == option.name)
    });
    let defaults = defaults.map(|option| InForce {
        name: option.name,
        value: option.default.to_owned(),
        is_secret: false,
        origin: None,
        standing: option.standing,
    });
    given.chain(defaults).collect()
}
