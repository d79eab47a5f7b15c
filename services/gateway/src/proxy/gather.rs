//! A body that is held until it is whole.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;

use anyhow::anyhow;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Frame};
use portico_common::error::ApiError;
use tokio::time::timeout_at;

use super::{Forward, Patience};
use crate::body::RequestBody;
use crate::upstream::UpstreamError;
use crate::validation::Hold;

impl Forward {
    /// Reads the body to its end, within the limits of its route. It is then passed on as it came, with its length and
    /// without trailers; `hold` is kept as long as the body.
    pub async fn gather(&mut self, mut hold: Hold) -> Result<Bytes, ApiError> {
        let mut gathered = BytesMut::new();
        while let Some(frame) = self.next_frame().await? {
            if let Some(data) = frame.data_ref() {
                hold.grow(data.len())?;
                gathered.extend_from_slice(data);
            }
        }
        let gathered = gathered.freeze();
        self.body = mem::take(&mut self.body).whole(gathered.clone(), hold);
        Ok(gathered)
    }

    /// Whether there is a body; the first piece of one is lost.
    pub async fn has_body(&mut self) -> Result<bool, UpstreamError> {
        while let Some(frame) = self.next_frame().await? {
            if frame.data_ref().is_some_and(|data| !data.is_empty()) {
                return Ok(true);
            }
        }
        self.body = RequestBody::default();
        Ok(false)
    }

    /// Lets the time of the service begin now: what the client took is none of its business.
    pub fn has_come(&self) {
        self.upload.iter().for_each(|upload| upload.has_come());
    }

    /// The next piece of the body, waited for as long as the route allows.
    async fn next_frame(&mut self) -> Result<Option<Frame<Bytes>>, UpstreamError> {
        let upstream = &self.route.upstream;
        let patience = Patience::new(&self.route.limits, self.upload.as_ref().map(Rc::clone), self.began);
        loop {
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context));
            match timeout_at(patience.until(), frame).await {
                Ok(frame) => return frame.transpose().map_err(|error| patience.blame(upstream.broken(anyhow!(error)))),
                Err(_) => patience.check(upstream, None)?,
            }
        }
    }
}
