//! What the packages bring, as their lists of files say it. That they can be installed is seen by `deploy/tests/package`.

use std::{collections::BTreeMap, fs, path::Path};

use toml_edit::{DocumentMut, Item, Value};

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Where the files of a package go, without the slash that only some lists begin with, and where they come from.
type Files = BTreeMap<String, String>;

/// Those of the .deb and those of the .rpm.
fn packages(name: &str) -> [Files; 2] {
    let manifest = fs::read_to_string(top().join(name).join("Cargo.toml")).expect("the manifest");
    let manifest: DocumentMut = manifest.parse().expect("TOML");
    let metadata = &manifest["package"]["metadata"];
    let place = |asset: &Value| {
        let text = |it: Option<&Value>| it.and_then(Value::as_str).expect("a path").to_owned();
        let (from, to) = match asset {
            Value::Array(array) => (text(array.get(0)), text(array.get(1))),
            Value::InlineTable(table) => (text(table.get("source")), text(table.get("dest"))),
            other => panic!("{other} is no asset"),
        };
        (to.trim_start_matches('/').to_owned(), from)
    };
    ["deb", "generate-rpm"].map(|kind| {
        let assets: &Item = &metadata[kind]["assets"];
        assets
            .as_array()
            .expect("assets")
            .iter()
            .map(place)
            .collect()
    })
}

/// What a document in Markdown links to, other than the web and its own headings.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|it| it.split([')', '#']).next());
    targets.filter(|it| !it.is_empty() && !it.contains("://"))
}

#[test]
fn what_installed_documents_link_to_is_installed_beside_them() {
    let mut seen = 0;
    for name in ["turnd", "signaling"] {
        for files in packages(name) {
            for (to, from) in files.iter().filter(|(to, _)| to.ends_with(".md")) {
                let text = fs::read_to_string(top().join(name).join(from)).expect(from);
                let directory = to.rsplit_once('/').expect("a directory").0;
                for link in links(&text) {
                    let wanted = format!("{directory}/{link}");
                    assert!(files.contains_key(&wanted), "{to} links to {link}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 0, "no links were found");
}

#[test]
fn both_packages_bring_the_same_documents_and_those_that_the_units_name() {
    for name in ["turnd", "signaling"] {
        let documents = packages(name).map(|files| {
            let documents = files.into_iter().filter(|(to, _)| to.contains("/doc/"));
            documents.collect::<Files>()
        });
        assert_eq!(documents[0], documents[1], "{name}");
        let unit = top().join(format!("deploy/{name}.service"));
        let unit = fs::read_to_string(unit).expect("the unit");
        let named = unit.split_whitespace();
        let named: Vec<&str> = named
            .filter_map(|it| it.split_once("file:///"))
            .map(|it| it.1)
            .collect();
        assert!(!named.is_empty(), "{name}");
        for document in named {
            assert!(documents[0].contains_key(document), "{document}");
        }
    }
}
