//! Tokens that were found good, so that the same one need not be verified with each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;

use super::Claims;

/// Tokens kept, at about a kilobyte each. The cache keeps what is used again over what came last, so a flood of
/// tokens that are each used once does not push the others out.
const KEPT: usize = 8192;

/// Good tokens by their SHA-256.
pub(super) struct CheckedTokens(Cache<Digest, Arc<Checked>>);

/// A token whose signature and claims were found good.
pub(super) struct Checked {
    pub claims: Arc<Claims>,
    /// The key set it was verified with.
    pub generation: u64,
    /// What had been revoked when it was last compared with that.
    epoch: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub fn of(token: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token).as_ref());
        Self(bytes)
    }
}

impl Checked {
    pub fn new(claims: Arc<Claims>, generation: u64, epoch: u64) -> Self {
        Self { claims, generation, epoch: AtomicU64::new(epoch) }
    }

    /// Whether it was compared with all that is revoked at `epoch`.
    pub fn is_of(&self, epoch: u64) -> bool {
        self.epoch.load(Ordering::Acquire) == epoch
    }

    /// Notes that it is not among what is revoked at `epoch`.
    pub fn stood(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Release);
    }
}

impl CheckedTokens {
    pub fn find(&self, digest: &Digest) -> Option<Arc<Checked>> {
        self.0.get(digest)
    }

    pub fn keep(&self, digest: Digest, checked: Arc<Checked>) {
        self.0.insert(digest, checked);
    }

    pub fn forget(&self, digest: &Digest) {
        self.0.remove(digest);
    }
}

impl Default for CheckedTokens {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}
