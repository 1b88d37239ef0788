//! Writes the documents that are made from the table of options: docs/COTURN.md, the manual page and the
//! completions of shells. To be run after a change of the table, from anywhere in the tree:
//!
//! ```sh
//! cargo run -p turnd --example documents
//! ```
//!
//! A test (tests/config/documents.rs) fails while the files are not what this would write.

mod render;

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, text) in render::all() {
        let path = top.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let is_new = fs::read_to_string(&path).ok().as_deref() != Some(text.as_str());
        if is_new {
            fs::write(&path, text)?;
        }
        println!("{name}: {}", if is_new { "written" } else { "as it was" });
    }
    Ok(())
}
