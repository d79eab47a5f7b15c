//! One address of a service: how busy it is, how quick, and whether it should be asked at all.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// An average forgets what is older than this by about two thirds.
const DECAY: Duration = Duration::from_secs(10);
/// Taken for an endpoint of which nothing is known, or no longer: quicker than any, so that it is tried, and not by
/// everyone at once.
const FIRST_GUESS: Duration = Duration::from_micros(100);

const FAILURES_IN_A_ROW: u32 = 5;
const WINDOW: Duration = Duration::from_secs(10);
/// Fewer answers say nothing about a rate.
const LEAST_ANSWERS: u32 = 10;
const MOST_FAILURES_PERCENT: u32 = 20;

const FIRST_EJECTION: Duration = Duration::from_secs(1);
const LONGEST_EJECTION: Duration = Duration::from_secs(10);

/// An address; shared by all workers.
pub(crate) struct Endpoint {
    pub address: SocketAddr,
    in_flight: AtomicUsize,
    record: Mutex<Record>,
}

/// A request at an endpoint, counted until it is dropped.
pub(crate) struct Exchange {
    endpoint: Arc<Endpoint>,
    began: Instant,
}

/// How an endpoint did, and what follows from it.
struct Record {
    /// Peak-sensitive average of the time to the head of an answer, in seconds, as of `averaged_at`.
    average: f64,
    averaged_at: Instant,
    failures_in_a_row: u32,
    window_began: Instant,
    answers: u32,
    failures: u32,
    standing: Standing,
    ejections: u32,
}

/// Whether an endpoint should be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    /// Not before this moment; then by one request, which decides.
    Ejected(Instant),
    /// That request is on its way.
    OnTrial(Instant),
}

/// What is known of an endpoint.
#[derive(Debug, Serialize)]
pub(crate) struct EndpointView {
    pub address: SocketAddr,
    /// `good`, `ejected`, or `on_trial` while one request decides.
    pub standing: &'static str,
    pub in_flight: usize,
    /// To the head of an answer; that of an endpoint nobody has asked is a guess.
    pub average_ms: f64,
}

/// What may be asked of an endpoint now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Good,
    /// It was ejected and may show that it is well again.
    Due,
    No,
}

impl Endpoint {
    pub fn new(address: SocketAddr, now: Instant) -> Self {
        let record = Record {
            average: FIRST_GUESS.as_secs_f64(),
            averaged_at: now,
            failures_in_a_row: 0,
            window_began: now,
            answers: 0,
            failures: 0,
            standing: Standing::Good,
            ejections: 0,
        };
        Self { address, in_flight: AtomicUsize::new(0), record: Mutex::new(record) }
    }

    /// Counts a request that begins.
    pub fn begin(self: &Arc<Self>, now: Instant) -> Exchange {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Exchange { endpoint: Arc::clone(self), began: now }
    }

