//! The manual page turnd(8).

use roff::{Inline, Roff, bold, italic, roman};
use turnd::config::{OptionInfo, Standing, reference};

use super::COMMAND;

pub(super) fn text() -> String {
    let mut page = Roff::new();
    page.control(
        "TH",
        [
            "TURND",
            "8",
            "",
            concat!("turnd ", env!("CARGO_PKG_VERSION")),
        ],
    );
    section(&mut page, "NAME");
    page.text([roman(
        "turnd - a STUN/TURN server that takes coturn's place",
    )]);
    synopsis(&mut page);
    description(&mut page);
    commands(&mut page);
    options(&mut page);
    signals(&mut page);
    ends(&mut page);
    format!(
        ".\\\" Made from the table of options by: {COMMAND}\n{}",
        page.to_roff()
    )
}

fn section(page: &mut Roff, name: &str) {
    page.control("SH", [name]);
}

fn paragraph(page: &mut Roff, text: impl Into<Vec<Inline>>) {
    page.control("PP", []);
    page.text(text);
}

/// A term with its text indented below it.
fn item(page: &mut Roff, term: impl Into<Vec<Inline>>, text: impl Into<Vec<Inline>>) {
    page.control("TP", []);
    page.text(term);
    page.text(text);
}

fn synopsis(page: &mut Roff) {
    section(page, "SYNOPSIS");
    let lines: [Vec<Inline>; 5] = [
        vec![
            bold("turnd"),
            roman(" [--config "),
            italic("FILE"),
            roman("] ["),
            italic("OPTION"),
            roman("]..."),
        ],
        vec![
            bold("turnd check"),
            roman(" ["),
            italic("FILE"),
            roman("] [--format "),
            italic("text|json"),
            roman("] ["),
            italic("OPTION"),
            roman("]..."),
        ],
        vec![
            bold("turnd convert "),
            italic("FILE"),
            roman(" [-o "),
            italic("OUT"),
            roman("]"),
        ],
        vec![
            bold("turnd healthcheck"),
            roman(" [--to "),
            italic("udp://IP:PORT|tcp://IP:PORT"),
            roman("] [--timeout "),
            italic("SECONDS"),
            roman("] ["),
            italic("OPTION"),
            roman("]..."),
        ],
        vec![
            bold("turnd help"),
            roman(" ["),
            italic("COMMAND"),
            roman("]"),
        ],
    ];
    for (at, line) in lines.into_iter().enumerate() {
        if at > 0 {
            page.control("br", []);
        }
        page.text(line);
    }
}

fn description(page: &mut Roff) {
    section(page, "DESCRIPTION");
    page.text([
        bold("turnd"),
        roman(
            " tells clients their public address (STUN, RFC 8489) and relays the calls that cannot go direct \
             (TURN, RFC 8656), over UDP, TCP, TLS and DTLS. It reads coturn's ",
        ),
        italic("turnserver.conf"),
        roman(" and takes coturn's command line."),
    ]);
    paragraph(
        page,
        [
            roman(
                "Every option but those of the program itself can stand in the file, one a line, without dashes. What is \
                   on the command line wins over the file; options that may be repeated add up. A file whose name ends in ",
            ),
            italic(".toml"),
            roman(
                " is read as TOML: the same names, with flags as true and false, numbers as numbers, and arrays \
                   for what may be repeated.",
            ),
        ],
    );
    paragraph(page, [roman("A complete file:")]);
    page.control("PP", [])
        .control("nf", [])
        .control("RS", ["4"]);
    for line in [
        "listening-port=3478",
        "external-ip=203.0.113.7",
        "user=alice:wonderland",
        "realm=example.org",
    ] {
        page.text([roman(line)]);
    }
    page.control("RE", []).control("fi", []);
}

fn commands(page: &mut Roff) {
    section(page, "COMMANDS");
    item(
        page,
        [bold("check")],
        [roman(
            "Says what a configuration does on this machine, and serves nobody: every option in force and where it \
             comes from, secrets masked; what would be listened on; what coturn would do differently; what is unsafe.",
        )],
    );
    item(
        page,
        [bold("convert")],
        [roman(
            "Makes a file in TOML of a coturn file. Comments, blank lines and the order stay.",
        )],
    );
    item(
        page,
        [bold("healthcheck")],
        [roman(
            "Asks the server of a configuration by one STUN request whether it answers: exit code 0 if it does, 1 if not.",
        )],
    );
    item(
        page,
        [bold("help "), italic("COMMAND")],
        [roman("Prints the help of a command, or of turnd.")],
    );
}

