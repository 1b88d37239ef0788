//! What a process costs: its time on processors and its memory, as the kernel counts them.

use std::{collections::HashMap, ffi::OsString, fs, io, time::Duration};

use rustix::{
    process::{Pid, setpriority_process},
    thread::{CpuSet, sched_setaffinity},
};

/// As high as a priority goes.
const FIRST: i32 = -20;

/// A process that is watched.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

/// What each thread of a process has spent so far, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Spent(HashMap<OsString, u64>);

impl Spent {
    /// What was spent since then by those that are there now. A thread that ended takes its time with it.
    #[must_use]
    pub fn since(&self, before: &Self) -> Duration {
        let each = self.0.iter().map(|(thread, now)| {
            let then = before.0.get(thread).copied().unwrap_or(0);
            now.saturating_sub(then)
        });
        Duration::from_nanos(each.sum())
    }
}

impl Process {
    /// Time that its threads have spent on processors, from the scheduler's own count: the tick-based one of
    /// `/proc/PID/stat` is wrong by a factor for a server that sleeps and wakes thousands of times a second.
    ///
    /// # Errors
    /// There is no such process, or the kernel keeps no scheduler statistics.
    pub fn time_on_processors(self) -> io::Result<Spent> {
        let mut spent = HashMap::new();
        for thread in fs::read_dir(format!("/proc/{}/task", self.0))? {
            let thread = thread?;
            match fs::read_to_string(thread.path().join("schedstat")) {
                Ok(text) => _ = spent.insert(thread.file_name(), first_number(&text)?),
                // It ended in between.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Spent(spent))
    }

    /// Puts its threads ahead of whatever else the machine has to do.
    ///
    /// # Errors
    /// There is no such process, or this one has not the right to.
    pub fn put_first(self) -> io::Result<()> {
        for thread in fs::read_dir(format!("/proc/{}/task", self.0))? {
            let name = thread?.file_name();
            let thread = name.to_str().and_then(|name| name.parse().ok());
            if let Some(thread) = thread.and_then(Pid::from_raw) {
                setpriority_process(Some(thread), FIRST)?;
            }
        }
        Ok(())
    }

    /// Bytes of memory that it has in use (resident set).
    ///
    /// # Errors
    /// There is no such process.
    pub fn resident_bytes(self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(first_number(line.unwrap_or_default())? * 1024)
    }
}

/// Keeps the calling thread, and what it starts from now on, on this processor.
///
/// # Errors
/// There is no such processor, or this process may not use it.
pub fn pin_to(processor: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(processor);
    Ok(sched_setaffinity(None, &set)?)
}

/// Puts this process, and what it starts from now on, ahead of whatever else the machine has to do, which falls on
/// one side of a comparison as it comes. Where the kernel shares time between sessions first (autogroup), so is the
/// session, for as long as it lasts.
///
/// # Errors
/// It has not the right to.
pub fn put_first() -> io::Result<()> {
    const SESSION: &str = "/proc/self/autogroup";
    setpriority_process(None, FIRST)?;
    match fs::write(SESSION, "-20") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn first_number(text: &str) -> io::Result<u64> {
    let word = text.split_whitespace().next();
    word.and_then(|word| word.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no number: {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_as_time_and_touched_memory_as_bytes() {
        let this = Process(std::process::id());
        let (time, bytes) = (
            this.time_on_processors().unwrap(),
            this.resident_bytes().unwrap(),
        );
        let memory: Vec<u8> = (0..64_u32 << 20).map(|at| at as u8).collect();
        assert!(this.time_on_processors().unwrap().since(&time) > Duration::ZERO);
        assert!(this.resident_bytes().unwrap() > bytes + (32 << 20));
        drop(memory);
    }

    #[test]
    fn a_thread_that_ends_is_no_time_that_comes_back() {
        let this = Process(std::process::id());
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let (busy, was_busy) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let began = std::time::Instant::now();
            while began.elapsed() < Duration::from_millis(20) {}
            busy.send(()).unwrap();
            _ = receiver.recv();
        });
        was_busy.recv().unwrap();
        let before = this.time_on_processors().unwrap();
        drop(sender);
        thread.join().unwrap();
        let after = this.time_on_processors().unwrap();
        assert!(after.since(&before) < Duration::from_secs(1));
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        let gone = Process(u32::MAX >> 1);
        assert!(gone.time_on_processors().is_err());
        assert!(gone.resident_bytes().is_err());
    }
}
