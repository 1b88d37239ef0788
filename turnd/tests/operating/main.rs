//! What an operator does with the program: start it, tell it things, look at it. A new test goes into
//! the file that names what it is about.

#[path = "../support/mod.rs"]
mod support;

mod check;
mod convert;
mod daemon;
mod pid_file;
mod privileges;
mod systemd;
