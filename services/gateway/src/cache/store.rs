//! The stored answers, found by key and by what the request says in the headers they vary by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::budget::{Budget, Share};
use super::entry::Entry;
use super::key::Key;
use super::vary::Values;

/// Answers kept for one key; of more, those that came first go.
const MOST_VARIANTS: usize = 16;
/// What the answers of one key may take together; the largest of them fits.
const MOST_RESOURCE_BYTES: usize = 2 << 20;
/// A part of the store is this large at least, so that it has room for what one key may take.
const LEAST_SHARD_BYTES: usize = 4 << 20;
/// What is known of a key takes so much beside its text.
const RESOURCE_BYTES: usize = 256;
/// To be guessed once; it decides on nothing but how much is set aside to begin with.
const USUAL_RESOURCE_BYTES: usize = 8 << 10;

/// What is stored, for as long as there is room.
pub(super) struct Store {
    resources: Cache<Key, Arc<Resource>, Weights>,
    budget: Budget,
}

/// What is known of a key.
struct Resource {
    /// The newest first, all varying by the same headers.
    entries: Vec<Arc<Entry>>,
    /// Until then, requests do not wait for one another: what they get cannot be shared.
    alone_until: Option<Instant>,
    bytes: usize,
    _share: Share,
}

/// What a look into the store finds for a request.
pub(super) enum Found {
    Fresh(Arc<Entry>),
    /// Of use when the service fails or confirms it, or while it is asked.
    Stale(Arc<Entry>),
    /// What others get is of no use.
    Alone,
    Nothing,
}

impl Found {
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stale(one), Self::Stale(other)) => Arc::ptr_eq(one, other),
            (Self::Nothing, Self::Nothing) => true,
            _ => false,
        }
    }
}

#[derive(Clone)]
struct Weights;

impl Weighter<Key, Arc<Resource>> for Weights {
    fn weight(&self, _: &Key, resource: &Arc<Resource>) -> u64 {
        resource.bytes as u64
    }
}

impl Store {
    /// A store of at most so many bytes, taken from `budget`.
    pub fn new(most_bytes: usize, budget: Budget) -> Self {
        let shards = (most_bytes / LEAST_SHARD_BYTES).max(1);
        let options = OptionsBuilder::new()
            // Rounded up to a power of two there, and down here.
            .shards(1 << shards.ilog2())
            .estimated_items_capacity(most_bytes / USUAL_RESOURCE_BYTES)
            .weight_capacity(most_bytes as u64)
            .build()
            .expect("all that has no default is given");
        let hasher = DefaultHashBuilder::default();
        let resources = Cache::with_options(options, Weights, hasher, quick_cache::sync::DefaultLifecycle::default());
        Self { resources, budget }
    }

    pub fn find(&self, key: &Key, generation: u64, request: &HeaderMap, now: Instant) -> Found {
        let Some(resource) = self.resources.get(key) else {
            return Found::Nothing;
        };
        let mut entries = resource.entries.iter();
        match entries.find(|entry| entry.generation == generation && entry.selection.is_of(request)) {
            Some(entry) if entry.is_fresh(now) => Found::Fresh(Arc::clone(entry)),
            Some(entry) if entry.is_of_use(now) => Found::Stale(Arc::clone(entry)),
            _ if resource.alone_until.is_some_and(|until| now < until) => Found::Alone,
            _ => Found::Nothing,
        }
    }

    /// What a request says in the headers that answers of this key vary by, as far as that is known.
    pub fn values(&self, key: &Key, request: &HeaderMap) -> Values {
        let newest = self.resources.peek(key).and_then(|resource| resource.entries.first().cloned());
        newest.map(|entry| entry.selection.vary().values(request)).unwrap_or_default()
    }

    /// Keeps an answer in the place of those for the same requests, and of those from before a change it knows of.
    pub fn keep(&self, key: &Key, entry: &Arc<Entry>) {
        let known = self.resources.peek(key);
        let others = known.iter().flat_map(|resource| &resource.entries).filter(|other| {
            other.generation == entry.generation
                && other.selection.vary() == entry.selection.vary()
                && other.selection != entry.selection
        });
        let entries = [entry].into_iter().chain(others).take(MOST_VARIANTS).cloned().collect();
        self.replace(key, entries, None);
    }

    /// Has requests of a key not wait for one another for a while, and forgets an answer that is not the one any more.
    pub fn go_alone(&self, key: &Key, duration: Duration, outdated: Option<&Arc<Entry>>, now: Instant) {
        let known = self.resources.peek(key);
        let is_known =
            known.as_ref().and_then(|known| known.alone_until).is_some_and(|until| now + duration / 2 < until);
        if is_known && outdated.is_none() {
            return;
        }
        let entries = known.iter().flat_map(|resource| &resource.entries);
        let others = entries.filter(|entry| outdated.is_none_or(|outdated| !Arc::ptr_eq(entry, outdated)));
        self.replace(key, others.cloned().collect(), Some(now + duration));
    }

