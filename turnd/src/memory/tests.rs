//! What places say, and what is made of it.

use std::thread;

use super::*;

const MOUNTS: &str = "\
    24 1 0:22 / /proc rw - proc proc rw\n\
    30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
    31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
    32 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";

fn group(directory: &str, names: &'static Names) -> Place {
    Place::Group(directory.into(), names)
}

#[test]
fn the_group_and_all_that_it_is_in_count() {
    let v1 = places("4:memory:/a/b\n3:cpu:/c\n0::/\n", MOUNTS);
    let expected = ["/a/b", "/a", ""].map(|it| format!("/sys/fs/cgroup/memory{it}"));
    let expected = expected.iter().map(|it| group(it, &V1));
    assert_eq!(v1[1..], expected.collect::<Vec<_>>());

    let mounts = "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
    let v2 = places("0::/system.slice/turnd.service\n", mounts);
    let expected = ["/system.slice/turnd.service", "/system.slice", ""];
    let expected = expected.map(|it| group(&format!("/sys/fs/cgroup{it}"), &V2));
    assert_eq!(v2[1..], expected);
    // A container that sees its own part of the tree, by the path of the whole one and by its own.
    let part = mounts.replace(" / /sys", " /docker/7 /sys");
    for own in ["0::/docker/7\n", "0::/\n"] {
        assert_eq!(places(own, &part)[1..], [group("/sys/fs/cgroup", &V2)]);
    }
    assert_eq!(places("", ""), [Place::Machine]);
}

#[test]
fn what_can_be_dropped_is_left() {
    let room = |names, texts: [&str; 3]| group("/g", names).room(&texts.map(str::to_owned));
    let statistics = "anon 5\ninactive_file 1000000\nactive_file 2000000\n";
    let told = room(&V2, ["134217728\n", "100000000\n", statistics]).unwrap();
    assert_eq!((told.limit, told.left), (134_217_728, 37_217_728));
    let told = room(&V1, ["134217728\n", "100000000\n", statistics]).unwrap();
    assert_eq!(told.left, 34_217_728, "version 1 has other names");
    let slab = format!("{statistics}slab_reclaimable 500000\n");
    let told = room(&V2, ["134217728\n", "100000000\n", &slab]).unwrap();
    assert_eq!(told.left, 37_717_728);
    for limit in ["max\n", "9223372036854771712\n", ""] {
        assert_eq!(room(&V2, [limit, "100000000\n", ""]), None);
    }
    let machine = "MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable: 2 kB\n".to_owned();
    let told = Place::Machine.room(&[machine]).unwrap();
    assert_eq!((told.limit, told.left), (8192, 2048));
}

/// A group is throttled above `memory.high`, and may live at its limit for long while it may swap.
#[test]
fn the_lower_limit_counts_and_so_does_what_may_be_swapped() {
    let room = |texts: [&str; 7]| group("/g", &V2).room(&texts.map(str::to_owned));
    let machine = "MemTotal: 8 kB\nSwapFree: 2 kB\n";
    let left = |most, high, swap, used| {
        let told = room([most, "900\n", "", high, swap, used, machine]);
        told.map(|it| (it.limit, it.left))
    };
    assert_eq!(left("1000\n", "max\n", "0\n", "0\n"), Some((1000, 100)));
    assert_eq!(left("1000\n", "950\n", "", ""), Some((950, 50)));
    assert_eq!(left("max\n", "950\n", "", ""), Some((950, 50)));
    assert_eq!(left("max\n", "max\n", "max\n", "0\n"), None);
    assert_eq!(left("1000\n", "max\n", "700\n", "200\n"), Some((1000, 600)));
    assert_eq!(
        left("1000\n", "max\n", "max\n", "5\n"),
        Some((1000, 100 + 2048))
    );
    for (swap, left) in [(1, 3072), (100, 8192)] {
        let machine = format!("MemTotal: 8 kB\nMemAvailable: 2 kB\nSwapFree: {swap} kB\n");
        assert_eq!(Place::Machine.room(&[machine]).unwrap().left, left);
    }
}

#[test]
fn an_eighth_is_kept_and_a_little_more_ends_the_shortage() {
    let room = |left: u64| Room {
        limit: 128 << 20,
        left: left << 20,
    };
    assert!(!room(16).is_short(false) && room(15).is_short(false));
    assert!(room(19).is_short(true) && !room(20).is_short(true));
    let large = Room {
        limit: 1 << 40,
        left: 1 << 30,
    };
    assert!(!large.is_short(false));
}

/// Two groups with 128 MB: one that was short has to have 20 left again, the other had 17 all the time.
#[test]
fn the_shortage_of_one_place_is_not_held_by_another_that_never_was_short() {
    let directory = tempfile::tempdir().unwrap();
    let group = |name: &str| directory.path().join(name);
    let left = |name: &str, left: u64| {
        let used = (128 - left) << 20;
        fs::write(group(name).join(V2.used), format!("{used}\n")).unwrap();
    };
    let mut places = ["own", "others"].map(|name| {
        fs::create_dir(group(name)).unwrap();
        fs::write(group(name).join(V2.limit), "134217728\n").unwrap();
        fs::write(group(name).join("memory.stat"), "").unwrap();
        left(name, 17);
        Watched::new(Place::Group(group(name), &V2)).unwrap()
    });
    let mut short = || {
        let (place, _) = tightest(&mut places).unwrap();
        let Place::Group(directory, _) = &place.place else {
            panic!("{}", place.place);
        };
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        place.is_short.then_some(name)
    };
    assert_eq!(short(), None);
    left("own", 15);
    assert_eq!(short().as_deref(), Some("own"));
    left("own", 19);
    assert_eq!(short().as_deref(), Some("own"), "though the other has less");
    left("own", 20);
    assert_eq!(short(), None);
    left("others", 15);
    assert_eq!(short().as_deref(), Some("others"));
}

#[test]
fn the_less_is_left_the_oftener_it_is_looked() {
    let room = |left: u64| Room {
        limit: 128 << 20,
        left: left << 20,
    };
    assert_eq!(pause(room(128)), Duration::from_millis(437));
    assert_eq!(pause(room(17)), OFTENEST);
    assert_eq!(pause(room(0)), OFTENEST);
    let large = Room {
        limit: 1 << 40,
        left: 1 << 39,
    };
    assert_eq!(pause(large), SELDOMEST);
}

#[test]
fn this_machine_tells_again_and_again() {
    let mut machine = [Watched::new(Place::Machine).unwrap()];
    for _ in 0..3 {
        let (_, room) = tightest(&mut machine).unwrap();
        assert!(room.left > 0 && room.left <= room.limit, "{room:?}");
    }
    assert!(Watched::new(group("/no/such/group", &V2)).is_none());
}

/// A control group that the process was moved out of, or a /proc that is gone: new work would be refused until a restart.
#[test]
fn memory_that_cannot_be_seen_any_more_is_not_short_for_ever() {
    let memory = Arc::new(Memory::default());
    memory.set_short(true);
    let weak = Arc::downgrade(&memory);
    let watcher = thread::spawn(move || look_again_and_again(&mut [], &weak));
    let until = Instant::now() + 10 * SELDOMEST;
    while memory.is_short() {
        assert!(Instant::now() < until, "it stays short");
        thread::yield_now();
    }
    drop(memory);
    watcher.join().unwrap();
}
