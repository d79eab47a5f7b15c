//! Reading the body of an answer as a whole, as far as it is worth it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame};
use tokio::time::{Instant, timeout_at};

use super::budget::{Budget, Share};
use crate::body::{BoxError, ReplyBody, Resumed, UpstreamBody};

/// The largest body that is kept.
const MOST_BYTES: usize = 1 << 20;

/// What became of a body.
pub(super) enum Gathered {
    Whole(Bytes),
    /// It is too large, too slow, has trailers or an unclear end; what was read of it is still to come.
    Parted(ReplyBody),
    /// There is no room for it at the moment.
    Crowded(ReplyBody),
    Broken(BoxError),
}

/// Reads a body to its end, if it ends within `patience`.
pub(super) async fn gather(body: UpstreamBody, budget: &Budget, patience: Duration) -> Gathered {
    let hint = body.size_hint();
    let is_too_large = hint.lower() > MOST_BYTES as u64;
    // Where only the end of the connection ends it, half of it looks like all of it.
    if is_too_large || body.ends_with_the_connection() {
        return Gathered::Parted(ReplyBody::Upstream(body));
    }
    let length = hint.exact().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let Some(share) = budget.take(length) else {
        return Gathered::Crowded(ReplyBody::Upstream(body));
    };
    let gathering = Gathering { body, read: Vec::with_capacity(length), share };
    gathering.run(Instant::now() + patience).await
}

struct Gathering {
    body: UpstreamBody,
    read: Vec<u8>,
    share: Share,
}

impl Gathering {
    async fn run(mut self, until: Instant) -> Gathered {
        loop {
            let Ok(frame) = timeout_at(until, self.body.frame()).await else {
                return Gathered::Parted(self.part(None));
            };
            let data = match frame.transpose() {
                Ok(None) => return Gathered::Whole(self.share.pay(self.read)),
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(trailers) => return Gathered::Parted(self.part(Some(trailers))),
                },
                Err(error) => return Gathered::Broken(error),
            };
            if self.read.len() + data.len() > MOST_BYTES {
                return Gathered::Parted(self.part(Some(Frame::data(data))));
            }
            if !self.share.cover(self.read.len() + data.len()) {
                return Gathered::Crowded(self.part(Some(Frame::data(data))));
            }
            self.read.extend_from_slice(&data);
        }
    }

    /// The body as it would have come, with what was read last.
    fn part(self, last: Option<Frame<Bytes>>) -> ReplyBody {
        let read = Some(self.share.pay(self.read)).filter(|read| !read.is_empty()).map(Frame::data);
        ReplyBody::Resumed(Box::new(Resumed::new(read.into_iter().chain(last), self.body)))
    }
}