    /// Two that do this at once may lose what one of them says, which costs one request more.
    fn replace(&self, key: &Key, mut entries: Vec<Arc<Entry>>, alone_until: Option<Instant>) {
        let own_bytes = RESOURCE_BYTES + key.bytes();
        let mut bytes = own_bytes;
        entries.retain(|entry| {
            let fits = bytes + entry.bytes() <= MOST_RESOURCE_BYTES;
            bytes += if fits { entry.bytes() } else { 0 };
            fits
        });
        if let Some(share) = self.budget.take(own_bytes) {
            self.resources.insert(key.clone(), Arc::new(Resource { entries, alone_until, bytes, _share: share }));
        } else {
            self.resources.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};
    use proptest::prelude::*;

    use super::super::entry::Whole;
    use super::super::policy::terms;
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn store(bytes: usize) -> (Store, Budget) {
        let budget = Budget::new(bytes * 4 / 3);
        (Store::new(bytes, budget.clone()), budget)
    }

    fn key(n: u32) -> Key {
        Key::new(0, &HeaderValue::from_static("http"), None, &format!("/{n}").parse().unwrap())
    }

    fn request(language: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::header::ACCEPT_LANGUAGE, language.parse().unwrap())])
    }

    fn entry(budget: &Budget, language: &str, bytes: usize, generation: u64) -> Option<Arc<Entry>> {
        let headers = HeaderMap::from_iter([
            (http::header::CACHE_CONTROL, HeaderValue::from_static("max-age=60")),
            (http::header::VARY, HeaderValue::from_static("accept-language")),
        ]);
        let whole = Whole {
            status: StatusCode::OK,
            headers: &headers,
            body: budget.take(bytes)?.pay(vec![b'a'; bytes]),
            terms: terms(StatusCode::OK, &headers)?,
            request: &request(language),
            asked_at: Instant::now(),
            generation,
        };
        Entry::new(whole, budget).map(Arc::new)
    }

    fn is_fresh(store: &Store, key: &Key, language: &str, generation: u64) -> bool {
        matches!(store.find(key, generation, &request(language), Instant::now()), Found::Fresh(_))
    }

    #[test]
    fn each_variant_is_found_by_who_asks_for_it() {
        let (store, budget) = store(8 << 20);

        for language in ["de", "en", "de"] {
            store.keep(&key(1), &entry(&budget, language, 10, 0).unwrap());
        }

        assert!(is_fresh(&store, &key(1), "de", 0) && is_fresh(&store, &key(1), "en", 0));
        assert!(!is_fresh(&store, &key(1), "fr", 0) && !is_fresh(&store, &key(2), "de", 0));
        let two = 2 * entry(&budget, "de", 10, 0).unwrap().bytes();
        assert_eq!(budget.taken(), two + RESOURCE_BYTES + key(1).bytes());
    }

    #[test]
    fn one_key_has_a_bounded_number_of_variants() {
        let (store, budget) = store(8 << 20);

        for n in 0..100 {
            store.keep(&key(1), &entry(&budget, &n.to_string(), 10, 0).unwrap());
        }

        let found = (0..100).filter(|n| is_fresh(&store, &key(1), &n.to_string(), 0)).count();
        assert_eq!(found, MOST_VARIANTS);
    }

    #[test]
    fn what_was_asked_for_before_a_change_is_not_found_after_it() {
        let (store, budget) = store(8 << 20);

        store.keep(&key(1), &entry(&budget, "de", 10, 6).unwrap());

        assert!(is_fresh(&store, &key(1), "de", 6));
        assert!(!is_fresh(&store, &key(1), "de", 7));
        store.keep(&key(1), &entry(&budget, "en", 10, 7).unwrap());
        assert!(is_fresh(&store, &key(1), "en", 7) && !is_fresh(&store, &key(1), "de", 6));
    }

    #[test]
    fn a_key_that_went_alone_is_shared_again_when_an_answer_is_kept() {
        let (store, budget) = store(8 << 20);
        let now = Instant::now();
        let find = |at| store.find(&key(1), 0, &request("de"), at);

        store.go_alone(&key(1), MINUTE, None, now);

        assert!(matches!(find(now), Found::Alone));
        assert!(matches!(find(now + MINUTE), Found::Nothing));
        store.keep(&key(1), &entry(&budget, "de", 10, 0).unwrap());
        assert!(matches!(find(now), Found::Fresh(_)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn it_never_holds_more_than_it_may(
            kept in proptest::collection::vec((0..400_u32, 0..9_u8, 0..1_000_000_usize), 1..200),
        ) {
            let (store, budget) = store(6 << 20);

            for (number, language, bytes) in kept {
                if let Some(entry) = entry(&budget, &language.to_string(), bytes, 0) {
                    store.keep(&key(number), &entry);
                } else {
                    store.go_alone(&key(number), MINUTE, None, Instant::now());
                }
                prop_assert!(store.resources.weight() <= 6 << 20);
                prop_assert!(budget.taken() <= 8 << 20);
            }

            store.resources.clear();
            prop_assert_eq!(budget.taken(), 0);
        }
    }
}
