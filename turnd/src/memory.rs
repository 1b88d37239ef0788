//! How much memory the program may have, and a thread that tells the workers when it is nearly gone. They then refuse
//! what is new (508) before the kernel ends the program, and every call with it.
//!
//! Looked at are the control groups that the process is in (a container's, or `MemoryMax` of its unit) and the
//! machine itself. How much an allocation takes, in here and in the kernel, depends on what its client does with
//! it: measuring what is left is true of all of them, where counting allocations is not.

use std::{
    fmt,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use turnd_net::LogLimit;
use turnd_proto::Memory;

/// What is kept free is an eighth of the limit, and no more than this.
const MOST_KEPT: u64 = 128 << 20;
/// Bytes that clients can have the program take in a second, at most. It is looked as often as what is left could
/// be gone by then.
const FASTEST: u64 = 256 << 20;
const OFTENEST: Duration = Duration::from_millis(10);
const SELDOMEST: Duration = Duration::from_secs(1);
/// When what was freed is given back to the system again while memory stays short: each time after twice as long.
const GIVE_BACK: Duration = Duration::from_secs(2);
const GIVE_BACK_SELDOMEST: Duration = Duration::from_secs(64);
/// How often it is looked while memory is short, when nothing grows.
const WHILE_SHORT: Duration = Duration::from_millis(100);
/// Looks in a row that see nothing, after which memory is not short any more. A single one may fail because it is.
const BLIND: u32 = 3;
/// How often it may be logged that memory is short.
const LINES: Duration = Duration::from_secs(10);
/// Control groups of version 1 write a number like it where there is no limit.
const NO_LIMIT: u64 = 1 << 60;

/// Where the kernel tells of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A control group of either version.
    Group(PathBuf, &'static Names),
    /// The machine, as `/proc/meminfo` has it.
    Machine,
}

/// What the files of a control group are called.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    limit: &'static str,
    used: &'static str,
    /// Lines of `memory.stat` about what the kernel drops when there is need.
    droppable: &'static [&'static str],
    /// Where there may be more to know: from where on the group is throttled, how much it may swap and does, and how much
    /// can be swapped at all.
    more: &'static [&'static str],
}

static V2: Names = Names {
    limit: "memory.max",
    used: "memory.current",
    droppable: &["inactive_file", "active_file", "slab_reclaimable"],
    more: &[
        "memory.high",
        "memory.swap.max",
        "memory.swap.current",
        "/proc/meminfo",
    ],
};
static V1: Names = Names {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    droppable: &["total_inactive_file", "total_active_file"],
    more: &[],
};

/// What one place says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    limit: u64,
    left: u64,
}

impl Room {
    fn kept(self) -> u64 {
        (self.limit / 8).min(MOST_KEPT)
    }

    /// Bytes until it is short, if they are positive.
    fn margin(self) -> i64 {
        let signed = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        signed(self.left) - signed(self.kept())
    }

    /// Whether memory is short; once it is, until a quarter more is left than is kept.
    fn is_short(self, was_short: bool) -> bool {
        let kept = self.kept();
        self.left < if was_short { kept + kept / 4 } else { kept }
    }
}

impl Place {
    /// Its files.
    fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Group(directory, names) => [names.limit, names.used, "memory.stat"]
                .map(|name| directory.join(name))
                .to_vec(),
            Self::Machine => vec!["/proc/meminfo".into()],
        }
    }

    /// Files that need not be there.
    fn more(&self) -> Vec<PathBuf> {
        match self {
            Self::Group(directory, names) => {
                names.more.iter().map(|name| directory.join(name)).collect()
            }
            Self::Machine => vec![],
        }
    }

    /// What its files say, in their order, empty where there is none. Nothing, where there is no limit or they say
    /// something else.
    fn room(&self, texts: &[String]) -> Option<Room> {
        match (self, texts) {
            (Self::Group(_, names), [most, used, statistics, more @ ..]) => {
                let high = more.first().and_then(|it| number(it));
                let limits = [number(most), high].into_iter().flatten();
                let limit = limits.min().filter(|limit| *limit < NO_LIMIT)?;
                let droppable = names.droppable.iter();
                let droppable: u64 = droppable.filter_map(|name| line(statistics, name)).sum();
                let left = limit.saturating_sub(number(used)?.saturating_sub(droppable));
                let left = left.saturating_add(swap_left(more));
                Some(Room { limit, left })
            }
            (Self::Machine, [text]) => {
                let kilobytes = |name| Some(line(text, name)?.saturating_mul(1024));
                let swap = kilobytes("SwapFree:").unwrap_or(0);
                let limit = kilobytes("MemTotal:")?;
                let left = kilobytes("MemAvailable:")?.saturating_add(swap);
                // There may be more swap than memory.
                let left = left.min(limit);
                Some(Room { limit, left })
            }
            _ => None,
        }
    }
}

