//! TOML as a second spelling, and the way to it from a coturn file.

use std::path::Path;

use proptest::{prelude::*, string::string_regex};
use turnd::config::{self, Loaded, Outcome, UserSecret};

use crate::helpers::*;

const TOML: &str = "turnserver.toml";

/// What comes of a file in TOML, on a machine that has `others` too.
fn toml_beside(others: &[&str], text: &str, args: &[&str]) -> Outcome {
    let (text, others) = (
        text.as_bytes().to_vec(),
        others.iter().map(ToString::to_string),
    );
    let others: Vec<String> = others.collect();
    let machine = machine(move |path| match path {
        path if path == Path::new(TOML) => Ok(text.clone()),
        path if others.iter().any(|other| Path::new(other) == path) => Ok(b"PEM".to_vec()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    });
    let args: Vec<_> = ["-c", TOML].iter().chain(args).copied().collect();
    load(&machine, &args)
}

fn toml(text: &str) -> Loaded {
    expect_run(toml_beside(&[], text, &[]))
}

fn toml_mistakes(text: &str) -> Vec<String> {
    messages(toml_beside(&[], text, &[]))
}

fn converted(text: &str) -> String {
    config::convert(text.as_bytes()).unwrap().text
}

/// Everything that settings say, with what `Debug` hides.
fn meaning(loaded: &Loaded) -> String {
    let settings = &loaded.settings;
    let passwords = settings.users.iter().map(|user| match &user.secret {
        UserSecret::Password(password) => password.expose().to_owned(),
        UserSecret::Md5Key(key) => format!("{key:?}"),
    });
    let secrets = settings
        .shared_secrets
        .iter()
        .map(|secret| secret.expose().to_owned());
    let hidden: Vec<String> = passwords.chain(secrets).collect();
    format!("{settings:?} {hidden:?}")
}

#[test]
fn a_file_in_toml_means_what_the_same_options_mean_in_a_coturn_file() {
    let toml = toml(
        r#"
        # The usual.
        listening-port = 3478
        external-ip = "203.0.113.7"
        realm = "example.org"
        user = ["alice:wonderland", "bob:builder"]
        denied-peer-ip = [
            "203.0.113.0/24", # ourselves
        ]
        fingerprint = true
        no-tcp = false

        [relay]
        min-port = 50_000
        max-port = 0xEA60
        "#,
    );
    let conf = run(
        "listening-port=3478\nexternal-ip=203.0.113.7\nrealm=example.org\nuser=alice:wonderland\n\
         user=bob:builder\ndenied-peer-ip=203.0.113.0/24\nfingerprint\nno-tcp=0\n\
         min-port=50000\nmax-port=60000\n",
        &[],
    );
    assert_eq!(meaning(&toml), meaning(&conf));
    assert_eq!(toml.file.as_deref(), Some(Path::new(TOML)));
}

#[test]
fn the_command_line_wins_over_toml_and_adds_to_its_arrays() {
    let text = "listening-port = 1000\nuser = [\"a:b\"]\nrealm = \"r\"\n";
    let loaded = expect_run(toml_beside(&[], text, &["-p", "2000", "-u", "c:d"]));
    assert_eq!(loaded.settings.listening_port, 2000);
    assert_eq!(loaded.settings.users.len(), 2);
}

#[test]
fn a_value_of_another_type_is_refused_with_its_place_and_what_is_expected() {
    let text = "min-port = \"50000\"\nno-auth = \"yes\"\nfingerprint = 1\nrealm = 5\n\
                max-port = 1.5\nuser = [\"a:b\", 7]\nlistening-port = [1]\ncert = [\"a\"]\n";
    assert_eq!(
        toml_mistakes(text),
        [
            "turnserver.toml:1:1: min-port: the value is a text; expected a number without quotes",
            "turnserver.toml:2:1: no-auth: the value is a text; \
             expected true or false without quotes, here true",
            "turnserver.toml:3:1: fingerprint: the value is a whole number; \
             expected true or false, here true",
            "turnserver.toml:4:1: realm: the value is a whole number; expected a text in quotes",
            "turnserver.toml:5:1: max-port: the value is a number with a fraction; \
             expected a whole number",
            "turnserver.toml:6:16: user: the value is a whole number; expected a text in quotes",
            "turnserver.toml:7:1: listening-port: the value is an array; expected a whole number",
            "turnserver.toml:8:1: cert: the value is an array; expected one text in quotes",
        ]
    );
}

#[test]
fn what_is_wrong_in_a_coturn_file_is_told_in_the_same_words() {
    let loaded = toml("user = \"a:b\"\nrealm = \"r\"\nmin_port = 5\n");
    assert_eq!(
        notes(&loaded),
        [
            "turnserver.toml:3:1: there is no option \"min_port\" (did you mean min-port?); \
          it has no effect"
        ]
    );
    assert_eq!(
        toml_mistakes(
            "denied-peer-ip = [\n  \"10.0.0.0/8\",\n  \"10.0.0.5/8\",\n]\nmin-port = 70000\nconfig = \"x\"\n"
        ),
        [
            "turnserver.toml:3:3: denied-peer-ip: \"10.0.0.5/8\" has bits set behind the prefix; \
             expected 10.0.0.0/8, or the address alone",
            "turnserver.toml:5:1: min-port: \"70000\" is not a port; expected a number from 0 to 65535",
            "turnserver.toml:6:1: config: this belongs on the command line, not in a file",
        ]
    );
}

#[test]
fn a_file_that_is_not_toml_is_refused_without_showing_what_is_in_it() {
    let errors = toml_mistakes("realm = \"r\"\nstatic-auth-secret = hunter2\n");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("turnserver.toml:2:22: not TOML: "),
        "{errors:?}"
    );
    assert!(!errors[0].contains("hunter2"), "{errors:?}");
    // A coturn file under that name.
    let errors = toml_mistakes("listening-port=3478\nfingerprint\n");
    assert!(errors[0].starts_with("turnserver.toml:2:"), "{errors:?}");
}

