//! Inputs to begin with, and how they are changed where no fuzzer chooses.
//!
//! `seeds/<target>.txt` has an input a line: a name, a colon, and the bytes in hexadecimal. Lines with `#` say where
//! those below come from. `config` begins with the files of the other tests, too.

use std::{fs, path::PathBuf};

/// An input and what it is called.
#[derive(Clone, Debug)]
pub struct Seed {
    /// What it is.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// The inputs of a target that are part of the project.
///
/// # Panics
/// If a file of them cannot be read.
#[must_use]
pub fn seeds(target: &str) -> Vec<Seed> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let file = here.join("seeds").join(target).with_extension("txt");
    let text = fs::read_to_string(&file).unwrap_or_else(|why| panic!("{file:?}: {why}"));
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut seeds: Vec<Seed> = lines
        .map(|line| {
            let (name, hex) = line
                .split_once(':')
                .unwrap_or_else(|| panic!("{file:?}: {line}"));
            let bytes = bytes(hex.trim()).unwrap_or_else(|| panic!("{file:?}: {name}: not bytes"));
            Seed {
                name: name.to_owned(),
                bytes,
            }
        })
        .collect();
    if target == "config" {
        seeds.extend(
            ["../../turnd/tests/data", "../../deploy"]
                .iter()
                .flat_map(|place| {
                    let files = fs::read_dir(here.join(place)).expect("a folder of the project");
                    let files = files.map(|file| file.expect("a file").path());
                    let conf = files.filter(|file| file.extension().is_some_and(|it| it == "conf"));
                    conf.map(|file| Seed {
                        name: file.display().to_string(),
                        bytes: [&[0], &fs::read(&file).expect("a file")[..]].concat(),
                    })
                    .collect::<Vec<_>>()
                }),
        );
    }
    seeds
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// One of these inputs with some bytes changed, moved, left out or taken from another one. `random` gives
/// numbers that have nothing to do with each other.
pub fn mutate(seeds: &[Seed], longest: usize, mut random: impl FnMut() -> u64) -> Vec<u8> {
    let mut number = |below: usize| usize::try_from(random() % below.max(1) as u64).unwrap_or(0);
    let Some(seed) = seeds.get(number(seeds.len())) else {
        return Vec::new();
    };
    let mut bytes = seed.bytes.clone();
    for _ in 0..=number(5) {
        let at = number(bytes.len());
        let end = bytes.len().min(at + number(16));
        match number(8) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << number(8),
            2 if !bytes.is_empty() => bytes[at] = number(256) as u8,
            3 if !bytes.is_empty() => bytes[at] = [0, 1, 4, 0x7F, 0x80, 0xFF][number(6)],
            4 => drop(bytes.drain(at..end)),
            5 => drop(bytes.splice(at..at, (0..number(8)).map(|_| 0xA5).collect::<Vec<_>>())),
            6 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let other = &seeds[number(seeds.len())].bytes;
                let from = number(other.len());
                let to = other.len().min(from + number(64));
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    bytes.truncate(longest);
    bytes
}
