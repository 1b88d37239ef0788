//! docs/COTURN.md: the prose of `coturn.md`, and a table of options for each heading.

use std::fmt::Write;

use turnd::config::{Heading, OptionInfo, Standing, reference};

use super::COMMAND;

pub(super) fn text() -> String {
    let mut text = format!("<!-- Made from the table of options by: {COMMAND} -->\n");
    text.push_str(include_str!("coturn.md"));
    let _ = write!(text, "\n{}", counts());
    for heading in reference() {
        table(&mut text, &heading);
    }
    text
}

fn counts() -> String {
    let all: Vec<_> = reference()
        .into_iter()
        .flat_map(|heading| heading.options)
        .collect();
    let coturns: Vec<_> = all.iter().filter(|option| option.is_coturns).collect();
    let count = |standing| {
        coturns
            .iter()
            .filter(|option| option.standing == standing)
            .count()
    };
    let accepted = count(Standing::Accepted) + count(Standing::Ignored);
    format!(
        "The {} names that coturn has or had: {} obeyed; {accepted} that need nothing or have lost their \
         meaning; {} not done yet. turnd adds {} of its own.\n",
        coturns.len(),
        count(Standing::Obeyed),
        count(Standing::NotYet),
        all.len() - coturns.len(),
    )
}

fn table(text: &mut String, heading: &Heading) {
    let _ = write!(
        text,
        "\n### {}\n\n| option | what turnd does | default | a change needs |\n|---|---|---|---|\n",
        heading.text
    );
    for option in &heading.options {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            spelling(option),
            cell(&what(option)),
            cell(default(option)),
            change(option),
        );
    }
}

fn spelling(option: &OptionInfo) -> String {
    let mut text = format!("`{}`", option.name);
    if let Some(letter) = option.letter {
        let _ = write!(text, " `-{letter}`");
    }
    if let Some(placeholder) = option.placeholder {
        let _ = write!(text, " {placeholder}");
    }
    if option.repeatable {
        text.push_str(" \\*");
    }
    text
}

fn what(option: &OptionInfo) -> String {
    let (help, note) = (option.help, option.note);
    let mut text = match option.standing {
        Standing::Obeyed => help.to_owned(),
        Standing::Accepted => format!("{help}: **nothing to do**, {note}"),
        Standing::Ignored => format!("{help}: **no effect**, {note}"),
        Standing::NotYet => format!("{help}: **not yet**, {note}"),
    };
    if !option.is_coturns && !text.contains("not in coturn") {
        text.push_str(" (not in coturn)");
    }
    if option.coturn_ignores_value {
        text.push_str("; `=0` switches it off, which coturn ignores");
    }
    if option.command_line_only {
        text.push_str("; on the command line only");
    }
    text
}

fn default(option: &OptionInfo) -> &str {
    if option.standing == Standing::Obeyed {
        option.default
    } else {
        ""
    }
}

fn change(option: &OptionInfo) -> &'static str {
    match (option.standing, option.reloads) {
        (Standing::Obeyed, true) => "reload",
        (Standing::Obeyed, false) => "restart",
        _ => "",
    }
}

/// What would end a cell or begin markup.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
