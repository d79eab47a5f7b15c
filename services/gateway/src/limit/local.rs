//! Counts kept in this process: a table of fixed size that forgets what matters least.
//!
//! It is built like a processor's cache: a keyed hash, which nobody outside can steer, says in which row of
//! [`WAYS`] entries a bucket has its place. Where a row is full, the bucket with the fewest requests outstanding
//! makes room, a bucket that is full again first of all. To have an exhausted bucket forgotten, an attacker must
//! therefore keep every other entry of its row at least as exhausted, and not knowing the row, those of the whole
//! table: 262,144 addresses must spend a burst each to win one. What a flood of addresses does push out are
//! buckets with a request or two outstanding, by far the least that a limit could forget.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::gcra::Rate;
use super::{Levels, PerPolicy};

const SHARDS: usize = 64;
const ROWS: usize = 256;
const WAYS: usize = 16;

/// One policy's question: is there one more in this bucket?
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    /// A keyed hash of the policy and the partition. Of two buckets that share one in a full table, the odds are
    /// one in 2^29, and they would count as one.
    pub tag: u64,
    pub rate: Rate,
}

/// All buckets of this process, in 6 MiB that are touched only as they are used.
#[derive(Debug)]
pub(super) struct Table(Box<[Shard]>);

/// Aligned so that no two mutexes share a cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Shard(Mutex<Rows>);

#[derive(Debug)]
struct Rows(Box<[Row]>);

/// Tags, TATs and intervals. An entry that was never used is a bucket that has been full since instant zero.
type Row = [[u64; WAYS]; 3];

/// The shards that one request needs, locked in the order of their numbers so that requests cannot block each other.
struct Locked<'a>(PerPolicy<(usize, MutexGuard<'a, Rows>)>);

impl Table {
    pub fn new() -> Self {
        let shard = || Shard(Mutex::new(Rows(vec![[[0; WAYS]; 3]; ROWS].into())));
        Self((0..SHARDS).map(|_| shard()).collect())
    }

    /// Takes one from each bucket, or from none if one of them is empty.
    pub fn charge(&self, asks: &PerPolicy<Ask>, now: u64) -> Levels {
        let mut locked = self.lock(asks);
        let mut used = asks.map(|ask| ask.map(|ask| ask.rate.used(locked.rows(ask.tag).tat(ask.tag), now)));
        let mut pairs = asks.iter().zip(&mut used).filter_map(|(ask, used)| ask.as_ref().zip(used.as_mut()));
        let admitted = pairs.all(|(ask, used)| ask.rate.admits(*used));
        if admitted {
            for (ask, used) in asks.iter().zip(&mut used).filter_map(|(ask, used)| ask.zip(used.as_mut())) {
                *used += ask.rate.interval;
                locked.rows(ask.tag).put(ask, now + *used, now);
            }
        }
        Levels { admitted, used }
    }

    /// Notes what the shared store says, so that its loss lets nobody start anew here.
    pub fn record(&self, asks: &PerPolicy<Ask>, used: &PerPolicy<u64>, now: u64) {
        let mut locked = self.lock(asks);
        for (ask, used) in asks.iter().zip(used).filter_map(|(ask, used)| ask.zip(*used)) {
            locked.rows(ask.tag).put(ask, now + used, now);
        }
    }

    fn lock(&self, asks: &PerPolicy<Ask>) -> Locked<'_> {
        let mut numbers = asks.map(|ask| ask.map(|ask| shard_of(ask.tag)));
        numbers.sort_unstable();
        let mut last = None;
        Locked(numbers.map(|number| {
            let new = number.filter(|_| number != last)?;
            last = number;
            Some((new, self.0[new].0.lock().unwrap_or_else(PoisonError::into_inner)))
        }))
    }
}

impl Locked<'_> {
    fn rows(&mut self, tag: u64) -> &mut Rows {
        let shard = shard_of(tag);
        let mut held = self.0.iter_mut().flatten();
        let (_, rows) = held.find(|(number, _)| *number == shard).expect("the shards of all tags were locked");
        rows
    }
}

impl Rows {
    fn tat(&self, tag: u64) -> u64 {
        let [tags, full_at, _] = &self.0[row_of(tag)];
        find(tags, tag).map_or(0, |way| full_at[way])
    }

    fn put(&mut self, ask: Ask, tat: u64, now: u64) {
        let row = &mut self.0[row_of(ask.tag)];
        let way = find(&row[0], ask.tag).unwrap_or_else(|| least_missed(row, now));
        let [tags, full_at, intervals] = row;
        (tags[way], full_at[way], intervals[way]) = (ask.tag, tat, ask.rate.interval);
    }
}

fn find(tags: &[u64; WAYS], tag: u64) -> Option<usize> {
    tags.iter().position(|known| *known == tag)
}

