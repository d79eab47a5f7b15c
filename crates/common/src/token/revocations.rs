//! Sessions and subjects whose tokens ended early, held in memory until those tokens have expired.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Claims;

/// One item of the issuer's revocation feed. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The session that ended, if one did.
    pub session: Option<Uuid>,
    /// The subject whose tokens issued before `not_before` ended, if it is about all of them.
    pub subject: Option<Uuid>,
    /// Tokens of `subject` issued earlier than this are refused.
    pub not_before: Option<i64>,
    /// When the last token concerned has expired by itself, and this item can be forgotten.
    pub expires_at: i64,
}

#[derive(Default)]
struct Held {
    sessions: HashMap<Uuid, i64>,
    subjects: HashMap<Uuid, (i64, i64)>,
}

/// What has been revoked and has not expired yet.
#[derive(Default)]
pub(super) struct Revocations {
    held: RwLock<Held>,
    epoch: AtomicU64,
}

impl Revocations {
    pub fn apply(&self, items: &[Revocation], now: i64) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.sessions.retain(|_, expires_at| *expires_at > now);
        held.subjects.retain(|_, (_, expires_at)| *expires_at > now);
        for item in items {
            if let Some(session) = item.session {
                held.sessions.insert(session, item.expires_at);
            }
            if let (Some(subject), Some(not_before)) = (item.subject, item.not_before) {
                let entry = held.subjects.entry(subject).or_insert((not_before, item.expires_at));
                *entry = (entry.0.max(not_before), entry.1.max(item.expires_at));
            }
        }
        if !items.is_empty() {
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Changes with whatever is revoked. What is compared after it was read, was compared with all of it.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub fn contain(&self, claims: &Claims) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.sessions.contains_key(&claims.sid)
            || held.subjects.get(&claims.sub).is_some_and(|(not_before, _)| claims.iat < *not_before)
    }
}
