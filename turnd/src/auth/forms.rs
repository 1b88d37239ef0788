//! The forms in which clients send a text of the configuration: as it stands there, as RFC 8489 prepares it
//! (OpaqueString, RFC 8265), and as RFC 5389 did (SASLprep, RFC 4013). Browsers prepare nothing. For ASCII
//! there is one form.

use std::collections::HashSet;

use precis_profiles::{OpaqueString, precis_core::profile::Profile};

/// Each form once, the written one first. A text that a profile forbids has no form of it.
pub(crate) fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned()];
    if text.is_ascii() {
        return forms;
    }
    let opaque = OpaqueString::new().enforce(text).ok();
    let sasl = stringprep::saslprep(text).ok();
    for form in [opaque, sasl].into_iter().flatten() {
        if !form.is_empty() && !forms.iter().any(|known| *known == form) {
            forms.push(form.into_owned());
        }
    }
    forms
}

/// All forms of these names, and of users' names that have one of them in common: a user may be written in one form, and
/// named in another.
pub(crate) fn all_forms<'a>(
    names: &[String],
    users: impl Iterator<Item = &'a str>,
) -> HashSet<String> {
    let all: HashSet<String> = names.iter().flat_map(|name| forms(name)).collect();
    let users = users.map(forms);
    let same = users.filter(|forms| forms.iter().any(|form| all.contains(form)));
    let same: Vec<String> = same.flatten().collect();
    all.into_iter().chain(same).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_sent_as_it_is_written() {
        for text in ["alice", "correct horse", "\u{7f}"] {
            assert_eq!(forms(text), [text]);
        }
    }

    /// The password of RFC 5769 section 2.4. OpaqueString forbids the soft hyphen.
    #[test]
    fn the_password_of_the_test_vector_is_the_matrix() {
        let written = "The\u{ad}M\u{aa}tr\u{2168}";
        assert_eq!(forms(written), [written, "TheMatrIX"]);
        assert_eq!(forms("マトリックス"), ["マトリックス"]);
    }

    /// RFC 8265 section 4.2.2: spaces are made plain, and the form is NFC. SASLprep takes NFKC.
    #[test]
    fn every_form_is_there_once() {
        assert_eq!(forms("a\u{a0}b"), ["a\u{a0}b", "a b"]);
        assert_eq!(forms("e\u{301}"), ["e\u{301}", "é"]);
        assert_eq!(forms("ﬁ"), ["ﬁ", "fi"]);
        assert_eq!(forms("e\u{301}ﬁ"), ["e\u{301}ﬁ", "éﬁ", "éfi"]);
    }

    /// "é" in one letter, and in two.
    #[test]
    fn a_name_is_found_however_it_is_written() {
        let (one, two) = ("caf\u{e9}", "cafe\u{301}");
        for (user, named) in [(one, two), (two, one)] {
            let all = all_forms(&[named.to_owned()], [user, "bob"].into_iter());
            assert!(all.contains(one) && all.contains(two), "{all:?}");
            assert!(!all.contains("bob"));
        }
    }
}
