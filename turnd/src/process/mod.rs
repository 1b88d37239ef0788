//! The process itself: who it is, where it writes its number, and how it leaves the terminal.

pub mod background;
pub mod identity;
pub mod limits;
pub mod open;
pub mod pid_file;
pub mod secrecy;