/// Bytes that a group of version 2 may still move out, by [`Names::more`]: a group may live at its limit for long as
/// long as there are some.
fn swap_left(more: &[String]) -> u64 {
    let [_, most, used, machine] = more else {
        return 0;
    };
    // What may be swapped without a limit is written as "max".
    let own = match (most.trim(), number(used)) {
        ("max", Some(_)) => u64::MAX,
        (_, Some(used)) => number(most).unwrap_or(0).saturating_sub(used),
        _ => 0,
    };
    let free = line(machine, "SwapFree:").unwrap_or(0);
    own.min(free.saturating_mul(1024))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(directory, _) => write!(f, "the control group {}", directory.display()),
            Self::Machine => f.write_str("this machine"),
        }
    }
}

/// A place with its files open: when they are needed most there may be no descriptor left to open them with.
struct Watched {
    place: Place,
    files: Vec<File>,
    more: Vec<Option<File>>,
    /// Whether it was short when it was looked at last.
    is_short: bool,
}

impl Watched {
    /// Nothing where there are no such files.
    fn new(place: Place) -> Option<Self> {
        let files: io::Result<Vec<File>> = place.files().iter().map(File::open).collect();
        let files = files.ok()?;
        let more = place.more().iter().map(|it| File::open(it).ok()).collect();
        Some(Self {
            place,
            files,
            more,
            is_short: false,
        })
    }

    fn look(&mut self) -> Option<Room> {
        let texts: io::Result<Vec<String>> = self.files.iter().map(read).collect();
        let more = self.more.iter().map(|file| {
            let text = file.as_ref().and_then(|file| read(file).ok());
            text.unwrap_or_default()
        });
        let texts: Vec<String> = texts.ok()?.into_iter().chain(more).collect();
        let room = self.place.room(&texts)?;
        self.is_short = room.is_short(self.is_short);
        Some(room)
    }
}

/// The text of one of the kernel's files as it is now.
fn read(file: &File) -> io::Result<String> {
    let mut text = vec![0; 16 * 1024];
    let mut length = 0;
    while let Some(rest) = text.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, length as u64)? {
            0 => break,
            count => length += count,
        }
    }
    text.truncate(length);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The number behind a name at the beginning of a line.
fn line(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == name).then(|| words.next()?.parse().ok())?
    })
}

/// The places that bound this process: its control groups with all that they are in, and the machine.
fn places(groups: &str, mounts: &str) -> Vec<Place> {
    let mut places = vec![Place::Machine];
    for mount in mounts.lines() {
        let Some((place, kind)) = mount.split_once(" - ") else {
            continue;
        };
        let place: Vec<&str> = place.split(' ').collect();
        let kind: Vec<&str> = kind.split(' ').collect();
        let (&[_, _, _, root, point, ..], &[kind, _, options, ..]) = (&place[..], &kind[..]) else {
            continue;
        };
        let (controller, names) = match kind {
            "cgroup2" => ("", &V2),
            "cgroup" if options.split(',').any(|option| option == "memory") => ("memory", &V1),
            _ => continue,
        };
        let own = groups.lines().find_map(|group| {
            let mut parts = group.splitn(3, ':').skip(1);
            let mut controllers = parts.next()?.split(',');
            controllers
                .any(|it| it == controller)
                .then(|| parts.next())?
        });
        // In a container the mount shows a part of the tree, which the path may be below or not.
        let below = own.and_then(|own| Path::new(own).strip_prefix(root).ok());
        let directory = Path::new(point).join(below.unwrap_or(Path::new("")));
        let up = directory.ancestors().take_while(|it| it.starts_with(point));
        places.extend(up.map(|it| Place::Group(it.to_owned(), names)));
    }
    places
}