/// The bucket with the fewest requests outstanding, which are what forgetting it gives away; of several such, the
/// one that is full again first.
fn least_missed([_, full_at, intervals]: &Row, now: u64) -> usize {
    let loss = |way: &usize| (full_at[*way].saturating_sub(now).div_ceil(intervals[*way].max(1)), full_at[*way]);
    (0..WAYS).min_by_key(loss).unwrap_or(0)
}

/// The six highest bits.
fn shard_of(tag: u64) -> usize {
    (tag >> 58) as usize % SHARDS
}

/// The next eight.
fn row_of(tag: u64) -> usize {
    (tag >> 50) as usize % ROWS
}

#[cfg(test)]
mod tests {
    use std::array;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const MINUTE: Rate = Rate { interval: 6_000_000, capacity: 60_000_000 };

    fn one(tag: u64, rate: Rate) -> PerPolicy<Ask> {
        array::from_fn(|index| (index == 0).then_some(Ask { tag, rate }))
    }

    fn admitted(table: &Table, asks: &PerPolicy<Ask>, now: u64, times: usize) -> usize {
        (0..times).filter(|_| table.charge(asks, now).admitted).count()
    }

    #[test]
    fn a_bucket_admits_its_burst_and_refills() {
        let table = Table::new();

        assert_eq!(admitted(&table, &one(7, MINUTE), 0, 20), 10);
        assert_eq!(admitted(&table, &one(7, MINUTE), 6_000_000, 20), 1);
        assert_eq!(admitted(&table, &one(8, MINUTE), 6_000_000, 20), 10);
    }

    #[test]
    fn threads_together_admit_exactly_the_burst() {
        let (table, count) = (Table::new(), AtomicUsize::new(0));
        let rate = Rate { interval: 1_000, capacity: 5_000_000 };
        // The second policy lies in another shard for half of the threads, which lock in opposite orders.
        let far = u64::MAX;

        thread::scope(|scope| {
            for thread in 0..8 {
                let (table, count) = (&table, &count);
                let mut asks = one(1, rate);
                asks[1] = Some(Ask { tag: far, rate: Rate { interval: 1, capacity: 1_000_000 } });
                if thread % 2 == 0 {
                    asks.swap(0, 1);
                }
                scope.spawn(move || count.fetch_add(admitted(table, &asks, 0, 20_000), Ordering::Relaxed));
            }
        });

        assert_eq!(count.into_inner(), 5_000);
    }

    #[test]
    fn what_one_policy_refuses_takes_nothing_from_the_others() {
        let table = Table::new();
        let mut both = one(1, MINUTE);
        both[2] = Some(Ask { tag: 2, rate: Rate { interval: 6_000_000, capacity: 6_000_000 } });

        assert_eq!(admitted(&table, &both, 0, 5), 1);

        assert_eq!(admitted(&table, &one(1, MINUTE), 0, 20), 9);
    }

    #[test]
    fn policies_in_the_same_full_row_do_not_overwrite_each_other() {
        let table = Table::new();
        for tag in 1..=WAYS as u64 {
            table.charge(&one(tag, MINUTE), tag);
        }
        let mut both = one(101, MINUTE);
        both[1] = Some(Ask { tag: 102, rate: MINUTE });

        admitted(&table, &both, 100, 10);

        assert_eq!(admitted(&table, &one(101, MINUTE), 100, 1), 0);
        assert_eq!(admitted(&table, &one(102, MINUTE), 100, 1), 0);
    }

    #[test]
    fn a_flood_of_others_does_not_make_an_exhausted_bucket_forgotten() {
        let table = Table::new();
        // A request a month of each of the others would outlast the minute, if time were what counts.
        let monthly = Rate { interval: 2_678_400_000_000, capacity: 2_678_400_000_000 };
        admitted(&table, &one(1, MINUTE), 0, 10);

        for tag in 2..10_000 {
            table.charge(&one(tag, monthly), 0);
        }

        assert_eq!(admitted(&table, &one(1, MINUTE), 1_000, 1), 0);
    }

    #[test]
    fn a_bucket_that_is_full_again_makes_room_first() {
        let table = Table::new();
        admitted(&table, &one(1, MINUTE), 0, 10);
        for tag in 2..=WAYS as u64 {
            table.charge(&one(tag, MINUTE), 59_000_000);
        }

        table.charge(&one(99, MINUTE), 61_000_000);

        let kept = (2..=WAYS as u64).filter(|tag| admitted(&table, &one(*tag, MINUTE), 61_000_000, 20) == 9);
        assert_eq!(kept.count(), WAYS - 1);
    }

    #[test]
    fn what_was_recorded_counts() {
        let table = Table::new();
        let mut used = [None; super::super::MAX_POLICIES];
        used[0] = Some(54_000_000);

        table.record(&one(1, MINUTE), &used, 100);

        assert_eq!(admitted(&table, &one(1, MINUTE), 100, 20), 1);
    }
}
