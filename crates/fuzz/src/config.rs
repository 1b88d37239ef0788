//! Configuration files: coturn's form and TOML. Every error says where it is, and conversion keeps the meaning.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use turnd::config::{self, Machine, Origin, Outcome};

use crate::input::Input;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let is_toml = input.flag();
    let text = input.rest();
    if is_toml {
        check("turnd.toml", text);
        return;
    }
    let is_good = check("turnserver.conf", text);
    match config::convert(text) {
        Ok(converted) => {
            let lines = text.split(|byte| *byte == b'\n').count();
            for remark in converted.remarks {
                assert!((1..=lines).contains(&remark.line), "{remark:?}");
            }
            let after = check("turnd.toml", converted.text.as_bytes());
            assert_eq!(after, is_good, "as TOML:\n{}", converted.text);
        }
        Err(remark) => assert!(!is_good, "{remark:?}"),
    }
}

/// Whether a server would start with this file.
fn check(name: &'static str, text: &[u8]) -> bool {
    let lines = text.split(|byte| *byte == b'\n').count();
    let args = ["turnd", "-c", name].map(OsString::from);
    let errors = match config::load_on(&machine(name, text.to_vec()), args) {
        Outcome::Run(_) => return true,
        Outcome::Print(_) => return false,
        Outcome::Invalid(errors, _) => errors,
    };
    assert!((1..=200).contains(&errors.len()));
    for error in errors {
        match error.origin {
            Origin::File { line, .. } | Origin::Toml { line, .. } => {
                assert!((1..=lines).contains(&line), "{error}");
            }
            Origin::Configuration => {}
            ref other => panic!("{other}: {error}"),
        }
        let said = error.to_string();
        assert!(
            !said.contains(|letter: char| letter.is_control()),
            "{said:?}"
        );
    }
    false
}

/// A machine that has this file and no other.
fn machine(name: &str, text: Vec<u8>) -> Machine {
    let name = PathBuf::from(name);
    Machine {
        cores: 2,
        host_name: Some("turn.example.org".to_owned()),
        read: Box::new(move |path: &Path| {
            if path == name {
                Ok(text.clone())
            } else {
                Err(io::ErrorKind::NotFound.into())
            }
        }),
        environment: Box::new(|_| None),
    }
}