    /// What one more request may expect: its time, times those that wait already.
    pub(super) fn cost(&self, now: Instant) -> f64 {
        let average = self.record().average_at(now);
        let waiting = u32::try_from(self.in_flight.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        average * (f64::from(waiting) + 1.0)
    }

    pub(super) fn may_be_asked(&self, now: Instant) -> Use {
        match self.record().standing {
            Standing::Good => Use::Good,
            // A trial whose request never came back is no reason to wait for ever.
            Standing::Ejected(until) | Standing::OnTrial(until) if until <= now => Use::Due,
            Standing::Ejected(_) | Standing::OnTrial(_) => Use::No,
        }
    }

    /// Takes the one request that decides, if nobody else has.
    pub(super) fn try_trial(&self, now: Instant) -> bool {
        let mut record = self.record();
        let is_due = matches!(record.standing, Standing::Ejected(until) | Standing::OnTrial(until) if until <= now);
        if is_due {
            record.standing = Standing::OnTrial(now + LONGEST_EJECTION);
        }
        is_due
    }

    pub(super) fn view(&self, now: Instant) -> EndpointView {
        let record = self.record();
        let standing = match record.standing {
            Standing::Good => "good",
            Standing::Ejected(_) => "ejected",
            Standing::OnTrial(_) => "on_trial",
        };
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        EndpointView { address: self.address, standing, in_flight, average_ms: record.average_at(now) * 1000.0 }
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.record().standing != Standing::Good
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
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Record {
    fn average_at(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.averaged_at).as_secs_f64();
        let kept = (-age / DECAY.as_secs_f64()).exp();
        // Towards the guess and not towards zero, or an endpoint nobody asks would look the best of all.
        self.average * kept + FIRST_GUESS.as_secs_f64() * (1.0 - kept)
    }

    /// A slower answer counts at once, quicker ones little by little (the peak EWMA of Finagle and Linkerd).
    fn average(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        let age = now.saturating_duration_since(self.averaged_at).as_secs_f64();
        let kept = (-age / DECAY.as_secs_f64()).exp();
        self.average = if took > self.average { took } else { self.average * kept + took * (1.0 - kept) };
        self.averaged_at = now;
    }

    fn note(&mut self, is_failure: bool, may_eject: bool, now: Instant) {
        if now.saturating_duration_since(self.window_began) >= WINDOW {
            self.start_window(now);
        }
        self.answers += 1;
        self.failures += u32::from(is_failure);
        self.failures_in_a_row = if is_failure { self.failures_in_a_row + 1 } else { 0 };
        match self.standing {
            Standing::OnTrial(_) if is_failure => self.eject(now),
            Standing::OnTrial(_) => {
                self.standing = Standing::Good;
                self.start_window(now);
            }
            Standing::Good if may_eject && self.is_failing() => self.eject(now),
            Standing::Good if self.answers >= LEAST_ANSWERS && !self.is_failing() => self.ejections = 0,
            Standing::Good | Standing::Ejected(_) => {}
        }
    }

    fn is_failing(&self) -> bool {
        let too_many = self.answers >= LEAST_ANSWERS && self.failures * 100 > self.answers * MOST_FAILURES_PERCENT;
        too_many || self.failures_in_a_row >= FAILURES_IN_A_ROW
    }

    fn eject(&mut self, now: Instant) {
        let out = FIRST_EJECTION * 2_u32.saturating_pow(self.ejections.min(8));
        self.ejections += 1;
        self.standing = Standing::Ejected(now + out.min(LONGEST_EJECTION));
        self.failures_in_a_row = 0;
        self.start_window(now);
    }

    fn start_window(&mut self, now: Instant) {
        self.window_began = now;
        self.answers = 0;
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(now: Instant) -> Arc<Endpoint> {
        Arc::new(Endpoint::new("127.0.0.1:1".parse().unwrap(), now))
    }

    fn answer(endpoint: &Arc<Endpoint>, now: Instant, is_failure: bool) {
        endpoint.begin(now).answered(now, is_failure, true);
    }

    #[test]
    fn failures_in_a_row_eject_until_one_request_succeeds() {
        let now = Instant::now();
        let endpoint = endpoint(now);

        for _ in 0..FAILURES_IN_A_ROW {
            assert_eq!(endpoint.may_be_asked(now), Use::Good);
            answer(&endpoint, now, true);
        }

        assert_eq!(endpoint.may_be_asked(now), Use::No);
        let later = now + FIRST_EJECTION;
        assert_eq!(endpoint.may_be_asked(later), Use::Due);
        assert!(endpoint.try_trial(later));
        assert!(!endpoint.try_trial(later), "one request decides");
        assert_eq!(endpoint.may_be_asked(later), Use::No);
        answer(&endpoint, later, false);
        assert_eq!(endpoint.may_be_asked(later), Use::Good);
    }

    #[test]
    fn a_failed_trial_ejects_for_longer_but_never_for_longer_than_the_cap() {
        let mut now = Instant::now();
        let endpoint = endpoint(now);
        for _ in 0..FAILURES_IN_A_ROW {
            answer(&endpoint, now, true);
        }

        for expected in [1, 2, 4, 8, 10, 10] {
            assert_eq!(endpoint.may_be_asked(now + Duration::from_millis(expected * 1000 - 1)), Use::No);
            now += Duration::from_secs(expected);
            assert!(endpoint.try_trial(now), "after {expected} s");
            answer(&endpoint, now, true);
        }
    }

    #[test]
    fn one_failure_in_two_ejects_and_one_in_ten_does_not() {
        let now = Instant::now();
        let (half, tenth) = (endpoint(now), endpoint(now));

        for number in 0..100 {
            answer(&half, now, number % 2 == 0);
            answer(&tenth, now, number % 10 == 0);
        }

        assert!(half.is_ejected());
        assert!(!tenth.is_ejected());
    }

    #[test]
    fn nobody_is_ejected_when_too_few_are_left() {
        let now = Instant::now();
        let endpoint = endpoint(now);

        for _ in 0..100 {
            endpoint.begin(now).answered(now, true, false);
        }

        assert!(!endpoint.is_ejected());
    }

    #[test]
    fn a_slow_answer_counts_at_once_and_is_forgotten_in_time() {
        let now = Instant::now();
        let endpoint = endpoint(now);
        let at_first = endpoint.cost(now);

        endpoint.begin(now).answered(now + Duration::from_millis(200), false, true);

        assert!(endpoint.cost(now + Duration::from_millis(200)) > at_first * 100.0);
        assert!(endpoint.cost(now + Duration::from_mins(2)) < at_first * 1.1);
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
