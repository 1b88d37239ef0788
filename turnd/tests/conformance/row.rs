//! A row: one rule of an RFC, where it holds, and the check of it.

use turnd_wire::Family;

use crate::subject::Path;

/// How much the RFC wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// MUST, MUST NOT.
    Must,
    /// SHOULD, RECOMMENDED.
    Should,
    /// turnd's own decision, where the RFC says MAY or nothing.
    Decided,
}

/// What lies between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
    Dtls,
}

pub(crate) use Transport::{Dtls, Tcp, Tls, Udp};

impl Transport {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Udp => "UDP",
            Tcp => "TCP",
            Tls => "TLS",
            Dtls => "DTLS",
        }
    }

    pub(crate) const fn is_stream(self) -> bool {
        matches!(self, Tcp | Tls)
    }
}

/// Transports that most rows hold for.
pub(crate) const ALL: &[Transport] = &[Udp, Tcp, Tls, Dtls];
pub(crate) const STREAMS: &[Transport] = &[Tcp, Tls];
pub(crate) const DATAGRAMS: &[Transport] = &[Udp, Dtls];

pub(crate) const BOTH: &[Family] = &[Family::V4, Family::V6];
pub(crate) const V4: &[Family] = &[Family::V4];

/// Where another test stands that holds a row: the file, from the top of the tree, and its name.
pub(crate) type Test = (&'static str, &'static str);

/// A rule that is not kept, on purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    /// What docs/DECISIONS.md says about it, word for word.
    pub(crate) reason: &'static str,
    /// What the check says when it fails, so that it does not fail for another reason.
    pub(crate) words: &'static str,
}

/// A rule and its check. Built by [`must`], [`should`] or [`decided`], and the methods behind them.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) level: Level,
    /// One line, for the table.
    pub(crate) what: &'static str,
    pub(crate) transports: &'static [Transport],
    pub(crate) families: &'static [Family],
    pub(crate) check: Option<fn(&Path<'_>)>,
    /// What the row's own server does, and where; the other rows share one.
    pub(crate) server: Option<&'static str>,
    /// Tests elsewhere that hold the row, or the part of it that takes minutes.
    pub(crate) held: &'static [Test],
    /// It is not done. The check must fail.
    pub(crate) departs: Option<Departure>,
}

pub(crate) const fn must(id: &'static str, what: &'static str) -> Row {
    row(id, Level::Must, what)
}

pub(crate) const fn should(id: &'static str, what: &'static str) -> Row {
    row(id, Level::Should, what)
}

pub(crate) const fn decided(id: &'static str, what: &'static str) -> Row {
    row(id, Level::Decided, what)
}

const fn row(id: &'static str, level: Level, what: &'static str) -> Row {
    Row {
        id,
        level,
        what,
        transports: &[],
        families: BOTH,
        check: None,
        server: None,
        held: &[],
        departs: None,
    }
}

impl Row {
    /// The check, and by which transports it is to be made.
    pub(crate) const fn over(
        mut self,
        transports: &'static [Transport],
        check: fn(&Path<'_>),
    ) -> Self {
        self.transports = transports;
        self.check = Some(check);
        self
    }

    /// By one family alone.
    pub(crate) const fn by(mut self, families: &'static [Family]) -> Self {
        self.families = families;
        self
    }

    /// Not on the server that most rows share, but on one with these lines instead of
    /// [`crate::subject::SHARED`].
    pub(crate) const fn on(mut self, lines: &'static str) -> Self {
        self.server = Some(lines);
        self
    }

    /// These tests hold it too.
    pub(crate) const fn held(mut self, tests: &'static [Test]) -> Self {
        self.held = tests;
        self
    }

    /// It is not done, on purpose.
    pub(crate) const fn departs(mut self, reason: &'static str, words: &'static str) -> Self {
        self.departs = Some(Departure { reason, words });
        self
    }
}
