//! One option and its text: read by its kind, put into its place, and told about if need be.

use super::{
    error::{About, Findings, Origin},
    options::{Kind, Opt, Place, Status, all},
    raw::{Raw, Slot},
    value::{self, Bad},
};

/// Most characters of a value or name that a message shows.
const SHOWN: usize = 60;

/// What a value turned out to be.
enum Taken {
    /// A flag that is off: it asks for nothing.
    Off,
    /// Nothing was written where a number belongs: the default holds.
    Default,
    /// Anything else.
    On,
}

/// Takes `text` as the value of `option`.
pub(super) fn apply(
    option: &'static Opt,
    text: &str,
    origin: &Origin,
    raw: &mut Raw,
    findings: &mut Findings,
) {
    let taken = take(option, text, origin, raw);
    let value = match taken {
        Ok(Taken::Off) => "off",
        _ => text,
    };
    if taken.is_ok()
        && let Some(before) = raw.written.said_before(option, value, origin)
    {
        let text = format!("{}: {} counts instead", option.name, origin.place());
        findings.warn_of(About::NoEffect, before, text);
    }
    match taken {
        Err(bad) => findings.error(origin, refusal(option, text, &bad)),
        Ok(Taken::Default) => {
            let default = match option.default {
                "" => "it is left out",
                default => &format!("the default {default} is used"),
            };
            raw.written.clear(option, origin);
            findings.warn(origin, format!("{} has no value; {default}", option.name));
        }
        Ok(Taken::Off) => {
            raw.written.put(option, "off", origin);
            tell_off(option, origin, findings);
        }
        Ok(Taken::On) => {
            raw.written.put(option, text, origin);
            tell_on(option, origin, findings);
        }
    }
}

fn take(option: &Opt, text: &str, origin: &Origin, raw: &mut Raw) -> Result<Taken, Bad> {
    let mut to = Destination {
        raw,
        origin,
        repeatable: option.repeatable,
    };
    match &option.kind {
        Kind::Flag(place) => {
            let on = value::flag(text)?;
            to.put(*place, on);
            return Ok(if on { Taken::On } else { Taken::Off });
        }
        Kind::Port(place) if text.is_empty() => return Ok(to.clear(*place)),
        Kind::Number(_, place) if text.is_empty() => return Ok(to.clear(*place)),
        Kind::Port(place) => to.put(*place, value::port(text)?),
        Kind::Number(range, place) => to.put(*place, value::number(text, range)?),
        Kind::Address(place) => to.put(*place, value::address(text)?),
        Kind::Endpoint(place) => to.put(*place, value::endpoint(text)?),
        Kind::Alternate(place) => to.put(*place, value::alternate(text)?),
        Kind::Anycast(place) => to.put(*place, value::anycast(text)?),
        Kind::Listener(place) => to.put(*place, value::listener(text)?),
        Kind::Mappings(place) => to.put(*place, value::mapping(text)?),
        Kind::Peers(place) => to.put(*place, value::peers(text)?),
        Kind::User(place) => to.put(*place, value::user(text)?),
        Kind::Hidden(None) => {}
        Kind::Hidden(place) => to.put(*place, value::secret(text)?),
        Kind::Character(place) => to.put(*place, value::separator(text)?),
        Kind::Family(place) => to.put(*place, value::family(text)?),
        Kind::Device(place) => to.put(*place, value::device(text)?),
        Kind::Url(place) => to.put(*place, value::url(text)?),
        Kind::Text(place) | Kind::File(place) => to.put(*place, text.to_owned()),
    }
    Ok(Taken::On)
}

/// Where a value goes, and what goes with it.
struct Destination<'a> {
    raw: &'a mut Raw,
    origin: &'a Origin,
    repeatable: bool,
}