#[test]
fn sections_are_the_headings_of_the_help_and_no_way_to_write_an_option_twice() {
    let loaded = toml("[stun-and-turn]\nfingerprint = true\n[limits]\nuser-quota = 3\n");
    assert!(loaded.settings.fingerprint);
    assert_eq!(loaded.settings.user_quota, Some(3));
    let errors = toml_mistakes("min-port = 5000\n[relay]\nmin-port = 6000\n[peer]\n[relay.x]\n");
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert_eq!(
        errors[0],
        "turnserver.toml:3:1: min-port: it is written before (turnserver.toml:1:1); expected once"
    );
    assert!(
        errors[1]
            .starts_with("turnserver.toml:4:2: there is no section \"peer\"; expected one of ")
    );
    assert!(errors[2].contains("a section cannot have a section"));
}

#[test]
fn a_converted_file_keeps_comments_blank_lines_and_order() {
    let conf = "\
# Our server.

listening-port=3478
#tls-listening-port=5349   # not yet
  min-port 49152 # low
fingerprint
no-tcp=0
# realm of the company, see the wiki
realm=\"a \\\"b\\\" c\"

# Nobody's business:
denied-peer-ip=10.0.0.0-10.255.255.255
# and this
denied-peer-ip=192.168.0.0/16   # home
user=alice:wonder#land
denied-peer-ip=172.16.0.0/12
";
    let toml = "\
# Our server.

listening-port = 3478
#tls-listening-port = 5349 # not yet
min-port = 49152 # low
fingerprint = true
no-tcp = false
# realm of the company, see the wiki
realm = 'a \\\"b\\\" c'

# Nobody's business:
denied-peer-ip = [
    \"10.0.0.0-10.255.255.255\",
    # and this
    \"192.168.0.0/16\", # home
    \"172.16.0.0/12\",
]
user = \"alice:wonder#land\"
# denied-peer-ip: in the array above
";
    assert_eq!(converted(conf), toml);
}

#[test]
fn what_cannot_be_converted_becomes_a_comment_and_is_told() {
    let conf =
        "min-port=5000\nlisten-port=5\nmin-port=6000\nmax-port=7000\nmax-port=\n# M\u{fc}ller\n";
    let latin1: Vec<u8> = conf.chars().map(|character| character as u8).collect();
    let converted = config::convert(&latin1).unwrap();
    assert_eq!(
        converted.text,
        "# min-port = 5000  # turnd convert: line 3 counts instead\n\
         # listen-port=5  # turnd convert: there is no option \"listen-port\" (did you mean listening-port?)\n\
         min-port = 6000\n\
         # max-port = 7000  # turnd convert: a later line without a value takes it back\n\
         # max-port =  # turnd convert: it has no value, so the default holds\n\
         # M\u{fc}ller\n"
    );
    let lines: Vec<_> = converted.remarks.iter().map(|remark| remark.line).collect();
    assert_eq!(lines, [1, 2, 4, 5]);
    let unreadable = config::convert(b"realm=a\nrealm=\xff\n").unwrap_err();
    assert_eq!(unreadable.line, 2);
}

