//! libFuzzer on one target: `TURND_FUZZ` names it, `TURND_FUZZ_SEEDS` is a folder that its seeds are written to
//! first. Everything else is libFuzzer's own (`-help=1`). Started by `./check --fuzz`, which builds it with the
//! instrumentation that it needs.

#![no_main]

use std::{env, fs, path::PathBuf, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use turnd_fuzz::{Target, find, seeds};

static TARGET: OnceLock<Target> = OnceLock::new();

fn begin() {
    let name = env::var("TURND_FUZZ").expect("TURND_FUZZ names a target");
    let target = find(&name).unwrap_or_else(|| panic!("there is no target {name}"));
    TARGET.set(target).expect("begun once");
    if let Some(folder) = env::var_os("TURND_FUZZ_SEEDS").map(PathBuf::from) {
        for (number, seed) in seeds(&name).iter().enumerate() {
            let file = folder.join(format!("seed-{number}"));
            fs::write(&file, &seed.bytes).unwrap_or_else(|why| panic!("{file:?}: {why}"));
        }
    }
}

fuzz_target!(init: begin(), |bytes: &[u8]| {
    (TARGET.get().expect("begun").run)(bytes);
});
