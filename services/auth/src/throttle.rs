//! Slows down guessing and mail floods, per process and in memory.
//!
//! Every limit is per source, so that nobody can lock somebody else out: what counts is an account
//! together with a source, and a source alone. The one exception is the mail one mailbox can be
//! sent in an hour. With several processes each counts for itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use portico_common::error::ApiError;

use crate::accounts::{AccountId, EmailAddress};
use crate::problems;

/// Beyond this many counters the expired ones are dropped, and if that is not enough, those that end soonest: a limit
/// must not take all memory.
const MAX_COUNTERS: usize = 100_000;

/// How many go at once when none has expired, so that not every request has to look for the oldest.
const EVICTED: usize = MAX_COUNTERS / 10;

/// Where requests come from: an IPv4 address, or the IPv6 network a single customer usually has to themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// Bits of an IPv6 address that name the network; the rest a client chooses as it likes.
    const NETWORK: u128 = !0 << 64;

    pub fn new(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(ip.into()),
            IpAddr::V6(ip) => Self(Ipv6Addr::from_bits(ip.to_bits() & Self::NETWORK).into()),
        }
    }
}

/// What is counted, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Counter {
    /// Requests of a source that nobody has to sign in for, logins aside.
    From(Source),
    /// Wrong passwords for an account from a source.
    Login(EmailAddress, Source),
    /// Wrong passwords from a source, whatever the account.
    LoginFrom(Source),
    /// Wrong current passwords in a session of the account.
    PasswordChange(AccountId),
    /// Wrong codes for an account from a source.
    Code(EmailAddress, Source),
    /// Mail to a mailbox asked for by a source.
    Mail(EmailAddress, Source),
    /// Mail to a mailbox, whoever asked.
    MailTo(EmailAddress),
}

impl Counter {
    /// So many in so many minutes.
    fn limit(&self) -> (u32, i64) {
        match self {
            Self::Login(..) | Self::PasswordChange(_) => (10, 15),
            Self::LoginFrom(_) => (100, 15),
            // Many people may share an address, and each needs a few; it bounds what one source can have hashed.
            Self::From(_) => (300, 15),
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

    /// Counts one more attempt to sign in, for the source as a whole first; taken off again unless the password is wrong.
    ///
    /// # Errors
    /// 429 when this source failed too often, at this account or at all of them.
    pub fn count_login(&self, email: &EmailAddress, source: Source, now: DateTime<Utc>) -> Result<(), ApiError> {
        self.count(Counter::LoginFrom(source), now)?;
        let counted = self.count(Counter::Login(email.clone(), source), now);
        if counted.is_err() {
            // What is not tried is no failure of the source.
            self.uncount(&Counter::LoginFrom(source));
        }
        counted
    }

    /// Counts one more mail to an address.
    ///
    /// # Errors
    /// 429 when this source, or all together, asked for too many.
    pub fn count_mail(&self, to: &EmailAddress, source: Source, now: DateTime<Utc>) -> Result<(), ApiError> {
        self.count(Counter::Mail(to.clone(), source), now)?;
        self.count(Counter::MailTo(to.clone()), now)
    }

    /// Takes one mail off the counts: it was not written.
    pub fn uncount_mail(&self, to: &EmailAddress, source: Source) {
        self.uncount(&Counter::Mail(to.clone(), source));
        self.uncount(&Counter::MailTo(to.clone()));
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
        evict(windows);
    }
}

/// Drops the counters that end soonest.
fn evict(windows: &mut HashMap<Counter, Window>) {
    let mut ends: Vec<_> = windows.values().map(|window| window.ends_at).collect();
    let (_, last, _) = ends.select_nth_unstable(EVICTED - 1);
    let (last, mut left) = (*last, EVICTED);
    windows.retain(|_, window| {
        let stays = window.ends_at > last || left == 0;
        left -= usize::from(!stays);
        stays
    });
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
        Counter::Login(EmailAddress::parse("ada@example.com").unwrap(), Source::new(ip.parse().unwrap()))
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
    fn what_is_refused_for_one_account_is_no_failure_of_the_source() {
        let throttle = Throttle::default();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let source = Source::new("192.0.2.1".parse().unwrap());
        let (ada, bob) =
            (EmailAddress::parse("ada@example.com").unwrap(), EmailAddress::parse("bob@example.com").unwrap());

        let refused = (0..200).filter(|_| throttle.count_login(&ada, source, now).is_err()).count();

        assert_eq!(refused, 190);
        assert!(throttle.count_login(&bob, source, now).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let source = |ip: &str| Source::new(ip.parse().unwrap());

        assert_eq!(source("2001:db8:0:1::1"), source("2001:db8:0:1:ffff::2"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:2::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }

    fn full(ends_at: impl Fn(u32) -> DateTime<Utc>) -> HashMap<Counter, Window> {
        let counter = |n: u32| Counter::From(Source::new(IpAddr::from(n.to_be_bytes())));
        (0..100_000).map(|n| (counter(n), Window { count: 1, ends_at: ends_at(n) })).collect()
    }

    #[test]
    fn expired_counters_make_room() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let mut windows = full(|_| now);

        make_room(&mut windows, now);

        assert!(windows.is_empty());
    }

    #[test]
    fn the_oldest_counters_make_room_when_none_has_expired() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let mut windows = full(|n| now + TimeDelta::seconds(1 + i64::from(n)));
        let mut alike = full(|_| now + TimeDelta::seconds(1));

        make_room(&mut windows, now);
        make_room(&mut alike, now);

        assert_eq!((windows.len(), alike.len()), (90_000, 90_000));
        assert!(windows.values().all(|window| window.ends_at > now + TimeDelta::seconds(10_000)));
    }
}
