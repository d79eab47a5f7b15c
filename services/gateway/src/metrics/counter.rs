//! Numbers that one thread writes and others read: a load and a store, never a contended read-modify-write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets of every histogram, from 1 ms to 10 s; one more bucket has none.
pub(super) const BOUNDS: [Duration; 13] = [
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

const BUCKETS: usize = BOUNDS.len() + 1;

/// A number with a single writer. Two writers would lose counts, and nothing worse.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, more: u64) {
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    pub fn subtract(&self, less: u64) {
        self.0.store(self.get().wrapping_sub(less), Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often something took how long.
#[derive(Default)]
pub(super) struct Histogram {
    buckets: [Counter; BUCKETS],
    sum_nanos: Counter,
}

impl Histogram {
    pub fn observe(&self, took: Duration) {
        let bucket = BOUNDS.partition_point(|bound| *bound < took);
        self.buckets[bucket].add(1);
        self.sum_nanos.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// The histograms of several threads, added up.
#[derive(Default)]
pub(super) struct HistogramTotal {
    /// Not cumulative.
    pub buckets: [u64; BUCKETS],
    pub sum: Duration,
}

impl HistogramTotal {
    pub fn of<'a>(parts: impl Iterator<Item = &'a Histogram>) -> Self {
        let mut total = Self::default();
        for part in parts {
            for (sum, bucket) in total.buckets.iter_mut().zip(&part.buckets) {
                *sum += bucket.get();
            }
            total.sum += Duration::from_nanos(part.sum_nanos.get());
        }
        total
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_inside_its_bucket() {
        let histogram = Histogram::default();

        histogram.observe(Duration::ZERO);
        histogram.observe(Duration::from_millis(1));
        histogram.observe(Duration::from_nanos(1_000_001));
        histogram.observe(Duration::from_secs(11));

        let total = HistogramTotal::of([&histogram].into_iter());
        assert_eq!((total.buckets[0], total.buckets[1], total.buckets[BUCKETS - 1]), (2, 1, 1));
        assert_eq!((total.count(), total.sum), (4, Duration::from_nanos(11_002_000_001)));
    }
}
