//! The documents that are made from the table say what the table says.

use std::{path::Path, process::Command};

#[path = "../../examples/documents/render/mod.rs"]
mod render;

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_documents_in_the_tree_are_made_from_the_table_as_it_is() {
    for (name, text) in render::all() {
        let there = std::fs::read_to_string(top().join(name)).unwrap_or_default();
        let place = there
            .lines()
            .zip(text.lines())
            .position(|(there, new)| there != new);
        let place = place.unwrap_or(there.lines().count().min(text.lines().count()));
        assert!(
            there == text,
            "{name} is stale from line {} on; make it anew with: cargo run -p turnd --example documents",
            place + 1
        );
    }
}

#[test]
fn every_option_is_in_every_document() {
    for (name, text) in render::all() {
        // Man pages write a hyphen that is no line break's as \-.
        let text = text.replace("\\-", "-");
        for option in turnd::config::reference()
            .iter()
            .flat_map(|heading| &heading.options)
        {
            assert!(text.contains(option.name), "{name}: {}", option.name);
        }
    }
}

#[test]
fn the_manual_page_shows_every_command_as_its_own_help_does() {
    let said = |arguments: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_turnd"))
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap()
    };
    let page = std::fs::read_to_string(top().join("deploy/turnd.8")).unwrap();
    let fonts = ["\\fB", "\\fI", "\\fR", "\\"];
    let page = fonts.iter().fold(page, |text, it| text.replace(it, ""));
    let (_, rest) = page.split_once(".SH SYNOPSIS").unwrap();
    let synopsis: Vec<&str> = rest.split_once(".SH").unwrap().0.lines().collect();

    let refused = said(&["no-such-command"]);
    let (_, commands) = refused.split_once("expected ").expect("the commands");
    let commands: Vec<&str> = commands.trim().split([',', ' ']).collect();
    assert!(commands.contains(&"check"), "{refused}");
    for command in commands {
        let expected = match command {
            "" | "or" => continue,
            "help" => "turnd help [COMMAND]".to_owned(),
            _ => {
                let help = said(&["help", command]);
                let usage = help.lines().find_map(|line| line.strip_prefix("Usage: "));
                usage.expect("its usage").to_owned()
            }
        };
        assert!(synopsis.contains(&expected.as_str()), "{expected}");
    }
}

#[test]
fn groff_has_nothing_to_say_against_the_manual_page() {
    let page = top().join("deploy/turnd.8");
    let groff = Command::new("groff")
        .args(["-man", "-ww", "-Tutf8", "-z"])
        .arg(page)
        .output();
    let output = match groff {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "groff: {error}");
            eprintln!("not checked: groff is not installed");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn bash_reads_its_completions() {
    let file = top().join("deploy/completions/turnd.bash");
    let script = format!(
        ". {} && COMP_WORDS=(turnd --no-tcp-) COMP_CWORD=1 && _turnd turnd --no-tcp- turnd && \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        file.display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!((out.trim(), err.trim()), ("--no-tcp-relay", ""));
}
