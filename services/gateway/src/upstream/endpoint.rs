//! One address of a service: how busy it is, how it did, and whether it says that it is well.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::record::{Record, Use};

/// One lost check says less about the endpoint than about the network.
const UNWELL_AFTER: u32 = 2;

/// An address; shared by all workers.
pub(crate) struct Endpoint {
    pub address: SocketAddr,
    in_flight: AtomicUsize,
    /// Health checks that failed in a row.
    failed_checks: AtomicU32,
    record: Mutex<Record>,
}

/// A request at an endpoint, counted until it is dropped.
pub(crate) struct Exchange {
    endpoint: Arc<Endpoint>,
    began: Instant,
    /// Whether it decides if an ejected endpoint comes back.
    pub is_trial: bool,
}

/// What is known of an endpoint.
#[derive(Debug, Serialize)]
pub(crate) struct EndpointView {
    pub address: SocketAddr,
    /// `good`, `unwell` by its health checks, `resting` as it asked to, `ejected`, or `on_trial` while one request
    /// decides.
    pub standing: &'static str,
    pub in_flight: usize,
    /// To the head of an answer; that of an endpoint nobody has asked is a guess.
    pub average_ms: f64,
}

/// What a health check has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Left,
    CameBack,
}

impl Endpoint {
    pub fn new(address: SocketAddr, now: Instant) -> Self {
        Self {
            address,
            in_flight: AtomicUsize::new(0),
            failed_checks: AtomicU32::new(0),
            record: Mutex::new(Record::new(now)),
        }
    }

    /// Counts a request that begins.
    pub fn begin(self: &Arc<Self>, now: Instant) -> Exchange {
        self.exchange(now, false)
    }

    /// Counts a request that begins, and that was [taken](Self::try_trial) to decide.
    pub(super) fn begin_trial(self: &Arc<Self>, now: Instant) -> Exchange {
        self.exchange(now, true)
    }

    fn exchange(self: &Arc<Self>, began: Instant, is_trial: bool) -> Exchange {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Exchange { endpoint: Arc::clone(self), began, is_trial }
    }

    /// Notes what a health check has found.
    pub(super) fn checked(&self, is_well: bool) -> Change {
        if is_well {
            let was_unwell = self.failed_checks.swap(0, Ordering::Relaxed) >= UNWELL_AFTER;
            return if was_unwell { Change::CameBack } else { Change::None };
        }
        let failed = self.failed_checks.load(Ordering::Relaxed).saturating_add(1);
        self.failed_checks.store(failed, Ordering::Relaxed);
        if failed == UNWELL_AFTER { Change::Left } else { Change::None }
    }

    /// What one more request may expect: its time, times those that wait already.
    pub(super) fn cost(&self, now: Instant) -> f64 {
        let average = self.record().average_at(now);
        let waiting = u32::try_from(self.in_flight.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        average * (f64::from(waiting) + 1.0)
    }

    pub(super) fn may_be_asked(&self, now: Instant) -> Use {
        if self.is_unwell() { Use::No } else { self.record().may_be_asked(now) }
    }

    /// Takes the one request that decides, if nobody else has.
    pub(super) fn try_trial(&self, now: Instant) -> bool {
        !self.is_unwell() && self.record().try_trial(now)
    }

    pub(super) fn view(&self, now: Instant) -> EndpointView {
        let record = self.record();
        let standing = if self.is_unwell() { "unwell" } else { record.standing(now) };
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        EndpointView { address: self.address, standing, in_flight, average_ms: record.average_at(now) * 1000.0 }
    }

    /// Whether it is left out, for whichever reason.
    pub(super) fn is_out(&self, now: Instant) -> bool {
        self.is_unwell() || !self.record().is_good(now)
    }

    fn is_unwell(&self) -> bool {
        self.failed_checks.load(Ordering::Relaxed) >= UNWELL_AFTER
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address
    }

    /// Notes that the endpoint has answered, be it with an error of its own.
    ///
    /// `may_eject` says whether enough others are left.
    pub fn answered(&self, now: Instant, is_failure: bool, may_eject: bool) {
        let mut record = self.endpoint.record();
        if !is_failure {
            record.average(now.saturating_duration_since(self.began), now);
        }
        record.note(is_failure, may_eject, now);
    }

    /// Notes that the endpoint wants to be left alone for a while.
    pub fn asked_to_wait(&self, wish: Duration, now: Instant) {
        self.endpoint.record().rest(wish, now);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(now: Instant) -> Arc<Endpoint> {
        Arc::new(Endpoint::new("127.0.0.1:1".parse().unwrap(), now))
    }

    #[test]
    fn two_failed_checks_in_a_row_take_it_out_and_one_good_one_brings_it_back() {
        let now = Instant::now();
        let endpoint = endpoint(now);

        let changes = [false, true, false, false, false, true].map(|is_well| {
            let change = endpoint.checked(is_well);
            (change, endpoint.may_be_asked(now))
        });

        assert_eq!(changes[..3], [(Change::None, Use::Good); 3]);
        assert_eq!(changes[3..5], [(Change::Left, Use::No), (Change::None, Use::No)]);
        assert_eq!(changes[5], (Change::CameBack, Use::Good));
    }

    #[test]
    fn waiting_requests_cost_until_they_end() {
        let now = Instant::now();
        let endpoint = endpoint(now);
        let idle = endpoint.cost(now);

        let waiting = [endpoint.begin(now), endpoint.begin(now)];

        assert!(endpoint.cost(now) > idle * 2.9);
        drop(waiting);
        assert!(endpoint.cost(now) < idle * 1.1);
    }
}
