//! How an endpoint did so far, and whether it should be asked because of that.

use std::time::{Duration, Instant};

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
/// A service may ask for more, but not stay away for it: it may be well long before.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// How an endpoint did, and what follows from it.
pub(super) struct Record {
    /// Peak-sensitive average of the time to the head of an answer, in seconds, as of `averaged_at`.
    average: f64,
    averaged_at: Instant,
    failures_in_a_row: u32,
    window_began: Instant,
    answers: u32,
    failures: u32,
    standing: Standing,
    ejections: u32,
    /// It has said that it wants to be left alone until then.
    rests_until: Option<Instant>,
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

/// What may be asked of an endpoint now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Good,
    /// It was ejected and may show that it is well again.
    Due,
    No,
}

impl Record {
    pub fn new(now: Instant) -> Self {
        Self {
            average: FIRST_GUESS.as_secs_f64(),
            averaged_at: now,
            failures_in_a_row: 0,
            window_began: now,
            answers: 0,
            failures: 0,
            standing: Standing::Good,
            ejections: 0,
            rests_until: None,
        }
    }

    pub fn may_be_asked(&self, now: Instant) -> Use {
        match self.standing {
            Standing::Good if !self.is_resting(now) => Use::Good,
            // A trial whose request never came back is no reason to wait for ever.
            Standing::Ejected(until) | Standing::OnTrial(until) if until <= now => Use::Due,
            Standing::Good | Standing::Ejected(_) | Standing::OnTrial(_) => Use::No,
        }
    }

    /// Takes the one request that decides, if nobody else has.
    pub fn try_trial(&mut self, now: Instant) -> bool {
        let is_due = self.may_be_asked(now) == Use::Due;
        if is_due {
            self.standing = Standing::OnTrial(now + LONGEST_EJECTION);
        }
        is_due
    }

    pub fn is_good(&self, now: Instant) -> bool {
        self.standing == Standing::Good && !self.is_resting(now)
    }

    fn is_resting(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }

    /// Leaves it out for as long as it asks, within reason.
    pub fn rest(&mut self, wish: Duration, now: Instant) {
        self.rests_until = self.rests_until.max(Some(now + wish.min(LONGEST_REST)));
    }

    /// `good`, `resting`, `ejected` or `on_trial`.
    pub fn standing(&self, now: Instant) -> &'static str {
        match self.standing {
            Standing::Good if self.is_resting(now) => "resting",
            Standing::Good => "good",
            Standing::Ejected(_) => "ejected",
            Standing::OnTrial(_) => "on_trial",
        }
    }

    /// Seconds to the head of an answer, as far as that is known.
    pub fn average_at(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.averaged_at).as_secs_f64();
        let kept = (-age / DECAY.as_secs_f64()).exp();
        // Towards the guess and not towards zero, or an endpoint nobody asks would look the best of all.
        self.average * kept + FIRST_GUESS.as_secs_f64() * (1.0 - kept)
    }

    /// A slower answer counts at once, quicker ones little by little (the peak EWMA of Finagle and Linkerd).
    pub fn average(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        let age = now.saturating_duration_since(self.averaged_at).as_secs_f64();
        let kept = (-age / DECAY.as_secs_f64()).exp();
        self.average = if took > self.average { took } else { self.average * kept + took * (1.0 - kept) };
        self.averaged_at = now;
    }

    /// Counts an answer. `may_eject` says whether enough others are left.
    pub fn note(&mut self, is_failure: bool, may_eject: bool, now: Instant) {
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
            Standing::Good if may_eject && (self.is_failing() || self.is_failing_again(is_failure)) => self.eject(now),
            Standing::Good if self.answers >= LEAST_ANSWERS && !self.is_failing() => self.ejections = 0,
            Standing::Good | Standing::Ejected(_) => {}
        }
    }

    fn is_failing(&self) -> bool {
        let too_many = self.answers >= LEAST_ANSWERS && self.failures * 100 > self.answers * MOST_FAILURES_PERCENT;
        too_many || self.failures_in_a_row >= FAILURES_IN_A_ROW
    }

    /// One that has just come back is believed less than one that was never away.
    fn is_failing_again(&self, is_failure: bool) -> bool {
        is_failure && self.ejections > 0
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

    fn ejected(now: Instant) -> Record {
        let mut record = Record::new(now);
        for _ in 0..FAILURES_IN_A_ROW {
            assert_eq!(record.may_be_asked(now), Use::Good);
            record.note(true, true, now);
        }
        record
    }

    #[test]
    fn failures_in_a_row_eject_until_one_request_succeeds() {
        let now = Instant::now();
        let mut record = ejected(now);

        assert_eq!(record.may_be_asked(now), Use::No);
        let later = now + FIRST_EJECTION;
        assert_eq!(record.may_be_asked(later), Use::Due);
        assert!(record.try_trial(later));
        assert!(!record.try_trial(later), "one request decides");
        assert_eq!(record.may_be_asked(later), Use::No);
        record.note(false, true, later);
        assert_eq!(record.may_be_asked(later), Use::Good);
    }

    #[test]
    fn a_failed_trial_ejects_for_longer_but_never_for_longer_than_the_cap() {
        let mut now = Instant::now();
        let mut record = ejected(now);

        for expected in [1, 2, 4, 8, 10, 10] {
            assert_eq!(record.may_be_asked(now + Duration::from_millis(expected * 1000 - 1)), Use::No);
            now += Duration::from_secs(expected);
            assert!(record.try_trial(now), "after {expected} s");
            record.note(true, true, now);
        }
    }

    #[test]
    fn one_that_has_come_back_goes_at_its_first_failure_until_it_has_done_well_for_a_while() {
        let later = Instant::now() + Duration::from_secs(2);
        let comes_back = |answers| {
            let mut record = ejected(Instant::now());
            assert!(record.try_trial(later));
            (0..answers).for_each(|_| record.note(false, true, later));
            record.note(true, true, later);
            record.is_good(later)
        };

        assert!(!comes_back(1) && !comes_back(5));
        assert!(comes_back(1 + LEAST_ANSWERS));
    }

    #[test]
    fn one_failure_in_two_ejects_and_one_in_ten_does_not() {
        let now = Instant::now();
        let (mut half, mut tenth) = (Record::new(now), Record::new(now));

        for number in 0..100 {
            half.note(number % 2 == 0, true, now);
            tenth.note(number % 10 == 0, true, now);
        }

        assert!(!half.is_good(now));
        assert!(tenth.is_good(now));
    }

    #[test]
    fn nobody_is_ejected_when_too_few_are_left() {
        let now = Instant::now();
        let mut record = Record::new(now);

        for _ in 0..100 {
            record.note(true, false, now);
        }

        assert!(record.is_good(now));
    }

    #[test]
    fn who_wants_to_be_left_alone_is_but_not_for_longer_than_the_cap() {
        let now = Instant::now();
        let mut record = Record::new(now);

        record.rest(Duration::from_hours(1), now);
        record.rest(Duration::from_secs(1), now);

        assert_eq!(record.may_be_asked(now + Duration::from_millis(9_999)), Use::No);
        assert_eq!(record.may_be_asked(now + LONGEST_REST), Use::Good);
    }

    #[test]
    fn a_slow_answer_counts_at_once_and_is_forgotten_in_time() {
        let now = Instant::now();
        let mut record = Record::new(now);
        let at_first = record.average_at(now);

        record.average(Duration::from_millis(200), now);

        assert!(record.average_at(now) > at_first * 100.0);
        assert!(record.average_at(now + Duration::from_mins(2)) < at_first * 1.1);
    }
}
