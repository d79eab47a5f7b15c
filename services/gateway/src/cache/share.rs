//! One answer for all who ask the same: who asks the service, and who waits for it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use http::{HeaderMap, Response};
use portico_common::error::ApiError;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::timeout_at;

use super::entry::Entry;
use super::fetch::{Fetch, Fetched, is_unwell};
use super::flights::{Boarding, Flight, FlightKey, Landed, Seat};
use super::passage::{Given, Passage, tell};
use super::store::Found;
use crate::access_log::AccessLine;
use crate::body::ReplyBody;
use crate::edge::Worker;
use crate::metrics::CacheResult;
use crate::proxy::Forward;

/// Who asks gives up before those who wait for it do, and tells them.
const MARGIN: Duration = Duration::from_millis(250);

/// What came of waiting for another request.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
enum Waited {
    Answered(Result<Response<ReplyBody>, ApiError>),
    /// There is another way now: what is there has changed.
    Again,
    /// What the other got is for nobody else, or has not come in time.
    InVain,
}

/// What is at hand while a request is answered.
pub(super) struct Desk<'a> {
    pub worker: &'a Rc<Worker>,
    pub line: &'a mut AccessLine,
    /// What the store has, though it is not fresh.
    known: Option<Arc<Entry>>,
}

impl<'a> Desk<'a> {
    pub fn new(worker: &'a Rc<Worker>, line: &'a mut AccessLine) -> Self {
        Self { worker, line, known: None }
    }
}

impl Passage {
    /// Answers with what others get as well, if there is such an answer.
    pub(super) async fn share(
        &self,
        mut forward: Box<Forward>,
        mut desk: Desk<'_>,
    ) -> Result<Response<ReplyBody>, ApiError> {
        let until = tokio::time::Instant::now() + forward.route().limits.timeout + MARGIN;
        loop {
            let (generation, now) = (self.generation(), Instant::now());
            let found = self.find(generation, forward.headers(), now);
            desk.known = match &found {
                Found::Fresh(entry) => return Ok(self.hand_out(entry, Given::Found, &mut desk)),
                Found::Alone => return self.go_alone(forward, desk).await,
                Found::Stale(entry) => Some(Arc::clone(entry)),
                Found::Nothing => None,
            };
            match self.board(generation, forward.headers()) {
                // The one before may have landed between the look and the boarding.
                Boarding::Lead(..) if !found.is_same(&self.find(generation, forward.headers(), now)) => {}
                boarding if desk.known.as_ref().is_some_and(|known| known.covers_refresh(now)) => {
                    return Ok(self.answer_and_refresh(forward, boarding, generation, desk));
                }
                Boarding::Lead(flight, seat) => return self.lead(forward, flight, seat, generation, desk).await,
                Boarding::Join(mut seat) => {
                    let landed = timeout_at(until, seat.landed()).await;
                    match self.wait_for(landed.unwrap_or(Some(Landed::Single)), &forward, &mut desk) {
                        Waited::Answered(answer) => return answer,
                        Waited::Again => {}
                        Waited::InVain => break,
                    }
                }
            }
        }
        forward.begin_anew();
        self.go_alone(forward, desk).await
    }

    fn board(&self, generation: u64, request: &HeaderMap) -> Boarding {
        let key = self.key.clone();
        let values = self.cache.shared.store.values(&key, request);
        self.cache.shared.flights.board(FlightKey { key, values, generation })
    }

