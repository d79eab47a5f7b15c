//! The room a request takes at its service, from the first word to the head of the answer.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::body::Stage;
use crate::edge::Worker;
use crate::metrics::Outcome;
use crate::routes::Route;
use crate::upstream::{Pass, UpstreamError};

/// A body that takes longer to arrive gives the room back: it is its client that is slow, and slow clients should not
/// be able to keep a service from the others.
const LONGEST_UPLOAD: Duration = Duration::from_secs(1);

/// Room at a service; none on routes that do not count.
pub(super) struct Room<'a> {
    pass: Option<Pass<'a>>,
    /// When a body that is still on its way gives it back.
    lent_until: Option<Instant>,
}

impl<'a> Room<'a> {
    /// Takes room for a request that began now, if there is any.
    pub fn try_take(route: &'a Route, began: Instant, has_body: bool) -> Option<Self> {
        if !route.limits.concurrency {
            return Some(Self { pass: None, lent_until: None });
        }
        let upstream = &route.upstream;
        let pass = upstream.gate.try_enter(began.into_std(), upstream.endpoints.len())?;
        Some(Self::with(pass, began, has_body))
    }

    /// Waits for room.
    ///
    /// # Errors
    /// There is none soon.
    pub async fn wait(route: &'a Route, has_body: bool, worker: &Worker) -> Result<Self, UpstreamError> {
        let pass = route.upstream.wait_for_room().await;
        let pass = pass.inspect_err(|_| worker.recorder.upstream(route.upstream.label, Outcome::Shed))?;
        Ok(Self::with(pass, Instant::now(), has_body))
    }

    fn with(pass: Pass<'a>, began: Instant, has_body: bool) -> Self {
        Self { pass: Some(pass), lent_until: has_body.then(|| began + LONGEST_UPLOAD) }
    }

    /// When it is worth looking again; `otherwise` if that is not before.
    pub fn until(&self, otherwise: Instant) -> Instant {
        self.lent_until.map_or(otherwise, |until| until.min(otherwise))
    }

    /// Gives the room of a body back that has not arrived in time.
    pub fn look(&mut self, stage: Stage) {
        if self.lent_until.is_some_and(|until| until <= Instant::now()) {
            self.lent_until = None;
            if stage != Stage::Done {
                self.pass.take().into_iter().for_each(Pass::forget);
            }
        }
    }

    /// Gives the room back for the head of an answer; `moved_at` is when the last of the request's body was passed on,
    /// if it has one.
    ///
    /// How long an error took says less than it seems: it may be quick because nothing was done. So it counts like a
    /// client that left, if it took long.
    pub fn answered(self, status: StatusCode, moved_at: Option<Instant>, now: Instant) {
        match self.pass {
            Some(pass) if status == StatusCode::SWITCHING_PROTOCOLS => pass.forget(),
            Some(pass) if !status.is_server_error() => pass.answered(moved_at.map(Instant::into_std), now.into_std()),
            _ => {}
        }
    }
}
