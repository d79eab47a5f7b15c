//! Room at a service: how many requests it has at once, and who waits for room (docs/adr/0009).
//!
//! A request that finds room costs two atomic additions and a lock that nobody waits for.

mod line;
mod rule;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod window;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use line::Line;
use rule::FLOOR;
use window::Window;

/// Waiting is for the unevenness of what comes, so it is short, in terms of what an answer takes.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// A line that is younger may be the trace of a moment in which nothing moved.
const MOMENT: Duration = Duration::from_millis(40);
/// As many may wait for each that may be at the service.
const LONGEST_LINE: usize = 4;

/// The room of one service; shared by all workers.
pub(crate) struct Gate {
    limit: AtomicUsize,
    in_flight: AtomicUsize,
    /// How many are in the line, so that nobody looks there in vain.
    waiting: AtomicUsize,
    /// Whether a request has found no room since this was last asked.
    was_full: AtomicBool,
    /// How long an answer usually takes; without end while that is not known.
    usual_micros: AtomicU64,
    window: Mutex<Window>,
    line: Mutex<Line<oneshot::Sender<()>>>,
}

/// Room for one request, from the first word to the service to the head of its answer.
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    began: Instant,
    endpoints: usize,
    /// Whether nothing follows from how long it took.
    is_told: bool,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// As many wait already as may.
    Line,
    /// None came in time.
    Wait,
}

impl Gate {
    pub fn new(now: Instant) -> Self {
        let window = Window::new(now);
        Self {
            limit: AtomicUsize::new(whole(window.rule().limit())),
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            was_full: AtomicBool::new(false),
            usual_micros: AtomicU64::new(u64::MAX),
            window: Mutex::new(window),
            line: Mutex::default(),
        }
    }

    /// Lets a request in that began now, if there is room. `endpoints` says how many share the work.
    pub fn try_enter(&self, now: Instant, endpoints: usize) -> Option<Pass<'_>> {
        self.take_room().then(|| Pass { gate: self, began: now, endpoints, is_told: false })
    }

    /// Lets a request in when there is room.
    ///
    /// # Errors
    /// There is none soon.
    pub async fn enter(&self, endpoints: usize) -> Result<Pass<'_>, Full> {
        self.was_full.store(true, Ordering::Relaxed);
        let (mut waiting, patience) = self.join(Instant::now())?;
        match timeout(patience, &mut waiting.told).await {
            Ok(Ok(())) => {
                waiting.is_let_in = true;
                Ok(Pass { gate: self, began: Instant::now(), endpoints, is_told: false })
            }
            Ok(Err(_)) | Err(_) => Err(Full::Wait),
        }
    }

    /// How many requests may be at the service.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// How many are.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Joins the line, and says how long to stay in it.
    fn join(&self, now: Instant) -> Result<(Waiting<'_>, Duration), Full> {
        let (tell, told) = oneshot::channel();
        let mut line = self.line();
        let number = line.join(tell, self.longest_line(), now).ok_or(Full::Line)?;
        let patience = self.patience(line.age(now));
        self.waiting.store(line.len(), Ordering::SeqCst);
        drop(line);
        let waiting = Waiting { gate: self, number, told, is_let_in: false };
        // Who left before this one was seen to wait has told nobody.
        self.let_in();
        Ok((waiting, patience))
    }

    fn longest_line(&self) -> usize {
        self.limit().saturating_mul(LONGEST_LINE)
    }

    fn take_room(&self) -> bool {
        let limit = self.limit();
        let taken = self
            .in_flight
            .fetch_update(Ordering::SeqCst, Ordering::Relaxed, |taken| (taken < limit).then_some(taken + 1));
        taken.is_ok()
    }

    fn give_room_back(&self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.let_in();
        }
    }

    /// Lets those in who wait, as far as there is room.
    fn let_in(&self) {
        let mut line = self.line();
        while line.len() > 0 && self.take_room() {
            let has_heard = line.take_newest().is_some_and(|newest| newest.send(()).is_ok());
            if !has_heard {
                self.in_flight.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.waiting.store(line.len(), Ordering::SeqCst);
    }

    /// Takes note of an answer. One that comes while another is noted tells nothing that the other does not.
    fn note(&self, pass: &Pass<'_>, took: Duration, now: Instant) {
        let Ok(mut window) = self.window.try_lock() else {
            return;
        };
        if !window.add(took, self.in_flight(), now) {
            return;
        }
        let endpoints = u32::try_from(pass.endpoints.max(1)).unwrap_or(u32::MAX);
        window.close(self.was_full.swap(false, Ordering::Relaxed), FLOOR * f64::from(endpoints), now);
        self.limit.store(whole(window.rule().limit()), Ordering::Relaxed);
        if let Some(usual) = window.rule().usual() {
            self.usual_micros.store(micros(usual), Ordering::Relaxed);
        }
        drop(window);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.let_in();
        }
    }

    fn usual(&self) -> Duration {
        Duration::from_micros(self.usual_micros.load(Ordering::Relaxed))
    }

    /// How long a request may wait for room in a line of this age. One that has just formed is a moment in which nothing
    /// moved, or more came than usual, and is given the time to pass; in one that stays, waiting makes everybody late
    /// (as with controlled delay, RFC 8289).
    fn patience(&self, age: Duration) -> Duration {
        let shortest = if age < MOMENT { MOMENT } else { SHORTEST_WAIT };
        (self.usual() / 4).clamp(shortest, LONGEST_WAIT)
    }

    fn line(&self) -> MutexGuard<'_, Line<oneshot::Sender<()>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in the line; out of it when dropped.
struct Waiting<'a> {
    gate: &'a Gate,
    number: u64,
    told: oneshot::Receiver<()>,
    is_let_in: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_let_in {
            return;
        }
        let mut line = self.gate.line();
        let has_left = line.leave(self.number);
        self.gate.waiting.store(line.len(), Ordering::SeqCst);
        drop(line);
        if !has_left {
            // It was let in, and did not live to hear it.
            self.gate.give_room_back();
        }
    }
}

impl Pass<'_> {
    /// Notes that the service answers now, to a request that began when the pass was given, or was `complete` later.
    pub fn answered(mut self, complete: Option<Instant>, now: Instant) {
        self.is_told = true;
        self.gate.note(&self, now.saturating_duration_since(complete.unwrap_or(self.began)), now);
    }

    /// Gives the room back; how long it was taken says nothing about the service.
    pub fn forget(mut self) {
        self.is_told = true;
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.give_room_back();
        if !self.is_told {
            // Its client left. Of a service that takes too long for every client there would be nothing to judge by.
            let now = Instant::now();
            let waited = now.saturating_duration_since(self.began);
            if waited > self.gate.usual() {
                self.gate.note(self, waited, now);
            }
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// As many whole requests.
fn whole(limit: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast stops at the bounds")]
    let whole = limit as usize;
    whole
}
