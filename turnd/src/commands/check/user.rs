//! As whom the server will open files: the user that `proc-user` and `proc-group` name, if root starts it.

use std::{fmt, io, thread};

use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::config::Written;

/// Whoever serves.
pub(super) enum Target {
    /// Whoever checks.
    Oneself(String),
    /// Somebody that root can become.
    Other(Identity),
    /// Somebody that we cannot become, as the text says.
    OutOfReach(String),
    /// Somebody that does not exist; the text names the option first.
    Missing(String),
}

/// What a process is to the file system.
pub(super) struct Identity {
    name: String,
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oneself(name) => f.write_str(name),
            Self::Other(identity) => f.write_str(&identity.name),
            Self::OutOfReach(_) | Self::Missing(_) => f.write_str(&own_name()),
        }
    }
}

impl Target {
    /// As the options say.
    pub(super) fn of(written: &[Written]) -> Self {
        let value = |name| {
            let mut all = written.iter().filter(|written| written.name == name);
            all.next_back()
                .map(|written| written.value.as_str())
                .filter(|value| !value.is_empty())
        };
        let (user, group) = (value("proc-user"), value("proc-group"));
        if user.is_none() && group.is_none() {
            return Self::Oneself(own_name());
        }
        match identity(user, group) {
            Err(why) => Self::Missing(why),
            Ok(identity) if identity.user == geteuid() && group.is_none() => {
                Self::Oneself(identity.name)
            }
            Ok(identity) if !geteuid().is_root() => Self::OutOfReach(format!(
                "files were not opened as {}: only root can become another user",
                identity.name
            )),
            Ok(identity) => Self::Other(identity),
        }
    }

    /// What `look` returns, called as that user.
    ///
    /// # Errors
    /// When we cannot become that user.
    pub(super) fn with<T: Send>(&self, look: impl FnOnce() -> T + Send) -> io::Result<T> {
        let Self::Other(identity) = self else {
            return Ok(look());
        };
        // On Linux these rights belong to a thread, so that this one may keep its own.
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                identity.assume()?;
                Ok(look())
            });
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a check panicked")))
        })
    }
}

impl Identity {
    fn assume(&self) -> io::Result<()> {
        let group = |gid: &Gid| rustix::process::Gid::from_raw(gid.as_raw());
        let groups: Vec<_> = self.groups.iter().map(group).collect();
        let (user, group) = (
            rustix::process::Uid::from_raw(self.user.as_raw()),
            group(&self.group),
        );
        set_thread_groups(&groups)?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        Ok(())
    }
}

fn own_name() -> String {
    let uid = geteuid();
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("user {uid}"),
    }
}

/// Users and groups may be numbers too, as in coturn.
fn identity(user: Option<&str>, group: Option<&str>) -> Result<Identity, String> {
    let (mut name, mut identity) = (own_name(), None);
    if let Some(text) = user {
        let found = match text.parse() {
            Ok(uid) => User::from_uid(Uid::from_raw(uid)),
            Err(_) => User::from_name(text),
        };
        let found =
            found.map_err(|error| format!("proc-user: cannot look for {text:?}: {error}"))?;
        let found = found.ok_or_else(|| format!("proc-user: there is no user {text:?}"))?;
        name.clone_from(&found.name);
        identity = Some(found);
    }
    let mut group_id = identity
        .as_ref()
        .map_or_else(nix::unistd::getegid, |user| user.gid);
    if let Some(text) = group {
        let found = match text.parse() {
            Ok(gid) => Group::from_gid(Gid::from_raw(gid)),
            Err(_) => Group::from_name(text),
        };
        let found =
            found.map_err(|error| format!("proc-group: cannot look for {text:?}: {error}"))?;
        let found = found.ok_or_else(|| format!("proc-group: there is no group {text:?}"))?;
        group_id = found.gid;
        name = format!("{name}:{}", found.name);
    }
    let user_id = identity.as_ref().map_or_else(geteuid, |user| user.uid);
    let groups = match &identity {
        Some(user) => std::ffi::CString::new(user.name.as_str())
            .ok()
            .and_then(|name| getgrouplist(&name, group_id).ok())
            .unwrap_or_else(|| vec![group_id]),
        None => vec![group_id],
    };
    Ok(Identity {
        name,
        user: user_id,
        group: group_id,
        groups,
    })
}
