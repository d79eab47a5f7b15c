//! What was changed, path by path, as far as it matters to what was asked for before.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Paths that share a place are outdated together, which costs a request and nothing else.
const PLACES: usize = 4096;

/// How often something was changed, by a keyed hash of its path.
pub(super) struct Generations {
    counts: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// A path, as far as changes of it are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

impl Default for Generations {
    fn default() -> Self {
        Self { counts: (0..PLACES).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }
}

impl Generations {
    pub fn place(&self, path: impl Hash) -> Place {
        let hash = self.hasher.hash_one(path);
        Place(usize::try_from(hash % PLACES as u64).unwrap_or_default())
    }

    /// What an answer that is asked for now will know of.
    pub fn now(&self, place: Place) -> u64 {
        self.counts[place.0].load(Ordering::Acquire)
    }

    /// Notes a change.
    pub fn advance(&self, place: Place) {
        self.counts[place.0].fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_of_its_path_and_hardly_of_another() {
        let generations = Generations::default();
        let places: Vec<Place> = (0..100).map(|n| generations.place((1, n))).collect();

        generations.advance(generations.place((1, 7)));

        assert_eq!(generations.now(places[7]), 1);
        let changed = places.iter().filter(|place| generations.now(**place) == 1).count();
        assert!(changed < 5, "{changed} of 100");
    }
}
