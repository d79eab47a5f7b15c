//! One question to the service for all that ask the same at once, on whichever worker they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::entry::Entry;
use super::key::Key;
use super::vary::Values;

/// What is asked of services now, by what for.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<FlightKey, Sender>>);

/// Requests that the same answer may be for: of the same key, saying the same in the headers that answers of that
/// key are known to vary by, with nothing changed between them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FlightKey {
    pub key: Key,
    pub values: Values,
    pub generation: u64,
}

type Sender = Arc<watch::Sender<Option<Landed>>>;

/// What became of a question.
#[derive(Clone)]
pub(super) enum Landed {
    /// An answer for all whom its selection fits.
    Kept(Arc<Entry>),
    /// An answer for nobody else.
    Single,
    /// An answer that says that the service is not well.
    Unwell,
    /// No answer.
    Failed(Failure),
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Unreachable,
    Broken,
    TimedOut,
    /// The service has as much to do as it can, for this reason.
    Overloaded(&'static str),
}

/// A question on its way. Dropped before it has landed, those that wait ask again.
pub(super) struct Flight {
    flights: Arc<Flights>,
    key: FlightKey,
    sender: Sender,
}

/// The wish to know what becomes of a question; without any, it is given up.
pub(super) struct Seat(watch::Receiver<Option<Landed>>);

/// How a request takes part.
pub(super) enum Boarding {
    /// It asks, for itself and those that come.
    Lead(Flight, Seat),
    /// Somebody asks already.
    Join(Seat),
}

impl Flights {
    pub fn board(self: &Arc<Self>, key: FlightKey) -> Boarding {
        let mut all = self.all();
        if let Some(sender) = all.get(&key) {
            return Boarding::Join(Seat(sender.subscribe()));
        }
        let (sender, seat) = watch::channel(None);
        let sender = Arc::new(sender);
        all.insert(key.clone(), Arc::clone(&sender));
        Boarding::Lead(Flight { flights: Arc::clone(self), key, sender }, Seat(seat))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<FlightKey, Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Tells those that wait. What is to be found by those who come next must be in the store before.
    pub fn land(self, landed: Landed) {
        self.leave(|_| true);
        self.sender.send_replace(Some(landed));
    }

    /// Waits until nobody waits any longer; then nobody joins any more either.
    pub async fn deserted(&self) {
        loop {
            self.sender.closed().await;
            if self.leave(|sender| sender.receiver_count() == 0) {
                return;
            }
        }
    }

    /// Takes it out of those that can be joined, if that is so while nobody can join.
    fn leave(&self, is_right: impl Fn(&Sender) -> bool) -> bool {
        let mut all = self.flights.all();
        let is_leaving = is_right(&self.sender);
        if is_leaving && all.get(&self.key).is_some_and(|sender| Arc::ptr_eq(sender, &self.sender)) {
            all.remove(&self.key);
        }
        is_leaving
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.leave(|_| true);
    }
}

impl Seat {
    /// What became of the question; `None` if nobody asks it any more.
    pub async fn landed(&mut self) -> Option<Landed> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http::HeaderValue;

    use super::*;

    fn key(path: &str, generation: u64) -> FlightKey {
        let key = Key::new(0, &HeaderValue::from_static("http"), None, &path.parse().unwrap());
        FlightKey { key, values: Values::new(), generation }
    }

    fn lead(flights: &Arc<Flights>, key: FlightKey) -> (Flight, Seat) {
        match flights.board(key) {
            Boarding::Lead(flight, seat) => (flight, seat),
            Boarding::Join(_) => panic!("somebody asks already"),
        }
    }

    fn join(flights: &Arc<Flights>, key: FlightKey) -> Seat {
        match flights.board(key) {
            Boarding::Join(seat) => seat,
            Boarding::Lead(..) => panic!("nobody asks"),
        }
    }

    #[test]
    fn all_that_ask_the_same_hear_the_same() {
        let flights = Arc::<Flights>::default();
        let (flight, mut first) = lead(&flights, key("/a", 0));
        let (_other, _) = lead(&flights, key("/b", 0));
        let (_after_a_change, _) = lead(&flights, key("/a", 1));
        let mut second = join(&flights, key("/a", 0));
        assert!(second.landed().now_or_never().is_none());

        flight.land(Landed::Failed(Failure::TimedOut));

        for seat in [&mut first, &mut second] {
            let landed = seat.landed().now_or_never().flatten();
            assert!(matches!(landed, Some(Landed::Failed(Failure::TimedOut))));
        }
        lead(&flights, key("/a", 0));
    }

    #[test]
    fn those_whose_leader_is_lost_hear_it() {
        let flights = Arc::<Flights>::default();
        let (flight, _seat) = lead(&flights, key("/a", 0));
        let mut waiting = join(&flights, key("/a", 0));

        drop(flight);

        assert!(waiting.landed().now_or_never().is_some_and(|landed| landed.is_none()));
        lead(&flights, key("/a", 0));
    }

    #[test]
    fn a_question_is_given_up_only_when_nobody_waits() {
        let flights = Arc::<Flights>::default();
        let (flight, leader) = lead(&flights, key("/a", 0));
        let waiting = join(&flights, key("/a", 0));

        drop(leader);
        assert!(flight.deserted().now_or_never().is_none());
        drop(waiting);

        assert!(flight.deserted().now_or_never().is_some());
        let (_next, _seat) = lead(&flights, key("/a", 0));
        drop(flight);
        join(&flights, key("/a", 0));
    }
}
