//! Memory of the process.

/// Gives back to the system what the program has freed and its allocator has kept. Takes milliseconds while there is
/// much of it, and allocations of other threads may wait for so long.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer and may be called at any time; the allocator locks what it looks at.
    unsafe {
        libc::malloc_trim(0);
    }
}
