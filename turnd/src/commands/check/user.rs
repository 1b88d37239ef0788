//! As whom the server will open files: the user that `proc-user` and `proc-group` name, if root starts it.

use std::fmt;

use nix::unistd::{User, geteuid};

use crate::{config::ProcessSettings, process::identity::Identity};

/// Whoever serves.
pub(super) enum Target {
    /// Whoever checks.
    Oneself(String),
    /// Somebody else, by the name in the options.
    Other(String, Identity),
    /// Somebody who does not exist; the text names the option first.
    Missing(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oneself(name) | Self::Other(name, _) => f.write_str(name),
            Self::Missing(_) => f.write_str(&own_name()),
        }
    }
}

impl Target {
    /// As the options say.
    pub(super) fn of(settings: &ProcessSettings) -> Self {
        match Identity::find(settings) {
            Err(error) => Self::Missing(error.to_string()),
            Ok(None) => Self::Oneself(own_name()),
            Ok(Some(identity)) => {
                let user = settings.user.clone().unwrap_or_else(own_name);
                let group = settings.group.as_ref().map(|group| format!(":{group}"));
                Self::Other(user + &group.unwrap_or_default(), identity)
            }
        }
    }
}

pub(super) fn own_name() -> String {
    let uid = geteuid();
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("user {uid}"),
    }
}
