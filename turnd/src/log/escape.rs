//! Text that others chose, made harmless for a terminal, for whoever reads the log by lines, and for
//! whoever looks for words in it.

use std::fmt::{self, Write as _};

/// Characters of a text from the network that a line shows, before they are escaped.
const MOST_CHARACTERS: usize = 64;
/// Bytes that a text from the network takes in a line at most: escaped it is longer.
const MOST_BYTES: usize = 96;

/// Text from the network: cut, with everything escaped that could forge a line, move the cursor, turn the
/// direction of writing, or end the angle brackets that names stand in.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = 0;
        for character in self.0.chars().take(MOST_CHARACTERS) {
            let is_escaped = is_harmful(character) || matches!(character, '<' | '>');
            bytes += if is_escaped {
                character.escape_unicode().len()
            } else {
                character.len_utf8()
            };
            if bytes > MOST_BYTES {
                break;
            }
            if is_escaped {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Writes the rest of a line into `out`, whoever wrote it: nothing in it ends the line.
pub(super) fn push(out: &mut String, text: &str) {
    if !text.contains(is_harmful) {
        return out.push_str(text);
    }
    for character in text.chars() {
        if is_harmful(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
}

/// Control characters, line separators, and marks that turn the direction of writing (Unicode
/// UAX 9 section 2).
pub(super) fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_the_network_stays_on_its_line() {
        let text = Text("a\nb\x1b[31m\u{202E}c\u{85}\u{61c}").to_string();
        assert_eq!(text, "a\\u{a}b\\u{1b}[31m\\u{202e}c\\u{85}\\u{61c}");
        assert_eq!(Text(&"x".repeat(1000)).to_string().len(), 64);
        assert!(Text(&"\u{202E}".repeat(1000)).to_string().len() <= MOST_BYTES);
    }

    #[test]
    fn a_name_does_not_leave_its_brackets() {
        let text = Text("x>, remote 192.0.2.1:5").to_string();
        assert_eq!(text, "x\\u{3e}, remote 192.0.2.1:5");
    }

    #[test]
    fn whatever_is_logged_stays_on_its_line() {
        let mut out = String::new();
        push(&mut out, "plain <é> ");
        push(&mut out, "no\r\nsuch\u{2028}file");
        assert_eq!(out, "plain <é> no\\u{d}\\u{a}such\\u{2028}file");
    }
}
