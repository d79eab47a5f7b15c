//! Slows down guessing and mail floods, per process and in memory.
//!
//! Every limit is per source, so that nobody can lock somebody else out: what counts is an account
//! together with an address, and an address alone. The one exception is the mail one mailbox can be
//! sent in an hour. The gateway's rate limit stands before all this.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use portico_common::error::ApiError;

use crate::accounts::{AccountId, EmailAddress};
use crate::problems;

/// Beyond this many counters the expired ones are dropped, and if that is not enough, all: a limit must not take all memory.
const MAX_COUNTERS: usize = 100_000;

/// What is counted, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Counter {
    /// Wrong passwords for an account from an address.
    Login(EmailAddress, IpAddr),
    /// Wrong passwords from an address, whatever the account.
    LoginFrom(IpAddr),
    /// Wrong current passwords in a session of the account.
    PasswordChange(AccountId),
    /// Wrong codes for an account from an address.
    Code(EmailAddress, IpAddr),
    /// Mail to a mailbox asked for by an address.
    Mail(EmailAddress, IpAddr),
    /// Mail to a mailbox, whoever asked.
    MailTo(EmailAddress),
}

impl Counter {
    /// So many in so many minutes.
    fn limit(&self) -> (u32, i64) {
        match self {
            Self::Login(..) | Self::PasswordChange(_) => (10, 15),
            Self::LoginFrom(_) => (100, 15),
            // Fewer than a code survives, so that no single source can use one up.
            Self::Code(..) | Self::Mail(..) => (5, 15),
            Self::MailTo(_) => (20, 60),
        }
    }
}

#[derive(Debug)]
struct Window {
    count: u32,
    ends_at: DateTime<Utc>,
}

/// The counters of this process. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Throttle(Arc<Mutex<HashMap<Counter, Window>>>);

impl Throttle {
    /// Counts one more, which must stay within the limit.
    ///
    /// # Errors
    /// 429 with the time after which it may be tried again.
    pub fn count(&self, counter: Counter, now: DateTime<Utc>) -> Result<(), ApiError> {
        let (limit, minutes) = counter.limit();
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut windows, now);
        let fresh = || Window { count: 0, ends_at: now + TimeDelta::minutes(minutes) };
        let window = windows.entry(counter).or_insert_with(fresh);
        if window.ends_at <= now {
            *window = fresh();
        }
        if window.count >= limit {
            return Err(too_many(window.ends_at - now));
        }
        window.count += 1;
        Ok(())
    }

    /// Counts one more mail to an address.
    ///
    /// # Errors
    /// 429 when this source, or all together, asked for too many.
    pub fn count_mail(&self, to: &EmailAddress, source: IpAddr, now: DateTime<Utc>) -> Result<(), ApiError> {
        self.count(Counter::Mail(to.clone(), source), now)?;
        self.count(Counter::MailTo(to.clone()), now)
    }

    /// Starts the count anew: it was the owner after all.
    pub fn forget(&self, counter: &Counter) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(counter);
    }

    /// Takes one off the count: it was no failure.
    pub fn uncount(&self, counter: &Counter) {
        if let Some(window) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(counter) {
            window.count = window.count.saturating_sub(1);
        }
    }
}

fn make_room(windows: &mut HashMap<Counter, Window>, now: DateTime<Utc>) {
    if windows.len() >= MAX_COUNTERS {
        windows.retain(|_, window| window.ends_at > now);
    }
    if windows.len() >= MAX_COUNTERS {
        windows.clear();
    }
}

fn too_many(wait: TimeDelta) -> ApiError {
    let seconds = u64::try_from(wait.num_seconds()).unwrap_or(0) + 1;
    ApiError::new(&problems::TOO_MANY_ATTEMPTS, format!("too many attempts; try again in {seconds} seconds"))
        .retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(ip: &str) -> Counter {
        Counter::Login(EmailAddress::parse("ada@example.com").unwrap(), ip.parse().unwrap())
    }

    #[test]
    fn a_source_is_slowed_down_and_others_are_not() {
        let throttle = Throttle::default();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        for _ in 0..10 {
            throttle.count(login("192.0.2.1"), now).unwrap();
        }

        assert!(throttle.count(login("192.0.2.1"), now).is_err());
        assert!(throttle.count(login("192.0.2.2"), now).is_ok());
        assert!(throttle.count(login("192.0.2.1"), now + TimeDelta::minutes(15)).is_ok());
    }

    #[test]
    fn a_success_clears_the_count() {
        let throttle = Throttle::default();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        for _ in 0..30 {
            throttle.count(login("192.0.2.1"), now).unwrap();
            throttle.forget(&login("192.0.2.1"));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let ip = |n: u32| Counter::LoginFrom(IpAddr::from(n.to_be_bytes()));
        let expired = || Window { count: 1, ends_at: now };
        let mut windows: HashMap<_, _> = (0..100_000).map(|n| (ip(n), expired())).collect();

        make_room(&mut windows, now);

        assert!(windows.is_empty());
    }
}
