//! OpenSSL's cipher strings (`man openssl-ciphers`) said in the suites of rustls.
//!
//! A list that was written for OpenSSL names much that no client needs any more: it is obeyed as far as it
//! selects among the suites that are here, in its order, and what it names beyond them is told in one line.

use rustls::{
    SupportedCipherSuite as Suite,
    crypto::aws_lc_rs::cipher_suite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
    },
};

use super::error::{TlsError, TlsProblem};

const OPTION: &str = "cipher-list";

/// A suite and what selects it: its names, OpenSSL's first, and the words for groups that it is in.
struct Row {
    suite: Suite,
    names: [&'static str; 2],
    groups: &'static [&'static str],
}

/// Words for every suite of TLS 1.2 that is here. Those that begin with SECURE are GnuTLS's.
const EVERY: &[&str] = &[
    "ALL", "DEFAULT", "ECDH", "ECDHE", "EECDH", "HIGH", "NORMAL", "TLSv1.2", "kECDHE", "kEECDH",
];

/// TLS 1.2, in the order that a word for several of them stands for. `SHA256` and `SHA384` are none of the
/// groups: in OpenSSL they mean HMAC, which an AEAD has not.
static TLS12: [Row; 6] = [
    Row {
        suite: TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        names: [
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ],
        groups: &["AES", "AES256", "AESGCM", "FIPS", "ECDSA", "aECDSA"],
    },
    Row {
        suite: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        names: [
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ],
        groups: &["AES", "AES128", "AESGCM", "FIPS", "ECDSA", "aECDSA"],
    },
    Row {
        suite: TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        names: [
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ],
        groups: &["CHACHA20", "ECDSA", "aECDSA"],
    },
    Row {
        suite: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        names: [
            "ECDHE-RSA-AES256-GCM-SHA384",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        ],
        groups: &["AES", "AES256", "AESGCM", "FIPS", "aRSA"],
    },
    Row {
        suite: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        names: [
            "ECDHE-RSA-AES128-GCM-SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ],
        groups: &["AES", "AES128", "AESGCM", "FIPS", "aRSA"],
    },
    Row {
        suite: TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        names: [
            "ECDHE-RSA-CHACHA20-POLY1305",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ],
        groups: &["CHACHA20", "aRSA"],
    },
];

/// TLS 1.3. No word but its own selects one of them, as in OpenSSL, where they are in a list of their own.
static TLS13: [Row; 3] = [
    Row {
        suite: TLS13_AES_256_GCM_SHA384,
        names: ["TLS_AES_256_GCM_SHA384", "TLS13-AES-256-GCM-SHA384"],
        groups: &["TLSv1.3"],
    },
    Row {
        suite: TLS13_AES_128_GCM_SHA256,
        names: ["TLS_AES_128_GCM_SHA256", "TLS13-AES-128-GCM-SHA256"],
        groups: &["TLSv1.3"],
    },
    Row {
        suite: TLS13_CHACHA20_POLY1305_SHA256,
        names: [
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS13-CHACHA20-POLY1305-SHA256",
        ],
        groups: &["TLSv1.3"],
    },
];

impl Row {
    fn is_named(&self, word: &str) -> bool {
        self.names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(word))
    }

    fn is_in(&self, word: &str) -> bool {
        let has = |words: &[&str]| words.iter().any(|group| group.eq_ignore_ascii_case(word));
        has(self.groups) || self.suite.tls13().is_none() && (has(EVERY) || is_gnutls(word))
    }

    /// Whether `term`, words joined by `+`, selects this suite: all of them have to.
    fn is_selected(&self, term: &str) -> bool {
        term.split('+')
            .all(|word| self.is_named(word) || self.is_in(word))
    }
}

/// SECURE128, SECURE256 and their like.
fn is_gnutls(word: &str) -> bool {
    word.get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("SECURE"))
}

/// What a cipher list comes to.
#[derive(Debug)]
pub(super) struct Selection {
    /// The suites in the order of the list, those of TLS 1.3 first. Not empty.
    pub(super) suites: Vec<Suite>,
    /// The list names suites one by one, so that its order was meant.
    pub(super) ordered: bool,
    /// At most one line on names that select nothing, and at most one on TLS 1.2 being off.
    pub(super) warnings: Vec<String>,
}

/// One version's suites while the list is read.
struct Chosen {
    rows: &'static [Row],
    on: Vec<Suite>,
    /// What a `!` took away for good.
    killed: Vec<Suite>,
    /// Something was added by name or group.
    touched: bool,
}

