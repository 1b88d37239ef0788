//! Secrets that are kept apart from the configuration: in files of their own, among systemd's credentials
//! (systemd.exec(5), `LoadCredential`) and in the environment. What is found counts as if it were written
//! behind everything else.

use std::{path::Path, sync::Arc};

use super::{
    error::{About, Findings, Origin},
    raw::{At, Raw, Slot},
    search::{self, Machine, Missing},
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

const KEPT: [Kept; 4] = [
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
        option: "oauth-key",
        file_option: "oauth-key-file",
        files: |raw| &raw.oauth_key_file,
        credential: "oauth-keys",
        variable: "TURND_OAUTH_KEY",
        is_list: true,
        take: |raw, text, origin| {
            raw.oauth_key.put(value::secret(text)?, origin, true);
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
        let option = kept.option;
        match search::open(Path::new(&directory).join(kept.credential), self.machine) {
            Ok(found) => {
                let text = format!("{option}: taken from systemd's credentials");
                self.findings.info(&Origin::Configuration, text);
                self.take_text(kept, option, &found.path, &found.bytes);
            }
            // It was not given to the service.
            Err(Missing::Nowhere) => {}
            // Left out quietly, a reload that may not read it any more would lock out everybody in it.
            Err(unreadable) => {
                let text = format!("{option}: {}", unreadable.why(kept.credential));
                self.findings.error(&Origin::Configuration, text);
            }
        }
    }

    fn read_environment(&mut self, kept: &Kept) {
        let variable = kept.variable;
        let origin = Origin::Environment(variable);
        let Some(value) = self.machine.variable(variable) else {
            return;
        };
        match value.to_str() {
            Some(text) => self.take(kept, kept.option, text, &origin),
            None => {
                let text = format!("{}: the value is not UTF-8; expected text", kept.option);
                self.findings.error(&origin, text);
            }
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
        // As some editors of Windows write it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
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

/// Where everybody on the machine can read them. It does not matter whether they are obeyed.
fn tell_of_the_command_line(raw: &Raw, findings: &mut Findings) {
    for option in raw.written.secrets_on_the_command_line() {
        let instead = KEPT
            .iter()
            .find_map(|kept| (kept.option == option).then_some(kept.file_option));
        let instead = match option {
            "prometheus-password" => "prometheus-password-file",
            _ => instead.unwrap_or("the configuration file"),
        };
        let text = format!(
            "{option}: every user of this machine can see the command line; {instead} keeps the secret"
        );
        findings.warn_of(About::Unsafe, &Origin::CommandLine, text);
    }
}
