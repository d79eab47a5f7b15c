//! The generic cell rate algorithm: a bucket that fills evenly, kept as a single instant.
//!
//! The instant is the theoretical arrival time (TAT), at which the bucket is full again. Instants and
//! durations are whole microseconds, which the numbers of the shared store's script carry exactly.

const MICROS_PER_SECOND: u64 = 1_000_000;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Rate {
    /// What one request takes: the time in which the bucket gains one.
    pub interval: u64,
    /// What a full bucket holds.
    pub capacity: u64,
}

impl Rate {
    /// `quota` requests in `window_secs`, of which `burst` may come at once.
    ///
    /// The interval is rounded up, so that a window never replenishes more than the quota.
    pub fn new(quota: u32, window_secs: u32, burst: u32) -> Self {
        let window = u64::from(window_secs) * MICROS_PER_SECOND;
        let interval = window.div_ceil(u64::from(quota));
        Self { interval, capacity: interval * u64::from(burst) }
    }

    /// How much is taken from a bucket at `now`.
    pub fn used(self, tat: u64, now: u64) -> u64 {
        tat.saturating_sub(now).min(self.capacity)
    }

    /// Whether the bucket has enough for one request more.
    pub fn admits(self, used: u64) -> bool {
        used + self.interval <= self.capacity
    }

    /// How many requests more would be admitted at once.
    pub fn remaining(self, used: u64) -> u64 {
        (self.capacity - used) / self.interval
    }

    /// How long until one more than [`remaining`](Self::remaining) is there; of an empty bucket, the time to wait.
    pub fn next_after(self, used: u64) -> u64 {
        self.interval - (self.capacity - used) % self.interval
    }
}

/// Whole seconds, rounded up, so that waiting for them is waiting long enough.
pub(super) fn seconds(micros: u64) -> u64 {
    micros.div_ceil(MICROS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Asks for one request, as both stores do.
    fn ask(rate: Rate, tat: &mut u64, now: u64) -> bool {
        let used = rate.used(*tat, now);
        let admitted = rate.admits(used);
        if admitted {
            *tat = now + used + rate.interval;
        }
        admitted
    }

    fn rates() -> impl Strategy<Value = (u32, u32, u32)> {
        (1..50_u32, 1..100_u32).prop_flat_map(|(quota, window)| (Just(quota), Just(window), 1..=quota))
    }

    proptest! {
        #[test]
        fn no_interval_admits_more_than_the_burst_and_what_was_replenished(
            (quota, window, burst) in rates(),
            pauses in prop::collection::vec(0..3_000_000_u64, 1..200),
        ) {
            let rate = Rate::new(quota, window, burst);
            let (mut tat, mut now, mut admitted) = (0, 0, Vec::new());

            for pause in pauses {
                now += pause;
                if ask(rate, &mut tat, now) {
                    admitted.push(now);
                }
            }

            for (first, start) in admitted.iter().enumerate() {
                for (last, end) in admitted.iter().enumerate().skip(first) {
                    let replenished = u128::from(end - start) * u128::from(quota)
                        / (u128::from(window) * u128::from(MICROS_PER_SECOND));
                    prop_assert!((last - first + 1) as u128 <= u128::from(burst) + replenished);
                }
            }
        }

        #[test]
        fn waiting_as_long_as_told_makes_the_next_one_allowed_and_a_little_less_does_not(
            (quota, window, burst) in rates(),
            before in 0..200_usize,
            start in 0..10_000_000_u64,
        ) {
            let rate = Rate::new(quota, window, burst);
            let mut tat = 0;
            for step in 0..before as u64 {
                ask(rate, &mut tat, start + step);
            }
            let now = start + before as u64;
            prop_assume!(!rate.admits(rate.used(tat, now)));

            let wait = rate.next_after(rate.used(tat, now));

            prop_assert!(rate.admits(rate.used(tat, now + wait)));
            prop_assert!(rate.admits(rate.used(tat, now + seconds(wait) * MICROS_PER_SECOND)));
            prop_assert!(!rate.admits(rate.used(tat, now + wait - 1)));
        }

        #[test]
        fn what_remains_is_what_is_admitted_at_once(
            (quota, window, burst) in rates(),
            pauses in prop::collection::vec(0..3_000_000_u64, 0..60),
        ) {
            let rate = Rate::new(quota, window, burst);
            let (mut tat, mut now) = (0, 0);
            for pause in pauses {
                now += pause;
                ask(rate, &mut tat, now);
            }

            let used = rate.used(tat, now);
            let (remaining, next) = (rate.remaining(used), rate.next_after(used));

            let admitted = (0..200).take_while(|_| ask(rate, &mut tat, now)).count() as u64;
            prop_assert_eq!(remaining, admitted);
            prop_assert!(admitted == u64::from(burst) || ask(rate, &mut tat, now + next));
        }

        #[test]
        fn a_window_never_replenishes_more_than_the_quota(quota in 1..10_000_000_u32, window in 1..2_678_400_u32) {
            let rate = Rate::new(quota, window, 1);

            let replenished = u64::from(window) * MICROS_PER_SECOND / rate.interval;

            prop_assert!(replenished <= u64::from(quota));
        }
    }

    #[test]
    fn an_instant_far_ahead_counts_as_an_empty_bucket() {
        let rate = Rate::new(10, 60, 10);

        let used = rate.used(u64::MAX, 5);

        assert_eq!((used, rate.remaining(used), rate.next_after(used)), (rate.capacity, 0, rate.interval));
    }
}
