//! Whom the process becomes once it has what only root can have.

use std::{
    ffi::CString,
    fmt,
    fs::File,
    io,
    os::unix::fs::{MetadataExt, fchown},
};

use nix::unistd::{
    Gid, Group, Uid, User, getgroups, getresgid, getresuid, initgroups, setgroups, setresgid,
    setresuid,
};

use crate::config::ProcessSettings;

/// A user and a group to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    user: Option<Account>,
    group: Gid,
}

/// A user that may have groups beside its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    id: Uid,
    /// `None` for a number that nobody has given a name.
    name: Option<CString>,
}

/// Why the process cannot become who it is told to be.
#[derive(Debug)]
pub enum IdentityError {
    /// There is nobody of that name.
    Unknown {
        /// The option that names it.
        option: &'static str,
        /// The name.
        name: String,
    },
    /// A number without an entry has no group of its own.
    NoGroup {
        /// The number.
        user: String,
    },
    /// The accounts of this machine cannot be read.
    Unreadable {
        /// The option that names one of them.
        option: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// The system refuses.
    Refused {
        /// The option that asks for it.
        option: &'static str,
        /// Why.
        error: io::Error,
    },
    /// What was given away could be had again.
    NotGone,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { option, name } => {
                write!(f, "{option}: this machine knows no {name:?}")
            }
            Self::NoGroup { user } => write!(
                f,
                "proc-user: the number {user} belongs to nobody here, so it has no group; \
                 name one with proc-group"
            ),
            Self::Unreadable { option, error } => {
                write!(
                    f,
                    "{option}: cannot read the accounts of this machine: {error}"
                )
            }
            Self::Refused { option, error } => write!(
                f,
                "{option}: cannot become that: {error} (only root may become somebody else)"
            ),
            Self::NotGone => write!(
                f,
                "proc-user: root's rights could be had again after they were given up; not serving like this"
            ),
        }
    }
}

impl std::error::Error for IdentityError {}

impl Identity {
    /// Looks up the names. `None`: the process stays who it is.
    ///
    /// # Errors
    /// When there is nobody of such a name.
    pub fn find(settings: &ProcessSettings) -> Result<Option<Self>, IdentityError> {
        let group = settings.group.as_deref().map(find_group).transpose()?;
        let Some(name) = settings.user.as_deref() else {
            return Ok(group.map(|group| Self { user: None, group }));
        };
        let (user, own_group) = find_user(name)?;
        let group = group.or(own_group).ok_or_else(|| IdentityError::NoGroup {
            user: name.to_owned(),
        })?;
        Ok(Some(Self {
            user: Some(user),
            group,
        }))
    }

    /// Gives a file that was made before to whom the process becomes, so that it can be written then. What is no plain
    /// file (`/dev/null`) or has another name, too, stays whose it is.
    ///
    /// # Errors
    /// Those of `fstat` and `fchown`.
    pub fn give(&self, file: &File) -> io::Result<()> {
        let it = file.metadata()?;
        if self.is_own() || !it.is_file() || it.nlink() != 1 {
            return Ok(());
        }
        let user = self.user.as_ref().map(|user| user.id.as_raw());
        fchown(file, user, Some(self.group.as_raw()))
    }

    /// Whether it is more than a group.
    #[must_use]
    pub const fn has_user(&self) -> bool {
        self.user.is_some()
    }

    /// Whether the process is that already.
    fn is_own(&self) -> bool {
        let is_user = |user: &Account| {
            getresuid().is_ok_and(|own| [own.real, own.effective, own.saved] == [user.id; 3])
        };
        self.user.as_ref().is_none_or(is_user)
            && getresgid().is_ok_and(|own| [own.real, own.effective, own.saved] == [self.group; 3])
    }

