//! How many requests a service may have at once, told from how long it takes to answer them (docs/adr/0009).

use std::time::Duration;

/// Fewer per endpoint than this are never too many.
pub(super) const FLOOR: f64 = 16.0;
/// Before anything is known.
const FIRST_LIMIT: f64 = 128.0;

/// A service that has a little more than it can do at once is never idle; so much longer answers may take for that.
const TARGET: f64 = 1.3;
/// Answers that take longer than this, in terms of the usual, wait for one another.
const TOLERATED: f64 = 1.6;

/// Who grows again and again grows faster, up to this power.
const FASTEST_GROWTH: i32 = 3;
const MOST_GROWTH: f64 = 2.0;
const MOST_CUT: f64 = 0.6;
/// The cut that is made only to see what follows.
const PROBE: f64 = 0.7;
/// In between the two, so many windows pass before a probe.
const PROBE_AFTER: u32 = 20;

/// A limit that is far from being reached becomes lower window by window, down to so many times what is needed.
const KEPT: f64 = 0.995;
const SPARE: f64 = 2.0;

/// What is usual follows what is seen: soon where requests are too few to be in one another's way, slowly upwards
/// where they may be, and not where they are as many as they may.
const LEARN_OF_FEW: f64 = 0.3;
const LEARN_QUICKER: f64 = 0.1;
const LEARN_SLOWER: f64 = 0.03;

/// What is in force, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    limit: f64,
    /// Seconds an answer takes that waits for no other; nothing before the first was seen.
    usual: Option<f64>,
    /// What was cut of which it is not known yet what it costs.
    cut: Option<Cut>,
    /// Windows in which the limit was neither clearly too low nor clearly too high.
    held: u32,
    /// Windows in a row in which it was too low.
    grown: i32,
}

/// What there was before one cut, or several in a row.
#[derive(Debug, Clone, PartialEq)]
struct Cut {
    limit: f64,
    in_use: f64,
    per_second: f64,
}

/// What was seen while a limit stood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// Seconds an answer took (the geometric mean: a few slow paths among quick ones should not count for much).
    pub took: f64,
    /// Answers in a second.
    pub per_second: f64,
    /// Requests at the service when an answer came, on average.
    pub in_use: f64,
    /// Whether a request found no room.
    pub was_full: bool,
}

impl Default for Rule {
    fn default() -> Self {
        Self { limit: FIRST_LIMIT, usual: None, cut: None, held: 0, grown: 0 }
    }
}

impl Rule {
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// How long an answer usually takes, if any was seen.
    pub fn usual(&self) -> Option<Duration> {
        self.usual.map(Duration::from_secs_f64)
    }

    /// What is in force after `seen`; at least `floor`.
    pub fn next(mut self, seen: Seen, floor: f64) -> Self {
        let usual = self.judge_cuts(seen);
        let usual = usual * (seen.took / usual).powf(learning(seen, usual, floor));
        self.usual = Some(usual);
        let slowness = seen.took / usual;
        if seen.was_full {
            self.adapt(seen, slowness, floor);
        } else {
            (self.held, self.grown, self.cut) = (0, 0, None);
            self.limit = self.limit.min((self.limit * KEPT).max(seen.in_use * SPARE).max(FIRST_LIMIT));
        }
        self.limit = self.limit.max(floor);
        self
    }

    fn adapt(&mut self, seen: Seen, slowness: f64, floor: f64) {
        let is_too_low = slowness < TARGET;
        let is_too_high = slowness > TOLERATED;
        self.grown = if is_too_low { self.grown + 1 } else { 0 };
        self.held = if is_too_low || is_too_high { 0 } else { self.held + 1 };
        if !is_too_high {
            self.cut = None;
        }
        if is_too_low {
            self.limit *= (TARGET / slowness).powi(self.grown.min(FASTEST_GROWTH)).min(MOST_GROWTH);
        } else if is_too_high {
            self.cut(seen, TARGET / slowness, floor);
        } else if self.held >= PROBE_AFTER {
            self.held = 0;
            self.cut(seen, PROBE, floor);
        }
    }

    /// Takes cuts back that made less be done: then the service was not at its end, and as long as its answers take
    /// now is usual. Returns what is usual.
    fn judge_cuts(&mut self, seen: Seen) -> f64 {
        let usual = self.usual.unwrap_or(seen.took);
        match self.cut.take_if(|cut| cut.has_cost(seen)) {
            Some(cut) => {
                self.limit = self.limit.max(cut.limit);
                seen.took.max(usual)
            }
            None => usual,
        }
    }

