//! How often requests may be repeated: a share of those that were made.

use std::sync::atomic::{AtomicU64, Ordering};

/// One retry for so many requests.
const REQUESTS_PER_RETRY: u64 = 5;
/// Retries that can be saved up.
const MOST_SAVED: u64 = 50;

/// What has been saved for retries, in requests.
///
/// It begins with nothing: a service that fails everything gets at most a fifth more than it was sent. Repeating
/// what the service never saw is not counted here.
#[derive(Default)]
pub(crate) struct RetryBudget(AtomicU64);

impl RetryBudget {
    /// Counts a request.
    pub fn deposit(&self) {
        if self.0.load(Ordering::Relaxed) < MOST_SAVED * REQUESTS_PER_RETRY {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes a retry out, if one has been saved.
    pub fn withdraw(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| saved.checked_sub(REQUESTS_PER_RETRY)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn retries_are_at_most_a_fifth_of_requests(attempts in proptest::collection::vec(any::<bool>(), 0..2000)) {
            let budget = RetryBudget::default();
            let (mut requests, mut retries) = (0_u64, 0_u64);
            for is_request in attempts {
                if is_request {
                    budget.deposit();
                    requests += 1;
                } else {
                    retries += u64::from(budget.withdraw());
                }
                prop_assert!(retries * REQUESTS_PER_RETRY <= requests);
            }
        }
    }

    #[test]
    fn a_quiet_night_does_not_pay_for_a_storm() {
        let budget = RetryBudget::default();

        (0..100_000).for_each(|_| budget.deposit());

        assert_eq!((0..1000).filter(|_| budget.withdraw()).count(), 50);
    }
}
