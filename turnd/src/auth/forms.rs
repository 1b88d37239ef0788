//! The forms in which clients send a text of the configuration: as it stands there, as RFC 8489 prepares it
//! (OpaqueString, RFC 8265), and as RFC 5389 did (SASLprep, RFC 4013). Browsers prepare nothing. For ASCII
//! there is one form.

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
}
