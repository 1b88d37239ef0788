//! A network of the test's own, in which every address of the Internet is this machine's: whatever leaves a
//! server arrives at the test, wherever it was sent to.

use std::{fs, panic::resume_unwind, process::Command, thread};

use nix::sched::{CloneFlags, unshare};

use crate::support::is_root;

/// What makes it so. Addresses that turnd is to have are on the interface; of all others the kernel says that they
/// are local, and turnd does not look there.
const SETUP: [&str; 5] = [
    "ip link set lo up",
    "ip address add 8.8.4.1/32 dev lo",
    "ip address add 2a00:1450::1/128 dev lo nodad",
    "ip route add local 0.0.0.0/0 dev lo table local",
    "ip -6 route add local ::/0 dev lo table local",
];

/// Runs a test on a thread that has such a network, and whose children have it. It is gone when they are.
pub(crate) fn in_own_network(test: impl FnOnce() + Send + 'static) {
    if !is_root() {
        return;
    }
    let inside = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        for file in ["ipv4", "ipv6"] {
            let file = format!("/proc/sys/net/{file}/ip_nonlocal_bind");
            fs::write(&file, "1").unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        for line in SETUP {
            let mut words = line.split(' ');
            let status = Command::new(words.next().unwrap()).args(words).status();
            assert!(status.expect("iproute2").success(), "{line}");
        }
        test();
    });
    if let Err(panic) = inside.join() {
        resume_unwind(panic);
    }
}