#[test]
fn a_file_that_is_refused_is_refused_after_conversion_too() {
    for conf in [
        "min-port=abc\n",
        "min-port=abc\nmin-port=5000\n",
        "no-auth=maybe\n",
        "denied-peer-ip=10.0.0.5/8\n",
        "help\n",
        "min-port=+5\n",
    ] {
        let error = mistakes(conf, &[]).remove(0);
        let after = toml_mistakes(&converted(conf));
        let option = error.split(": ").nth(1).unwrap();
        assert!(after[0].contains(option), "{error} became {after:?}");
    }
}

#[test]
fn the_templates_mean_the_same_after_conversion() {
    for name in [
        "synapse",
        "jitsi",
        "bigbluebutton",
        "nextcloud-talk",
        "everything",
        "sample",
    ] {
        let before = run_template(name);
        let after = expect_run(toml_beside(&CERTIFICATES, &converted(&template(name)), &[]));
        assert_eq!(meaning(&before), meaning(&after), "{name}");
    }
}

proptest! {
    #[test]
    fn any_file_of_options_means_the_same_after_conversion(
        lines in prop::collection::vec(line(), 0..12)
    ) {
        let conf = lines.concat();
        let toml = converted(&conf);
        match (outcome(&conf, &[]), toml_beside(&[], &toml, &[])) {
            (Outcome::Run(before), Outcome::Run(after)) => {
                prop_assert_eq!(meaning(&before), meaning(&after), "{}\n{}", conf, toml);
            }
            (Outcome::Invalid(..), Outcome::Invalid(..)) => {}
            (before, after) => prop_assert!(false, "{before:?}\n{after:?}\n{conf}\n{toml}"),
        }
    }

    #[test]
    fn no_bytes_upset_the_converter_or_the_reader_of_toml(
        bytes in prop::collection::vec(any::<u8>(), 0..300)
    ) {
        if let Ok(converted) = config::convert(&bytes) {
            let said = toml_beside(&[], &converted.text, &[]);
            if let Outcome::Invalid(errors, _) = said {
                prop_assert!(!errors[0].text.starts_with("not TOML"), "{errors:?}\n{}", converted.text);
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = toml_beside(&[], &text, &[]);
    }
}

/// An option that there is with a value that mostly fits, or a comment.
fn line() -> impl Strategy<Value = String> {
    let options: Vec<_> = config::reference()
        .into_iter()
        .flat_map(|heading| heading.options)
        .map(|option| (option.name, option.placeholder))
        .collect();
    let option = prop::sample::select(options).prop_flat_map(|(name, placeholder)| {
        let fitting = match placeholder {
            None => "|0|1|yes|no|true|off|maybe",
            Some("PORT") => "|0|3478|49152|050000|60000|70000",
            Some("NUMBER") => "|0|7|600|65536|-1|\\+1|x",
            Some("IP") => "192.0.2.1|2001:db8::1|host",
            Some("IP:PORT") => "192.0.2.1:80|\\[2001:db8::1\\]:80",
            Some("IP[/IP]") => "203.0.113.1|203.0.113.1/10.0.0.1",
            Some("IPS") => "10.0.0.0/8|10.0.0.1-10.0.0.9|2001:db8::/32|10.0.0.1 # one",
            Some("USER") => "a:b|[a-c]:[b #\"'\\\\]{1,4}|a:0x0123456789abcdef0123456789abcdef",
            Some("FAMILY") => "ipv4|keep",
            _ => "[a-z \"'#\\\\é=;]{0,8}|https://a.example/",
        };
        let value =
            prop_oneof![9 => Just(fitting.replace('.', r"\.")), 1 => Just("[0-9a-z.:/]{0,6}".to_owned())];
        value.prop_flat_map(move |values| {
            (
                "[ \t]?",
                "=| = | ",
                string_regex(&values).unwrap(),
                "( # text)?",
                "\r?\n",
            )
                .prop_map(move |(indent, separator, value, comment, end)| {
                    format!("{indent}{name}{separator}{value}{comment}{end}")
                })
        })
    });
    let comment = "#[a-z =\"\\\\\t\u{7}]{0,12}\n|\n";
    prop_oneof![6 => option, 1 => comment.prop_map(|comment| comment)]
}
