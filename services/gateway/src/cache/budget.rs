//! How many bytes the cache may hold: stored, on their way into it, and on their way out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// A number of bytes that may be taken; clones share it.
#[derive(Clone)]
pub(super) struct Budget(Arc<Purse>);

struct Purse {
    most: usize,
    taken: AtomicUsize,
}

/// Bytes that were taken, given back when dropped.
pub(super) struct Share {
    budget: Budget,
    bytes: usize,
}

/// Bytes with the share they were paid from.
struct Paid {
    bytes: Box<[u8]>,
    _share: Share,
}

impl AsRef<[u8]> for Paid {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Budget {
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Purse { most, taken: AtomicUsize::new(0) }))
    }

    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Takes bytes, unless those are more than are left.
    pub fn take(&self, bytes: usize) -> Option<Share> {
        let mut share = Share { budget: self.clone(), bytes: 0 };
        share.grow(bytes).then_some(share)
    }
}

impl Share {
    /// Takes more bytes; tells whether so many were left.
    fn grow(&mut self, more: usize) -> bool {
        let purse = &self.budget.0;
        let add = |taken: usize| taken.checked_add(more).filter(|taken| *taken <= purse.most);
        let is_taken = purse.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok();
        if is_taken {
            self.bytes += more;
        }
        is_taken
    }

    /// Takes what is missing to so many bytes; tells whether that was left.
    pub fn cover(&mut self, bytes: usize) -> bool {
        self.grow(bytes.saturating_sub(self.bytes))
    }

    /// Bytes that give the share back when the last of their clones is dropped.
    pub fn pay(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Paid { bytes: bytes.into_boxed_slice(), _share: self })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_more_is_taken_than_there_is_and_all_comes_back(steps in proptest::collection::vec(0..400_usize, 0..50)) {
            let budget = Budget::new(1000);
            let mut shares: Vec<Share> = Vec::new();

            for step in steps {
                match shares.last_mut() {
                    Some(_) if step % 3 == 0 => drop(shares.pop()),
                    Some(share) if step % 3 == 1 => drop(share.grow(step)),
                    _ => shares.extend(budget.take(step)),
                }
                let held: usize = shares.iter().map(|share| share.bytes).sum();
                prop_assert_eq!(budget.taken(), held);
                prop_assert!(held <= 1000);
            }

            drop(shares);
            prop_assert_eq!(budget.taken(), 0);
        }
    }

    #[test]
    fn paid_bytes_are_held_until_the_last_clone_is_gone() {
        let budget = Budget::new(10);
        let bytes = budget.take(4).unwrap().pay(b"abcd".to_vec());

        let part = bytes.slice(1..2);
        drop(bytes);

        assert_eq!((&part[..], budget.taken()), (&b"b"[..], 4));
        drop(part);
        assert_eq!(budget.taken(), 0);
    }
}
