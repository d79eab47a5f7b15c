//! What is seen of a service's answers until there is enough of it to judge by.

use std::time::{Duration, Instant};

use super::rule::{Rule, Seen};

const SHORTEST: Duration = Duration::from_millis(100);
const LEAST_ANSWERS: u32 = 50;
/// The first ones come while there is little to do, and tell what is usual.
const FIRST_ANSWERS: u32 = 16;

/// After a change, answers are waited for that are slower than the others by this factor, and no longer.
const SLOWEST: f64 = 10.0;

/// Answers that came while one limit was in force.
pub(super) struct Window {
    rule: Rule,
    /// Answers before this moment tell of another limit.
    counts_from: Instant,
    began: Option<Instant>,
    answers: u32,
    sum_of_logs: f64,
    sum_in_use: f64,
    longest: f64,
}

impl Window {
    pub fn new(now: Instant) -> Self {
        Self::after(Rule::default(), now)
    }

    fn after(rule: Rule, counts_from: Instant) -> Self {
        Self { rule, counts_from, began: None, answers: 0, sum_of_logs: 0.0, sum_in_use: 0.0, longest: 0.0 }
    }

    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    #[cfg(test)]
    pub fn answers(&self) -> u32 {
        self.answers
    }

    /// Adds an answer, and says whether there is enough to judge by.
    pub fn add(&mut self, took: Duration, in_use: usize, now: Instant) -> bool {
        if now < self.counts_from {
            return false;
        }
        let took = took.as_secs_f64().max(1e-6);
        let began = *self.began.get_or_insert(now);
        self.answers += 1;
        self.sum_of_logs += took.ln();
        self.sum_in_use += f64::from(u32::try_from(in_use).unwrap_or(u32::MAX));
        self.longest = self.longest.max(took);
        if self.rule.usual().is_none() {
            return self.answers >= FIRST_ANSWERS;
        }
        self.answers >= LEAST_ANSWERS && now.saturating_duration_since(began) >= SHORTEST
    }

    /// Judges by what was seen, and begins anew.
    pub fn close(&mut self, was_full: bool, floor: f64, now: Instant) {
        let answers = f64::from(self.answers.max(1));
        let took = (self.sum_of_logs / answers).exp();
        let before = self.rule.limit();
        let lasted = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        let per_second = answers / lasted.as_secs_f64().max(1e-6);
        let seen = Seen { took, per_second, in_use: self.sum_in_use / answers, was_full };
        let rule = std::mem::take(&mut self.rule).next(seen, floor);
        // The first answers after a change are the quick ones among those after it, and the slow ones among those
        // before it: what counts begins when both have come.
        let has_changed = (rule.limit() - before).abs() > f64::EPSILON;
        let settles_in = if has_changed { self.longest.min(took * SLOWEST) } else { 0.0 };
        *self = Self::after(rule, now + Duration::from_secs_f64(settles_in));
    }
}
