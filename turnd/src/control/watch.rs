//! Notices that certificate files have changed, without being told.
//!
//! A thread of its own looks at them every few seconds: a file system that hangs then holds up nobody. It
//! follows symbolic links, because that is how certbot swaps files. inotify would tell sooner, but not of what
//! happens to the target of a link, nor on every file system.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use super::{Handle, Request};
use crate::tls::TlsServer;

/// How often is looked. Files have to look the same twice before they are read: whoever writes certificate and
/// key one after the other gets that long for it.
const INTERVAL: Duration = Duration::from_secs(2);

/// What of a file tells that it is another one: device, inode, size, and time of change to the nanosecond.
type Looks = Option<(u64, u64, u64, i64, i64)>;

/// What was seen of some files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen(Vec<(PathBuf, Looks)>);

impl Seen {
    fn look(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let looks = |path: &PathBuf| {
            let it = fs::metadata(path).ok()?;
            Some((it.dev(), it.ino(), it.size(), it.mtime(), it.mtime_nsec()))
        };
        let seen = paths.into_iter().map(|path| {
            let looks = looks(&path);
            (path, looks)
        });
        Self(seen.collect())
    }
}

/// Decides from one look to the next whether files are to be read.
#[derive(Debug)]
struct Watch {
    /// How the files looked when they were read last.
    read: Seen,
    /// How they looked last.
    last: Seen,
}

impl Watch {
    fn new(now: Seen) -> Self {
        let last = Seen(now.0.clone());
        Self { read: now, last }
    }

    /// Whether to read the files now: they are others than those that were read, and nobody has written to
    /// them since the last look. A pair that does not fit is read once, and again when it changes.
    fn is_changed(&mut self, now: Seen) -> bool {
        let is_other_set = now
            .0
            .iter()
            .map(|it| &it.0)
            .ne(self.read.0.iter().map(|it| &it.0));
        if is_other_set {
            // A reload has just read them.
            *self = Self::new(now);
            return false;
        }
        let is_still = now == self.last;
        let is_complete = now.0.iter().all(|(_, looks)| looks.is_some());
        self.last = now;
        let is_changed = is_still && is_complete && self.last != self.read;
        if is_changed {
            self.read = Seen(self.last.0.clone());
        }
        is_changed
    }
}

/// Starts the thread. It ends when nobody has the certificate any more.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn start(tls: &Arc<TlsServer>, handle: Handle) -> io::Result<()> {
    let tls: Weak<TlsServer> = Arc::downgrade(tls);
    let look = move || {
        Some(Seen::look(
            tls.upgrade()?.paths().into_iter().map(|it| it.1),
        ))
    };
    let Some(first) = look() else {
        return Ok(());
    };
    let watcher = thread::Builder::new().name("turnd-certs".to_owned());
    watcher.spawn(move || {
        let mut watch = Watch::new(first);
        loop {
            thread::sleep(INTERVAL);
            let Some(now) = look() else {
                return;
            };
            if watch.is_changed(now) {
                handle.ask(Request::Certificates);
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two files, as they look with these sizes; 0: not there.
    fn seen(sizes: [u64; 2]) -> Seen {
        let file = |name: &str, size| {
            let looks = (size > 0).then_some((1, 1, size, 0, 0));
            (PathBuf::from(name), looks)
        };
        Seen(vec![file("cert.pem", sizes[0]), file("key.pem", sizes[1])])
    }

    #[test]
    fn files_are_read_when_they_have_changed_and_come_to_rest() {
        let mut watch = Watch::new(seen([10, 10]));
        assert!(!watch.is_changed(seen([10, 10])));
        assert!(!watch.is_changed(seen([20, 10])), "still being written");
        assert!(!watch.is_changed(seen([20, 20])), "and still");
        assert!(watch.is_changed(seen([20, 20])));
        assert!(!watch.is_changed(seen([20, 20])), "once is enough");
    }

    #[test]
    fn a_file_that_is_gone_for_a_while_is_waited_for() {
        let mut watch = Watch::new(seen([10, 10]));
        for _ in 0..3 {
            assert!(!watch.is_changed(seen([10, 0])));
        }
        assert!(!watch.is_changed(seen([10, 30])));
        assert!(watch.is_changed(seen([10, 30])));
    }

    #[test]
    fn what_comes_back_as_it_was_need_not_be_read() {
        let mut watch = Watch::new(seen([10, 10]));
        assert!(!watch.is_changed(seen([20, 10])));
        assert!(!watch.is_changed(seen([10, 10])));
        assert!(!watch.is_changed(seen([10, 10])));
    }

    #[test]
    fn other_paths_have_been_read_by_the_reload_that_brought_them() {
        let mut watch = Watch::new(seen([10, 10]));
        let other = || Seen(vec![(PathBuf::from("new.pem"), Some((1, 2, 3, 4, 5)))]);
        assert!(!watch.is_changed(other()));
        assert!(!watch.is_changed(other()));
    }

    #[test]
    fn a_link_that_is_swapped_is_a_change_though_everything_else_is_alike() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("live.pem");
        for name in ["one.pem", "two.pem"] {
            fs::write(folder.path().join(name), "same length").unwrap();
        }
        std::os::unix::fs::symlink("one.pem", &link).unwrap();
        let one = Seen::look([link.clone()]);
        let new = folder.path().join("new");
        std::os::unix::fs::symlink("two.pem", &new).unwrap();
        fs::rename(new, &link).unwrap();
        assert_ne!(Seen::look([link]), one);
    }
}
