//! The second spelling of a configuration, TOML: the same names, with values that have a type. A file is
//! read so if its name ends in `.toml`. Flags are `true` or `false`, numbers and ports are numbers, all
//! else is text; an option that may be repeated takes an array, too.
//!
//! A table may group options under the heading they have in the help (`[relay]`, `[stun-and-turn]`). It
//! is there for the reader's eye: an option means the same in each of them and in none.

mod convert;
mod read;

use std::path::Path;

pub use convert::{Converted, Remark, convert};
pub(super) use read::read;

use super::options::Kind;

/// Whether the file of that name is read as TOML.
pub(super) fn is_toml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// The type of a value in TOML.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Boolean,
    Integer,
    Text,
}

fn type_of(kind: &Kind) -> Type {
    match kind {
        Kind::Flag(_) => Type::Boolean,
        Kind::Port(_) | Kind::Number(..) => Type::Integer,
        _ => Type::Text,
    }
}
