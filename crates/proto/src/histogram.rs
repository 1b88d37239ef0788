//! How often something was how large, in fixed buckets: no memory grows and nothing is sorted.

use core::{marker::PhantomData, ops::AddAssign};

/// Upper bounds of every histogram.
pub const BOUNDS: usize = 12;

/// What a histogram measures.
pub trait Scale {
    /// The largest value of each bucket, growing. Larger values have a bucket of their own.
    const BOUNDS: [u64; BOUNDS];
}

/// Counts of values by size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram<S> {
    counts: [u64; BOUNDS],
    above: u64,
    sum: u64,
    scale: PhantomData<S>,
}

impl<S: Scale> Histogram<S> {
    /// Counts a value.
    pub fn observe(&mut self, value: u64) {
        self.sum = self.sum.wrapping_add(value);
        match S::BOUNDS.iter().position(|&bound| value <= bound) {
            Some(at) => self.counts[at] += 1,
            None => self.above += 1,
        }
    }

    /// Each upper bound with the number of values that are not above it, as Prometheus has them.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.counts;
        let mut below = 0;
        S::BOUNDS
            .into_iter()
            .zip(counts)
            .map(move |(bound, count)| {
                below += count;
                (bound, below)
            })
    }

    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.above
    }

    /// The sum of the values.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }
}

impl<S> AddAssign for Histogram<S> {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.above += other.above;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::{AllocationBytes, AllocationSeconds};

    #[test]
    fn a_value_on_a_bound_is_not_above_it() {
        let mut histogram = Histogram::<AllocationSeconds>::default();
        for value in [0, 1, 2, 10, 11, 86_400, 86_401] {
            histogram.observe(value);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative[..3], [(1, 2), (10, 4), (30, 5)]);
        assert_eq!(cumulative[11], (86_400, 6));
        assert_eq!(histogram.count(), 7);
        assert_eq!(histogram.sum(), 172_825);
    }

    #[test]
    fn histograms_of_workers_add_up() {
        let mut one = Histogram::<AllocationBytes>::default();
        let mut other = one;
        one.observe(5);
        other.observe(5_000);
        other.observe(u64::MAX - 1);
        one += other;
        assert_eq!(one.count(), 3);
        assert_eq!(one.cumulative().next(), Some((1 << 10, 1)));
    }

    #[test]
    fn bounds_grow() {
        assert!(AllocationBytes::BOUNDS.is_sorted());
        assert!(AllocationSeconds::BOUNDS.is_sorted());
    }
}
