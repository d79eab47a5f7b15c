//! How a client of HTTP/2 behaves: what it may do for nothing, and for how long it may leave answers lying.
//!
//! The library bounds what a connection keeps in memory. This bounds what a client can have done for it at no cost
//! of its own: frames that carry nothing, requests begun to be given up (CVE-2023-44487), and answers it asks for
//! and gives no window to (CVE-2019-9517).

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Frames that carry nothing, beyond what is forgiven. A client that reads fast sends a few for each answer.
const MOST_EMPTY: u64 = 1_000;
/// Of these, so many are forgiven at each look: a thousand in a second.
const EMPTY_FORGIVEN: u64 = 250;
/// One is forgiven for so many bytes the client has taken; it has to say that there is room for more.
const BYTES_FORGIVING: u64 = 64;
/// Requests given up, beyond what is forgiven.
const MOST_GIVEN_UP: u32 = 100;
/// Of these, so many are forgiven at each look, and one for each answer that was taken.
const GIVEN_UP_FORGIVEN: u32 = 5;

/// A slow client may take many answers at once: while others go on, one may lie so many times as long.
const LONGER_AMONG_OTHERS: u32 = 20;

pub(super) struct Conduct {
    empty: Cell<u64>,
    /// Of the bytes written, those that have forgiven something.
    forgave: Cell<u64>,
    given_up: Cell<u32>,
    /// Answers of which a piece waits for the client to have room: since this turn of the clock, and since the last.
    handed: [Cell<usize>; 2],
    turn: Cell<(Turn, Instant)>,
    /// Whether a piece was handed over or taken since the last look, and when that was seen last.
    has_moved: Cell<bool>,
    moved_at: Cell<Instant>,
}

/// When an answer was handed over; of turns only the last two are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn(bool);

impl Conduct {
    pub fn new(now: Instant) -> Self {
        Self {
            empty: Cell::new(0),
            forgave: Cell::new(0),
            given_up: Cell::new(0),
            handed: Default::default(),
            turn: Cell::new((Turn(false), now)),
            has_moved: Cell::new(false),
            moved_at: Cell::new(now),
        }
    }

    /// Counts a frame that carries nothing, after so many bytes were written; tells whether it is one too many.
    pub fn sent_nothing(&self, written: u64) -> bool {
        let forgiving = (written - self.forgave.get()) / BYTES_FORGIVING;
        self.forgave.set(self.forgave.get() + forgiving * BYTES_FORGIVING);
        self.empty.set(self.empty.get().saturating_sub(forgiving) + 1);
        self.empty.get() > MOST_EMPTY
    }

    /// Counts a request that the client gave up; tells whether it is one too many.
    pub fn gave_up(&self) -> bool {
        self.given_up.set(self.given_up.get() + 1);
        self.given_up.get() > MOST_GIVEN_UP
    }

    /// Counts an answer that was taken.
    pub fn took(&self) {
        self.given_up.set(self.given_up.get().saturating_sub(1));
    }

    /// A piece of an answer is the client's to take.
    pub fn hand_over(&self) -> Turn {
        let (turn, _) = self.turn.get();
        self.handed_in(turn).update(|count| count + 1);
        self.has_moved.set(true);
        turn
    }

    /// There was room for it, or the answer has ended.
    pub fn take_back(&self, turn: Turn) {
        self.handed_in(turn).update(|count| count - 1);
        self.has_moved.set(true);
    }

    /// Forgives as much as time does, and tells whether the client leaves an answer lying: for `patience` while
    /// nothing else goes on, or for many times that.
    pub fn look(&self, now: Instant, patience: Duration) -> bool {
        self.empty.set(self.empty.get().saturating_sub(EMPTY_FORGIVEN));
        self.given_up.set(self.given_up.get().saturating_sub(GIVEN_UP_FORGIVEN));
        if self.has_moved.take() {
            self.moved_at.set(now);
        }
        let lying: usize = self.handed.iter().map(Cell::get).sum();
        lying > 0 && now.saturating_duration_since(self.moved_at.get()) >= patience
            || self.has_one_from_before(now, patience * LONGER_AMONG_OTHERS)
    }

    /// Begins another turn when this one has lasted for `turn_lasts`; tells whether something lies since before it.
    fn has_one_from_before(&self, now: Instant, turn_lasts: Duration) -> bool {
        let (turn, since) = self.turn.get();
        if now.saturating_duration_since(since) < turn_lasts {
            return false;
        }
        let next = Turn(!turn.0);
        self.turn.set((next, now));
        self.handed_in(next).get() > 0
    }

    fn handed_in(&self, turn: Turn) -> &Cell<usize> {
        &self.handed[usize::from(turn.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn conduct() -> (Conduct, Instant) {
        let now = Instant::now();
        (Conduct::new(now), now)
    }

    #[test]
    fn frames_that_carry_nothing_are_forgiven_by_time_and_by_what_is_taken() {
        let (conduct, now) = conduct();
        let send = |count: usize, written: u64| (0..count).any(|_| conduct.sent_nothing(written));

        assert!(!send(1_000, 0));
        assert!(send(1, 0));
        assert!(!send(500, 64 * 501));
        conduct.look(now, PATIENCE);
        assert!(!send(250, 64 * 501));
        assert!(send(2, 64 * 501));
    }

    #[test]
    fn a_fast_reader_may_answer_each_frame_with_two() {
        let (conduct, _) = conduct();

        let is_one_too_many = (1..100_000).any(|frame| {
            let written = frame * 128;
            conduct.sent_nothing(written) || conduct.sent_nothing(written)
        });

        assert!(!is_one_too_many);
    }

    #[test]
    fn who_takes_as_much_as_they_give_up_may_go_on() {
        let (conduct, now) = conduct();

        assert!(!(0..1_000).any(|_| {
            conduct.took();
            conduct.gave_up()
        }));
        assert!((0..100).any(|_| conduct.gave_up()));
        conduct.look(now, PATIENCE);
        assert!(!conduct.gave_up());
    }

    #[test]
    fn an_answer_that_lies_alone_is_waited_for_once() {
        let (conduct, begin) = conduct();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let handed = conduct.hand_over();

        assert!(!conduct.look(after(1), PATIENCE));
        assert!(!conduct.look(after(30), PATIENCE));
        assert!(conduct.look(after(31), PATIENCE));
        conduct.take_back(handed);
        assert!(![32, 90, 1_000].iter().any(|seconds| conduct.look(after(*seconds), PATIENCE)));
    }

    #[test]
    fn an_answer_that_lies_among_others_is_waited_for_longer_and_not_for_good() {
        let (conduct, begin) = conduct();
        let _lying = conduct.hand_over();

        let cut_after = (1..10_000).find(|seconds| {
            let other = conduct.hand_over();
            let is_cut = conduct.look(begin + Duration::from_secs(*seconds), PATIENCE);
            conduct.take_back(other);
            is_cut
        });

        assert!(cut_after.is_some_and(|seconds| (600..=1_200).contains(&seconds)), "{cut_after:?}");
    }
}