    /// Becomes it, with all threads that there are, for good. Capabilities go with root.
    ///
    /// # Errors
    /// When the system refuses, or when root could be had back.
    pub fn assume(&self) -> Result<(), IdentityError> {
        if self.is_own() {
            return Ok(());
        }
        let refused = |option| {
            move |error: nix::Error| IdentityError::Refused {
                option,
                error: error.into(),
            }
        };
        // In this order: who is not root may change neither groups nor group.
        match self.user.as_ref().and_then(|user| user.name.as_ref()) {
            Some(name) => initgroups(name, self.group),
            None => setgroups(&[self.group]),
        }
        .map_err(refused("proc-group"))?;
        setresgid(self.group, self.group, self.group).map_err(refused("proc-group"))?;
        let Some(user) = &self.user else {
            return Ok(());
        };
        setresuid(user.id, user.id, user.id).map_err(refused("proc-user"))?;
        let root = Uid::from_raw(0);
        let regained = !user.id.is_root() && setresuid(root, root, root).is_ok();
        if regained || !self.is_own() {
            return Err(IdentityError::NotGone);
        }
        Ok(())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "user {}, ", user.id)?;
        }
        write!(f, "group {}", self.group)?;
        let others: Vec<String> = getgroups()
            .unwrap_or_default()
            .iter()
            .filter(|group| **group != self.group)
            .map(ToString::to_string)
            .collect();
        if !others.is_empty() {
            write!(f, ", also in {}", others.join(", "))?;
        }
        Ok(())
    }
}

/// By name, else by number.
fn find_user(name: &str) -> Result<(Account, Option<Gid>), IdentityError> {
    let named = |user: User| {
        let name = CString::new(user.name).ok();
        (Account { id: user.uid, name }, Some(user.gid))
    };
    let found = User::from_name(name).map_err(unreadable("proc-user"))?;
    if let Some(user) = found {
        return Ok(named(user));
    }
    let unknown = || IdentityError::Unknown {
        option: "proc-user",
        name: name.to_owned(),
    };
    let id = Uid::from_raw(number(name).ok_or_else(unknown)?);
    let found = User::from_uid(id).map_err(unreadable("proc-user"))?;
    Ok(found.map_or((Account { id, name: None }, None), named))
}

fn find_group(name: &str) -> Result<Gid, IdentityError> {
    let found = Group::from_name(name).map_err(unreadable("proc-group"))?;
    let number = || number(name).map(Gid::from_raw);
    found
        .map(|group| group.gid)
        .or_else(number)
        .ok_or_else(|| IdentityError::Unknown {
            option: "proc-group",
            name: name.to_owned(),
        })
}

/// All ones mean "leave it as it is" to the system.
fn number(name: &str) -> Option<u32> {
    name.parse().ok().filter(|number| *number != u32::MAX)
}

fn unreadable(option: &'static str) -> impl FnOnce(nix::Error) -> IdentityError {
    move |error| IdentityError::Unreadable {
        option,
        error: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(user: Option<&str>, group: Option<&str>) -> Result<Option<Identity>, IdentityError> {
        Identity::find(&ProcessSettings {
            user: user.map(str::to_owned),
            group: group.map(str::to_owned),
            ..ProcessSettings::default()
        })
    }

    #[test]
    fn names_and_numbers_are_found_and_a_user_brings_its_group() {
        let root = find(Some("root"), None).unwrap().unwrap();
        assert_eq!(root, find(Some("0"), None).unwrap().unwrap());
        assert_eq!(root.group, Gid::from_raw(0));
        let other = find(Some("root"), Some("12345")).unwrap().unwrap();
        assert_eq!(other.group, Gid::from_raw(12345));
        assert_eq!(find(None, None).unwrap(), None);
    }

    #[test]
    fn whom_nobody_knows_is_named_with_the_option() {
        for (user, group, expected) in [
            (
                Some("no-such-user"),
                None,
                "proc-user: this machine knows no \"no-such-user\"",
            ),
            (
                None,
                Some("no-such-group"),
                "proc-group: this machine knows no \"no-such-group\"",
            ),
            (
                Some("4294967295"),
                None,
                "proc-user: this machine knows no \"4294967295\"",
            ),
            (Some(""), None, "proc-user: this machine knows no \"\""),
        ] {
            assert_eq!(find(user, group).unwrap_err().to_string(), expected);
        }
        let nobody = find(Some("3999999999"), None).unwrap_err().to_string();
        assert!(nobody.contains("name one with proc-group"), "{nobody}");
    }
}