impl Destination<'_> {
    fn slot<T>(&mut self, place: Option<Place<T>>) -> Option<&mut Slot<T>> {
        place.map(|place| place(self.raw))
    }

    fn put<T>(&mut self, place: Option<Place<T>>, value: T) {
        let (origin, repeatable) = (self.origin, self.repeatable);
        if let Some(slot) = self.slot(place) {
            slot.put(value, origin, repeatable);
        }
    }

    fn clear<T>(&mut self, place: Option<Place<T>>) -> Taken {
        if let Some(slot) = self.slot(place) {
            slot.clear();
        }
        Taken::Default
    }
}

/// An option that is on or has a value.
fn tell_on(option: &'static Opt, origin: &Origin, findings: &mut Findings) {
    let name = option.name;
    match option.status {
        Status::Obeyed => {}
        Status::Accepted(_) => findings.accepted(origin, name),
        Status::Ignored(note) => {
            let text = format!("{name} has no effect: {note}");
            findings.warn_of(About::NoEffect, origin, text);
        }
        Status::NotYet(note) => {
            let text = format!("{name} has no effect yet: {note}");
            findings.warn_of(About::NoEffect, origin, text);
        }
    }
}

/// A flag that is off. Only worth a word if that differs from what is done, or from coturn.
fn tell_off(option: &'static Opt, origin: &Origin, findings: &mut Findings) {
    let name = option.name;
    if let Status::Accepted(note) = option.status {
        let text = format!("{name} cannot be switched off: {note}");
        findings.warn_of(About::NoEffect, origin, text);
    } else if option.coturn_ignores_value {
        let text = format!("{name} is off, as written; coturn ignores the value and has it on");
        findings.warn_of(About::Coturn, origin, text);
    }
}

fn refusal(option: &Opt, text: &str, bad: &Bad) -> String {
    let value = if option.kind.is_secret() {
        "the value".to_owned()
    } else if text.is_empty() {
        return format!("{} has no value; expected {}", option.name, bad.expected);
    } else {
        shown(text)
    };
    let hint = if text.ends_with(';') {
        "; a line does not end with a semicolon"
    } else {
        ""
    };
    let (name, what, expected) = (option.name, bad.what, &bad.expected);
    format!("{name}: {value} {what}; expected {expected}{hint}")
}

/// What to say about a name that no option has.
pub(super) fn unknown(name: &str) -> String {
    match nearest(name) {
        Some(known) => format!("there is no option {} (did you mean {known}?)", shown(name)),
        None => format!("there is no option {}", shown(name)),
    }
}

/// `text` in quotes, without what could upset a terminal, and not too long.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("\"{}...\"", text[..end].escape_debug()),
        None => format!("\"{}\"", text.escape_debug()),
    }
}

/// The option whose name is most like `name`, if one is.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    if name.len() > SHOWN {
        return None;
    }
    let name = name.trim_start_matches('-').replace('_', "-");
    let folded = |known: &str| distance(&name.to_lowercase(), &known.to_lowercase());
    all()
        .map(|option| option.name)
        .map(|known| (folded(known), distance(&name, known), known))
        .min()
        .filter(|(distance, _, known)| *distance <= known.len().min(name.len()) / 3)
        .map(|(_, _, known)| known)
}

/// How many characters must be put in, taken out or replaced to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_the_known_one() {
        for (name, known) in [
            ("min_port", "min-port"),
            ("listening-prot", "listening-port"),
            ("--verbos", "verbose"),
            ("static_auth_secret", "static-auth-secret"),
            ("ca-file", "CA-file"),
        ] {
            assert_eq!(nearest(name), Some(known), "{name}");
        }
        assert_eq!(nearest("[turn]"), None);
        assert_eq!(nearest(""), None);
        assert_eq!(nearest(&"x".repeat(1 << 20)), None);
    }

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(shown("a\u{1b}[31m\"b"), r#""a\u{1b}[31m\"b""#);
        assert_eq!(shown(&"é".repeat(100)).chars().count(), SHOWN + 5);
    }
}
