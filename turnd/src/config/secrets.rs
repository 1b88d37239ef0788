//! Secrets that are kept apart from the configuration: in files of their own, among systemd's credentials
//! (systemd.exec(5), `LoadCredential`) and in the environment. What is found counts as if it were written
//! behind everything else.

use std::{path::Path, sync::Arc};

use super::{
    error::{About, Findings, Origin},
    raw::{At, Raw, Slot},
    search::{self, Machine},
    settings::Secret,
    value::{self, Bad},
};

/// Where systemd puts the credentials of a service.
pub(super) const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A kind of secret, and where it may be kept.
struct Kept {
    /// The option that it could be written with.
    option: &'static str,
    /// The option that names a file.
    file_option: &'static str,
    files: fn(&Raw) -> &Slot<String>,
    /// The credential's name.
    credential: &'static str,
    variable: &'static str,
    /// One a line; else there is one, in the first line.
    is_list: bool,
    take: fn(&mut Raw, &str, &Origin) -> Result<(), Bad>,
}

const KEPT: [Kept; 3] = [
    Kept {
        option: "user",
        file_option: "user-file",
        files: |raw| &raw.user_file,
        credential: "users",
        variable: "TURND_USER",
        is_list: true,
        take: |raw, text, origin| {
            raw.user.put(value::user(text)?, origin, true);
            Ok(())
        },
    },
    Kept {
        option: "static-auth-secret",
        file_option: "static-auth-secret-file",
        files: |raw| &raw.static_auth_secret_file,
        credential: "static-auth-secret",
        variable: "TURND_STATIC_AUTH_SECRET",
        is_list: true,
        take: |raw, text, origin| {
            raw.static_auth_secret
                .put(value::secret(text)?, origin, true);
            Ok(())
        },
    },
    Kept {
        option: "pkey-pwd",
        file_option: "pkey-pwd-file",
        files: |raw| &raw.pkey_pwd_file,
        credential: "pkey-pwd",
        variable: "TURND_PKEY_PWD",
        is_list: false,
        take: |raw, text, origin| {
            raw.pkey_pwd.put(value::secret(text)?, origin, false);
            Ok(())
        },
    },
];

/// Adds what is kept apart to what was written.
pub(super) fn gather(raw: &mut Raw, machine: &Machine, findings: &mut Findings) {
    tell_of_the_command_line(raw, findings);
    let mut gathering = Gathering {
        raw,
        machine,
        findings,
    };
    for kept in &KEPT {
        gathering.read_files(kept);
        gathering.read_credential(kept);
        gathering.read_environment(kept);
    }
}

struct Gathering<'a> {
    raw: &'a mut Raw,
    machine: &'a Machine,
    findings: &'a mut Findings,
}

impl Gathering<'_> {
    fn read_files(&mut self, kept: &Kept) {
        let named: Vec<At<String>> = (kept.files)(self.raw).all().cloned().collect();
        let is_written = !kept.is_list && self.raw.pkey_pwd.last().is_some();
        for At { value, origin } in named {
            let option = kept.file_option;
            if is_written {
                let text = format!(
                    "{option}: there is a {} too; expected one of them",
                    kept.option
                );
                self.findings.error(&origin, text);
                continue;
            }
            match search::find(&value, self.machine) {
                Ok(found) => self.take_text(kept, option, &found.path, &found.bytes),
                Err(missing) => {
                    let text = format!("{option}: {}", missing.why(&value));
                    self.findings.error(&origin, text);
                }
            }
        }
    }

    fn read_credential(&mut self, kept: &Kept) {
        let Some(directory) = self.machine.variable(CREDENTIALS) else {
            return;
        };
        let path = Path::new(&directory).join(kept.credential);
        // What was not given to the service is not there.
        if let Ok(bytes) = (self.machine.read)(&path) {
            let text = format!("{}: taken from systemd's credentials", kept.option);
            self.findings.info(&Origin::Configuration, text);
            self.take_text(kept, kept.option, &path, &bytes);
        }
    }

    fn read_environment(&mut self, kept: &Kept) {
        let variable = kept.variable;
        if let Some(text) = self.machine.variable(variable) {
            self.take(kept, kept.option, &text, &Origin::Environment(variable));
        }
    }

    fn take_text(&mut self, kept: &Kept, option: &str, path: &Path, bytes: &[u8]) {
        let path: Arc<Path> = path.into();
        let origin = |line| Origin::File {
            path: path.clone(),
            line,
        };
        let Ok(text) = str::from_utf8(bytes) else {
            let text = format!("{option}: the file is not text (UTF-8)");
            return self.findings.error(&origin(1), text);
        };
        if !kept.is_list {
            let line = text.lines().next().unwrap_or_default();
            return self.take(kept, option, line, &origin(1));
        }
        let mut is_empty = true;
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                is_empty = false;
                self.take(kept, option, line, &origin(at + 1));
            }
        }
        if is_empty {
            let text = format!("{option}: there is nothing in the file");
            self.findings.warn(&origin(1), text);
        }
    }

    fn take(&mut self, kept: &Kept, option: &str, text: &str, origin: &Origin) {
        if let Err(Bad { what, expected }) = (kept.take)(self.raw, text, origin) {
            let text = format!("{option}: the value {what}; expected {expected}");
            self.findings.error(origin, text);
        }
    }
}

/// Where everybody on the machine can read them.
fn tell_of_the_command_line(raw: &Raw, findings: &mut Findings) {
    let shown = |slot: &Slot<Secret>| is_on_the_command_line(slot.all());
    for (option, is_shown, instead) in [
        ("user", is_on_the_command_line(raw.user.all()), "user-file"),
        (
            "static-auth-secret",
            shown(&raw.static_auth_secret),
            "static-auth-secret-file",
        ),
        ("pkey-pwd", shown(&raw.pkey_pwd), "pkey-pwd-file"),
        (
            "prometheus-password",
            shown(&raw.prometheus_password),
            "prometheus-password-file",
        ),
        (
            "stateless-nonce-secret",
            shown(&raw.nonce_secret),
            "the configuration file",
        ),
    ] {
        if is_shown {
            let text = format!(
                "{option}: every user of this machine can see the command line; {instead} keeps the secret"
            );
            findings.warn_of(About::Unsafe, &Origin::CommandLine, text);
        }
    }
}

fn is_on_the_command_line<'a, T: 'a>(mut values: impl Iterator<Item = &'a At<T>>) -> bool {
    values.any(|at| at.origin == Origin::CommandLine)
}