/// Looks at every place, and returns the one where the least is left; of those that are short, if any is.
fn tightest(places: &mut [Watched]) -> Option<(&Watched, Room)> {
    let rooms = places.iter_mut().filter_map(|it| {
        let room = it.look()?;
        Some((&*it, room))
    });
    rooms.min_by_key(|(it, room)| (!it.is_short, room.margin()))
}

/// How long until it is looked again.
fn pause(room: Room) -> Duration {
    let margin = u64::try_from(room.margin()).unwrap_or(0);
    let seconds = Duration::from_millis(margin.saturating_mul(1000) / FASTEST);
    seconds.clamp(OFTENEST, SELDOMEST)
}

/// Megabytes, for the log.
const fn megabytes(bytes: u64) -> u64 {
    bytes >> 20
}

/// Starts the thread, and says in the log what it goes by. It ends with the program, or when nobody asks any more.
///
/// # Errors
/// When the thread cannot be started.
pub fn watch(memory: &Arc<Memory>) -> io::Result<()> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let places = places(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"));
    let mut places: Vec<Watched> = places.into_iter().filter_map(Watched::new).collect();
    match tightest(&mut places) {
        Some((Watched { place, .. }, room)) => tracing::info!(
            "memory: {} MB for {place}; while less than {} MB of them is left, new work is refused",
            megabytes(room.limit),
            megabytes(room.kept())
        ),
        None => tracing::warn!("memory: the kernel does not tell how much there is"),
    }
    let memory = Arc::downgrade(memory);
    let watcher = thread::Builder::new().name("turnd-memory".to_owned());
    watcher.spawn(move || look_again_and_again(&mut places, &memory))?;
    Ok(())
}

fn look_again_and_again(places: &mut [Watched], memory: &Weak<Memory>) {
    let (started, mut lines) = (Instant::now(), LogLimit::new(LINES));
    let (mut was_told, mut given_back) = (false, None::<Instant>);
    let (mut give_back, mut blind) = (GIVE_BACK, 0);
    loop {
        let Some(memory) = memory.upgrade() else {
            return;
        };
        let was_short = memory.is_short();
        let Some((tightest, room)) = tightest(places) else {
            // A group that is gone, or a /proc that is: nobody would say that there is room again.
            blind += 1;
            if was_short && blind == BLIND {
                memory.set_short(false);
                was_told = false;
                tracing::warn!(
                    "memory: how much is left cannot be seen any more, so new work is taken again"
                );
            }
            drop(memory);
            thread::sleep(SELDOMEST);
            continue;
        };
        blind = 0;
        let (place, is_short) = (&tightest.place, tightest.is_short);
        memory.set_short(is_short);
        if is_short && !was_short && lines.allow(started.elapsed()).is_some() {
            was_told = true;
            tracing::warn!(
                "memory: {} of {} MB are left for {place}: new allocations, permissions and connections are refused",
                megabytes(room.left),
                megabytes(room.limit)
            );
        }
        if was_short && !is_short && std::mem::take(&mut was_told) {
            tracing::info!("memory: {} MB are left again", megabytes(room.left));
        }
        // What ended allocations had stays with the program otherwise, and nobody new would ever get in.
        if !is_short {
            give_back = GIVE_BACK;
        } else if given_back.is_none_or(|at| at.elapsed() >= give_back) {
            turnd_net::give_back_memory();
            if given_back.replace(Instant::now()).is_some() && was_short {
                give_back = (give_back * 2).min(GIVE_BACK_SELDOMEST);
            }
        }
        drop(memory);
        let least = if is_short { WHILE_SHORT } else { OFTENEST };
        thread::sleep(pause(room).max(least));
    }
}

#[cfg(test)]
mod tests;
