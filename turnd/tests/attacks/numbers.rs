//! A generator with a fixed seed: the same numbers every time.

pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// `usual`, or `long` where the long runs are asked for.
pub(crate) fn as_long(usual: usize, long: usize) -> usize {
    let is_long = std::env::var_os("TURND_LONG_TESTS").is_some();
    if is_long { long } else { usual }
}