    /// Has the service asked, and waits for what it says.
    async fn lead(
        &self,
        forward: Box<Forward>,
        flight: Flight,
        seat: Seat,
        generation: u64,
        mut desk: Desk<'_>,
    ) -> Result<Response<ReplyBody>, ApiError> {
        desk.line.cache = Some(CacheResult::Miss);
        let (first, fetched) = oneshot::channel();
        // Apart, so that it goes on for the others when this client leaves.
        spawn_local(self.fetch(generation, &desk).run(forward, Rc::clone(desk.worker), flight, first));
        let fetched = fetched.await;
        drop(seat);
        let has_known = desk.known.is_some();
        match fetched {
            Ok(Fetched::Kept { entry, is_confirmed: true }) => Ok(self.hand_out(&entry, Given::Confirmed, &mut desk)),
            Ok(Fetched::Kept { entry, .. }) => Ok(self.hand_out(&entry, Given::Asked { has_known }, &mut desk)),
            Ok(Fetched::Single(mut response)) => {
                let in_need = is_unwell(response.status()).then(|| self.in_need(&mut desk)).flatten();
                tell(response.headers_mut(), if has_known { "fwd=stale" } else { "fwd=miss" });
                Ok(in_need.unwrap_or(response))
            }
            Ok(Fetched::Failed(error)) => self.in_need(&mut desk).ok_or_else(|| error.into()),
            Err(_) => Err(ApiError::internal(anyhow!("asking the service ended without an answer"))),
        }
    }

    /// Makes of what another request got what this one gets.
    fn wait_for(&self, landed: Option<Landed>, forward: &Forward, desk: &mut Desk<'_>) -> Waited {
        match landed {
            Some(Landed::Kept(entry)) if entry.selection.is_of(forward.headers()) => {
                Waited::Answered(Ok(self.hand_out(&entry, Given::Joined, desk)))
            }
            None | Some(Landed::Kept(_)) => Waited::Again,
            Some(Landed::Single) => Waited::InVain,
            Some(Landed::Unwell) => self.in_need(desk).map_or(Waited::InVain, |answer| Waited::Answered(Ok(answer))),
            Some(Landed::Failed(failure)) => {
                desk.line.cache = Some(CacheResult::Coalesced);
                let error = || failure.into_error(&forward.route().upstream).into();
                Waited::Answered(self.in_need(desk).ok_or_else(error))
            }
        }
    }

    /// Answers with what is known, and has the service asked behind the client's back if nobody does.
    fn answer_and_refresh(
        &self,
        forward: Box<Forward>,
        boarding: Boarding,
        generation: u64,
        mut desk: Desk<'_>,
    ) -> Response<ReplyBody> {
        let permit = Arc::clone(&self.cache.shared.refreshes).try_acquire_owned();
        if let (Boarding::Lead(flight, seat), Ok(permit)) = (boarding, permit) {
            let (first, _) = oneshot::channel();
            let refreshing = self.fetch(generation, &desk).run(forward, Rc::clone(desk.worker), flight, first);
            spawn_local(async move {
                refreshing.await;
                drop((permit, seat));
            });
        }
        let known = desk.known.take();
        known.map_or_else(|| Response::new(ReplyBody::empty()), |known| self.hand_out(&known, Given::Found, &mut desk))
    }

    /// Asks for this request alone; what may be kept is kept all the same.
    async fn go_alone(&self, forward: Box<Forward>, mut desk: Desk<'_>) -> Result<Response<ReplyBody>, ApiError> {
        desk.known = None;
        match self.fetch(self.generation(), &desk).ask(forward, desk.worker).await {
            Fetched::Kept { entry, .. } => Ok(self.hand_out(&entry, Given::Asked { has_known: false }, &mut desk)),
            Fetched::Single(mut response) => {
                tell(response.headers_mut(), "fwd=miss");
                Ok(response)
            }
            Fetched::Failed(error) => Err(error.into()),
        }
    }

    fn fetch(&self, generation: u64, desk: &Desk<'_>) -> Fetch {
        let (cache, key, stale) = (self.cache.clone(), self.key.clone(), desk.known.clone());
        Fetch { cache, key, place: self.place, generation, stale }
    }

    /// The answer that is good enough while the service fails.
    fn in_need(&self, desk: &mut Desk<'_>) -> Option<Response<ReplyBody>> {
        let known = desk.known.clone().filter(|known| known.covers_failure(Instant::now()))?;
        Some(self.hand_out(&known, Given::InNeed, desk))
    }

    fn hand_out(&self, entry: &Entry, given: Given, desk: &mut Desk<'_>) -> Response<ReplyBody> {
        self.give(entry, given, Instant::now(), &desk.worker.recorder, desk.line).map(ReplyBody::Own)
    }
}