impl Chosen {
    fn none_of(rows: &'static [Row]) -> Self {
        Self {
            rows,
            on: Vec::new(),
            killed: Vec::new(),
            touched: false,
        }
    }

    fn selected(&self, term: &str) -> Vec<Suite> {
        let rows = self.rows.iter().filter(|row| row.is_selected(term));
        rows.map(|row| row.suite).collect()
    }

    fn is_named(&self, term: &str) -> bool {
        self.rows.iter().any(|row| row.is_named(term))
    }

    /// Returns whether the term selects anything.
    fn add(&mut self, term: &str) -> bool {
        let selected = self.selected(term);
        let found = !selected.is_empty();
        self.touched |= found;
        for suite in selected {
            if !self.on.contains(&suite) && !self.killed.contains(&suite) {
                self.on.push(suite);
            }
        }
        found
    }

    fn remove(&mut self, term: &str) {
        let selected = self.selected(term);
        self.on.retain(|suite| !selected.contains(suite));
    }

    fn kill(&mut self, term: &str) {
        self.remove(term);
        self.killed.extend(self.selected(term));
    }

    /// Of what is on, the selected goes to the end.
    fn move_to_end(&mut self, term: &str) {
        let selected = self.selected(term);
        let (moved, stay): (Vec<_>, Vec<_>) =
            self.on.iter().partition(|suite| selected.contains(suite));
        self.on = [stay, moved].concat();
    }

    /// All of them, but what was taken away for good.
    fn turn_all_on(&mut self) {
        let rows = self.rows.iter().map(|row| row.suite);
        self.on = rows.filter(|suite| !self.killed.contains(suite)).collect();
    }
}

/// The suites that `list` selects. With `tls12` false those of TLS 1.2 are left out.
///
/// # Errors
///
/// Nothing that the list names is here.
pub(super) fn select(list: &str, tls12: bool) -> Result<Selection, TlsError> {
    let mut old = Chosen::none_of(&TLS12);
    let mut new = Chosen::none_of(&TLS13);
    let mut ordered = false;
    let mut unknown: Vec<&str> = Vec::new();
    let separator = |c: char| c.is_whitespace() || matches!(c, ':' | ',' | ';');
    for item in list.split(separator) {
        // @STRENGTH and @SECLEVEL=n, alone or behind a word, choose among ciphers that are not here.
        let item = item.split_once('@').map_or(item, |(before, _)| before);
        if let Some(term) = item.strip_prefix('!') {
            old.kill(term);
            new.kill(term);
        } else if let Some(term) = item.strip_prefix('-') {
            old.remove(term);
            new.remove(term);
        } else if let Some(term) = item.strip_prefix('+') {
            old.move_to_end(term);
            new.move_to_end(term);
        } else if !item.is_empty() {
            ordered |= old.is_named(item) || new.is_named(item);
            // Each is to see it: `|` and not `||`.
            let known = old.add(item) | new.add(item);
            if !known && !unknown.contains(&item) {
                unknown.push(item);
            }
        }
    }
    if !new.touched {
        new.turn_all_on();
    }
    if !tls12 {
        old.on.clear();
    }
    conclude(&old, &new, tls12, ordered, &unknown)
}

fn conclude(
    old: &Chosen,
    new: &Chosen,
    tls12: bool,
    ordered: bool,
    unknown: &[&str],
) -> Result<Selection, TlsError> {
    let names = unknown
        .iter()
        .map(|name| name.escape_debug().to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let suites = [new.on.as_slice(), &old.on].concat();
    // A list of TLS 1.2 that comes to nothing is no wish for TLS 1.3 alone.
    let nothing_meant = tls12 && old.on.is_empty() && !new.touched;
    if suites.is_empty() || nothing_meant {
        let named = match names.as_str() {
            "" => String::new(),
            names => format!(", not {names}"),
        };
        let problem = TlsProblem::NoCipherSuite(named);
        return Err(TlsError::of_option(OPTION, problem));
    }
    let mut warnings = Vec::new();
    if !unknown.is_empty() {
        warnings.push(format!(
            "{OPTION}: these name no cipher suite that this server has, and are passed over: {names}"
        ));
    }
    if tls12 && old.on.is_empty() {
        warnings.push(format!(
            "{OPTION} names suites of TLS 1.3 only: clients with TLS 1.2 are refused"
        ));
    }
    Ok(Selection {
        suites,
        ordered,
        warnings,
    })
}
