//! Parts of lines as coturn writes them.

use std::fmt;

use turnd_wire::{ErrorCode, Method};

/// Eighteen digits, the first three of them the worker.
#[derive(Clone, Copy)]
pub(super) struct Session {
    pub(super) worker: usize,
    pub(super) number: u64,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}{:015}", self.worker, self.number)
    }
}

/// A method as coturn writes it: `CREATE_PERMISSION`.
#[derive(Clone, Copy)]
pub(super) struct MethodName(pub(super) Method);

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = self.0.name() else {
            return write!(f, "{:#05x}", self.0.number());
        };
        for (index, letter) in name.char_indices() {
            if index > 0 && letter.is_ascii_uppercase() {
                f.write_str("_")?;
            }
            write!(f, "{}", letter.to_ascii_uppercase())?;
        }
        Ok(())
    }
}

/// A code as coturn writes it: RFC 8489 has another word for 401.
pub(super) struct Code(pub(super) ErrorCode);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = if self.0 == ErrorCode::UNAUTHENTICATED {
            "Unauthorized"
        } else {
            self.0.reason()
        };
        write!(f, "{}: {reason}", self.0.number())
    }
}

/// How many lines were not written, if any.
pub(super) struct Missed(pub(super) u64);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            missed => write!(f, " ({missed} more not logged)"),
        }
    }
}
