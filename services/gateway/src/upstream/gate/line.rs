//! Who waits for room.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Those who wait, each with what tells it that there is room. The newest is let in first: it has waited least, and
/// who has waited long is about to be turned away in any case.
pub(super) struct Line<T> {
    waiting: BTreeMap<u64, T>,
    next: u64,
    /// When somebody came who found nobody waiting.
    formed: Option<Instant>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), next: 0, formed: None }
    }
}

impl<T> Line<T> {
    /// Joins the line, unless it is `longest` long; returns what to leave it by.
    pub fn join(&mut self, who: T, longest: usize, now: Instant) -> Option<u64> {
        if self.waiting.is_empty() {
            self.formed = Some(now);
        }
        if self.waiting.len() >= longest {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, who);
        Some(number)
    }

    pub fn take_newest(&mut self) -> Option<T> {
        self.waiting.pop_last().map(|(_, who)| who)
    }

    /// Leaves the line; says whether it was still in it.
    pub fn leave(&mut self, number: u64) -> bool {
        self.waiting.remove(&number).is_some()
    }

    /// How long there has been somebody in it all the time.
    pub fn age(&self, now: Instant) -> Duration {
        self.formed.map_or(Duration::ZERO, |formed| now.saturating_duration_since(formed))
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_first_who_has_left_is_none_and_the_line_has_an_end() {
        let (mut line, now) = (Line::default(), Instant::now());
        let numbers = ["a", "b", "c", "d"].map(|who| line.join(who, 3, now));

        assert_eq!(numbers, [Some(0), Some(1), Some(2), None]);
        assert!(line.leave(1) && !line.leave(1));
        assert_eq!([line.take_newest(), line.take_newest(), line.take_newest()], [Some("c"), Some("a"), None]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn it_is_as_old_as_the_first_who_found_nobody() {
        let (mut line, start) = (Line::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        line.join("a", 3, start);
        line.join("b", 3, after(1));
        line.take_newest();

        assert_eq!(line.age(after(5)), Duration::from_secs(5));
        line.take_newest();
        line.join("c", 3, after(6));
        assert_eq!(line.age(after(7)), Duration::from_secs(1));
    }
}