fn options(page: &mut Roff) {
    section(page, "OPTIONS");
    page.text([roman(
        "Options without a value are on when they are named, and off with =no (or =0, =off, =false).",
    )]);
    for heading in reference() {
        page.control("SS", [heading.text]);
        for option in &heading.options {
            item(page, term(option), [roman(what(option))]);
        }
    }
}

fn term(option: &OptionInfo) -> Vec<Inline> {
    let mut term = Vec::new();
    if let Some(letter) = option.letter {
        term.extend([bold(format!("-{letter}")), roman(", ")]);
    }
    term.push(bold(format!("--{}", option.name)));
    if let Some(placeholder) = option.placeholder {
        term.extend([roman("="), italic(placeholder)]);
    }
    term
}

fn what(option: &OptionInfo) -> String {
    let mut text = sentence(option.help);
    let note = match option.standing {
        Standing::Obeyed => String::new(),
        Standing::Accepted => format!("Nothing to do: {}.", option.note),
        Standing::Ignored => format!("No effect: {}.", option.note),
        Standing::NotYet => format!("No effect yet: {}.", option.note),
    };
    for more in [
        note.as_str(),
        if option.repeatable {
            "May be repeated."
        } else {
            ""
        },
        if option.command_line_only {
            "On the command line only."
        } else {
            ""
        },
    ] {
        if !more.is_empty() {
            text.push(' ');
            text.push_str(more);
        }
    }
    if option.standing == Standing::Obeyed && !option.default.is_empty() {
        text.push_str(&format!(" Default: {}.", option.default));
    }
    if option.standing == Standing::Obeyed && !option.reloads && !option.command_line_only {
        text.push_str(" A change needs a restart.");
    }
    text
}

/// With a capital and a full stop.
fn sentence(help: &str) -> String {
    let mut characters = help.chars();
    let first: String = characters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", characters.as_str())
}

fn signals(page: &mut Roff) {
    section(page, "SIGNALS");
    for (name, what) in [
        (
            "SIGHUP",
            "Reads the configuration again and applies what has changed, without losing an allocation; opens the log \
             anew. A bad file changes nothing.",
        ),
        (
            "SIGUSR1",
            "Drains: no new allocations, and the end when drain-min-allocations is reached.",
        ),
        ("SIGUSR2", "Reads certificates and keys again."),
        ("SIGTERM, SIGINT", "Stop. A second one stops at once."),
    ] {
        item(page, [bold(name)], [roman(what)]);
    }
}

fn ends(page: &mut Roff) {
    section(page, "EXIT STATUS");
    for (code, what) in [
        (
            "0",
            "It was told to stop; check: nothing is to be said against the configuration.",
        ),
        (
            "1",
            "An address, a certificate or another thing cannot be had; check: turnd starts, but something is unsafe or \
             has no effect.",
        ),
        ("255", "The configuration or the command line is wrong."),
    ] {
        item(page, [bold(code)], [roman(what)]);
    }
    section(page, "FILES");
    item(
        page,
        [italic("turnserver.conf")],
        [roman(
            "Looked for, as by coturn, in the working directory and below it in turnserver, coturn and etc, in \
             ../etc, /etc, /etc/turnserver, /etc/coturn and the same under /usr/local/etc.",
        )],
    );
    section(page, "EXAMPLES");
    for (command, what) in [
        ("turnd --config /etc/turnserver.conf", "Serves."),
        (
            "turnd check --config /etc/turnserver.conf",
            "Says what that does, before it is done.",
        ),
        (
            "turnd convert /etc/turnserver.conf -o /etc/turnserver.toml",
            "Writes the same in TOML.",
        ),
    ] {
        item(page, [bold(command)], [roman(what)]);
    }
    section(page, "SEE ALSO");
    page.text([
        bold("turnserver"),
        roman("(1), "),
        bold("systemd.service"),
        roman("(5)"),
    ]);
}
