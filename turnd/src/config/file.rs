//! The grammar of a file: from bytes to lines of a name and a value. Nothing here knows an option.
//!
//! One option a line. Blanks around it do not count, `#` as the first character makes a comment. The
//! name ends at the first blank or `=`; any run of blanks and `=` stands between name and value. One
//! double quote before the value is taken off, and then one behind it. No escapes, no sections, no
//! includes. A line may be of any length.

/// A line that is neither blank nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// The name and what follows it, or why the line cannot be read.
    pub(super) content: Result<Entry<'a>, &'static str>,
}

/// A name and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// May be empty, if the line begins with `=`.
    pub(super) name: &'a str,
    /// From the end of the name on, with the separator.
    rest: &'a str,
}

/// The lines of a file that say something.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    (1..)
        .zip(bytes.split(|byte| *byte == b'\n'))
        .filter_map(|(number, line)| {
            let content = content(line.trim_ascii())?;
            Some(Line { number, content })
        })
}

/// Comments may hold any bytes, for instance the Latin-1 of old files.
pub(super) fn content(line: &[u8]) -> Option<Result<Entry<'_>, &'static str>> {
    if line.is_empty() || line[0] == b'#' {
        return None;
    }
    if line.contains(&0) {
        return Some(Err("the line has a NUL byte; expected text"));
    }
    let Ok(line) = str::from_utf8(line) else {
        return Some(Err("the line is not UTF-8; expected text in UTF-8"));
    };
    let (name, rest) = line.split_at(line.find(is_separator).unwrap_or(line.len()));
    Some(Ok(Entry { name, rest }))
}

fn is_separator(character: char) -> bool {
    is_blank(character) || character == '='
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

impl<'a> Entry<'a> {
    /// The value, with everything up to the end of the line in it.
    pub(super) fn value(&self) -> &'a str {
        unquoted(self.rest.trim_start_matches(is_separator))
    }

    /// The value without a comment behind it: a `#` after a blank.
    pub(super) fn value_before_comment(&self) -> &'a str {
        let end = comment(self.rest).unwrap_or(self.rest.len());
        let value = self.rest[..end].trim_start_matches(is_separator);
        unquoted(value.trim_end())
    }

    /// Whether the line has what looks like a comment behind the value.
    pub(super) fn has_comment(&self) -> bool {
        comment(self.rest).is_some()
    }

    /// What looks like a comment behind the value, from its `#` on.
    pub(super) fn comment(&self) -> Option<&'a str> {
        comment(self.rest).map(|at| &self.rest[at..])
    }

    /// Whether an equal sign follows the name, as it does in an option and hardly in a sentence.
    pub(super) fn has_equal_sign(&self) -> bool {
        self.rest.trim_start_matches(is_blank).starts_with('=')
    }

    /// Whether nothing follows the name.
    pub(super) fn is_bare(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Where ` #` begins.
fn comment(rest: &str) -> Option<usize> {
    rest.match_indices('#')
        .map(|(at, _)| at)
        .find(|at| rest[..*at].ends_with(is_blank))
}

fn unquoted(value: &str) -> &str {
    match value.strip_prefix('"') {
        Some(value) => value.strip_suffix('"').unwrap_or(value),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name and value of the only line.
    fn read(line: &str) -> (&str, &str) {
        let mut lines = lines(line.as_bytes());
        let entry = lines
            .next()
            .expect("the line says something")
            .content
            .unwrap();
        assert_eq!(lines.next(), None);
        (entry.name, entry.value())
    }

    fn silent(text: &[u8]) -> bool {
        lines(text).next().is_none()
    }

    #[test]
    fn comments_and_blank_lines_say_nothing() {
        assert!(silent(b""));
        assert!(silent(b"\n\r\n \t \n"));
        assert!(silent(b"# realm=a\n  # indented\n\t#tab\n#"));
        assert!(silent(b"# M\xfcller wrote this\0\n"));
    }

    #[test]
    fn a_hash_behind_a_value_belongs_to_it_unless_the_reader_says_otherwise() {
        assert_eq!(read("realm=a # b"), ("realm", "a # b"));
        let entry = |text: &'static str| lines(text.as_bytes()).next().unwrap().content.unwrap();
        assert_eq!(entry("min-port=5 # low").value_before_comment(), "5");
        assert_eq!(entry("min-port=\"5\"\t#low").value_before_comment(), "5");
        assert_eq!(entry("fingerprint # on").value_before_comment(), "");
        assert_eq!(entry("fingerprint=1#on").value_before_comment(), "1#on");
    }

    #[test]
    fn blanks_and_carriage_returns_around_a_line_do_not_count() {
        assert_eq!(read(" \trealm=a \t\r\n"), ("realm", "a"));
        assert_eq!(read("realm=a b"), ("realm", "a b"));
    }

    #[test]
    fn a_name_is_taken_as_written() {
        assert_eq!(read("CA-file=x"), ("CA-file", "x"));
        assert_eq!(read("--verbose"), ("--verbose", ""));
        assert_eq!(read("[turn]"), ("[turn]", ""));
        assert_eq!(read("=5"), ("", "5"));
    }

    #[test]
    fn any_run_of_blanks_and_equal_signs_separates() {
        for line in ["k v", "k=v", "k = v", "k==v", "k\t=\t v", "k = = v"] {
            assert_eq!(read(line), ("k", "v"), "{line}");
        }
        assert_eq!(read("secret=a=b="), ("secret", "a=b="));
    }

    #[test]
    fn a_double_quote_is_taken_off_once_and_a_single_one_never() {
        assert_eq!(read(r#"k="a b""#), ("k", "a b"));
        assert_eq!(read(r#"k="=a""#), ("k", "=a"));
        assert_eq!(read(r#"k="a"#), ("k", "a"));
        assert_eq!(read(r#"k=a""#), ("k", "a\""));
        assert_eq!(read(r#"k=""a"""#), ("k", "\"a\""));
        assert_eq!(read("k=\"a\"  "), ("k", "a"));
        assert_eq!(read(r#"k=""#), ("k", ""));
        assert_eq!(read("k='a'"), ("k", "'a'"));
        assert_eq!(read(r"k=a\nb"), ("k", r"a\nb"));
    }

    #[test]
    fn a_missing_value_is_empty() {
        assert_eq!(read("k"), ("k", ""));
        assert_eq!(read("k="), ("k", ""));
    }

    #[test]
    fn a_line_may_be_of_any_length() {
        let long = "x".repeat(1 << 20);
        let line = format!("k={long}");
        assert_eq!(read(&line), ("k", long.as_str()));
    }

    #[test]
    fn lines_are_counted_from_one_and_with_those_that_say_nothing() {
        let numbers = |text: &[u8]| lines(text).map(|line| line.number).collect::<Vec<_>>();
        assert_eq!(numbers(b"a\n\n# c\r\nb\nc"), [1, 4, 5]);
        assert_eq!(numbers(b"\xef\xbb\xbfa\n"), [1]);
    }

    #[test]
    fn bytes_that_are_no_text_make_the_line_unreadable_not_the_file() {
        let lines: Vec<_> = lines(b"a\nb=\xff\nc=\0\nd").collect();
        let readable: Vec<_> = lines.iter().map(|line| line.content.is_ok()).collect();
        assert_eq!(readable, [true, false, false, true]);
    }
}