    fn cut(&mut self, seen: Seen, share: f64, floor: f64) {
        if seen.in_use <= floor {
            return;
        }
        // Of several in a row, what was before the first: the effect of all is clearer than that of one.
        let before = Cut { limit: self.limit, in_use: seen.in_use, per_second: seen.per_second };
        self.cut.get_or_insert(before);
        self.limit = self.limit.min(seen.in_use) * share.max(MOST_CUT);
    }
}

impl Cut {
    /// A service that is at its end does as much with fewer requests at once. One that is not does less, in the same
    /// measure; half of that is proof.
    fn has_cost(&self, seen: Seen) -> bool {
        let fewer = (1.0 - seen.in_use / self.in_use).max(0.0);
        seen.per_second < self.per_second * (1.0 - fewer / 2.0)
    }
}

/// How far what is usual follows what is seen.
fn learning(seen: Seen, usual: f64, floor: f64) -> f64 {
    if seen.in_use <= floor {
        LEARN_OF_FEW
    } else if seen.took < usual {
        LEARN_QUICKER
    } else if seen.was_full {
        0.0
    } else {
        LEARN_SLOWER
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(limit: f64, usual: f64) -> Rule {
        Rule { limit, usual: Some(usual), ..Rule::default() }
    }

    /// Windows of a service that does `slots` requests at once, each in 0.1 s, and is asked all it may be.
    fn saturate(mut rule: Rule, slots: f64, windows: u32) -> Rule {
        for _ in 0..windows {
            let took = 0.1 * (rule.limit / slots).max(1.0);
            rule = rule.clone().next(busy(took, rule.limit), FLOOR);
        }
        rule
    }

    /// What is seen of a service that is asked all it may be (by Little's law).
    fn busy(took: f64, in_use: f64) -> Seen {
        Seen { took, per_second: in_use / took, in_use, was_full: true }
    }

    fn seen() -> impl Strategy<Value = Seen> {
        let all = (1e-6..100.0, 0.0..1e6, 0.0..10_000.0, any::<bool>());
        all.prop_map(|(took, per_second, in_use, was_full)| Seen { took, per_second, in_use, was_full })
    }

    proptest! {
        #[test]
        fn the_limit_is_a_number_and_never_below_the_floor(windows in proptest::collection::vec(seen(), 1..200)) {
            let mut rule = Rule::default();
            for seen in windows {
                rule = rule.next(seen, 2.0 * FLOOR);
                prop_assert!(rule.limit.is_finite() && rule.limit >= 2.0 * FLOOR, "{rule:?}");
            }
        }

        #[test]
        fn a_service_with_few_requests_is_never_limited_more_than_at_first(
            windows in proptest::collection::vec(seen(), 1..200),
        ) {
            let mut rule = Rule::default();
            for seen in windows {
                rule = rule.next(Seen { in_use: seen.in_use.min(FLOOR), ..seen }, FLOOR);
                prop_assert!(rule.limit >= FIRST_LIMIT);
            }
        }

        #[test]
        fn a_saturated_service_gets_what_it_can_do_and_little_more(slots in FLOOR..2_000.0, limit in FLOOR..20_000.0) {
            // A probe may just have been made: what counts is what the limit is most of the time.
            let mut rule = saturate(rule(limit, 0.1), slots, 40);
            let mut limits = Vec::new();
            for _ in 0..60 {
                rule = saturate(rule, slots, 1);
                limits.push(rule.limit / slots);
            }
            limits.sort_by(f64::total_cmp);
            prop_assert!(limits[0] > 0.85 && limits[6] >= 1.0 && limits[59] <= TOLERATED, "{limits:?}");
        }

        #[test]
        fn a_service_that_merely_became_slower_keeps_its_limit(factor in 1.0..20.0, limit in FLOOR..2_000.0) {
            let mut rule = rule(limit, 0.1);
            for _ in 0..30 {
                let in_use = rule.limit;
                rule = rule.next(busy(0.1 * factor, in_use), FLOOR);
            }
            prop_assert!(rule.limit >= limit, "{rule:?}");
        }
    }

    #[test]
    fn the_limit_grows_quickly_where_answers_stay_quick() {
        assert!(saturate(Rule::default(), 1e9, 12).limit > 1_000.0);
    }

    #[test]
    fn room_that_nobody_needs_is_not_made() {
        let before = rule(100.0, 0.1);

        let after = before.clone().next(Seen { was_full: false, ..busy(0.1, 90.0) }, FLOOR);

        assert!(after.limit <= before.limit);
    }
}
