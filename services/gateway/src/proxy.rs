//! Passing a request on and its answer back, both as they come.

use std::pin::pin;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::body::{ClientBody, ReplyBody, RequestBody, Stage, Upload, UpstreamBody};
use crate::headers::prepare_response;
use crate::path::Target;
use crate::routes::{Limits, Route};
use crate::upstream::{Upstream, UpstreamError};

/// Passes a request on; its headers are [prepared](crate::headers::prepare_request).
pub(crate) async fn forward(
    route: &Route,
    head: Parts,
    target: Target,
    body: ClientBody,
) -> Result<Response<ReplyBody>, UpstreamError> {
    let Route { upstream, limits, .. } = route;
    if body.size_hint().lower() > limits.body_bytes {
        return Err(UpstreamError::BodyTooLarge { limit: limits.body_bytes });
    }
    let deadline = limits.total_timeout.map(|total| Instant::now() + total);
    let (body, upload) = RequestBody::new(body, limits.body_bytes);
    let mut request = Request::new(body);
    *request.method_mut() = head.method;
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = upstream.uri(target.into_inner());
    *request.headers_mut() = head.headers;

    let response = answer_head(upstream, request, &upload, limits, deadline).await?;

    let (mut head, body) = response.into_parts();
    prepare_response(&mut head.headers);
    // Of HTTP/1 to the service, the client need not know.
    head.version = Version::default();
    let body = UpstreamBody::new(body, Arc::clone(upstream), limits.idle_timeout, deadline);
    Ok(Response::from_parts(head, ReplyBody::Upstream(body)))
}

/// Waits for the head of the answer for as long as the request moves, and the route's patience more.
async fn answer_head(
    upstream: &Upstream,
    request: Request<RequestBody>,
    upload: &Upload,
    limits: &Limits,
    deadline: Option<Instant>,
) -> Result<Response<Incoming>, UpstreamError> {
    let mut answer = pin!(upstream.send(request));
    let mut until = Instant::now() + limits.timeout;
    loop {
        let at_most = deadline.map_or(until, |deadline| deadline.min(until));
        if let Ok(answer) = timeout_at(at_most, answer.as_mut()).await {
            return answer.map_err(|error| blame(error, upload.stage(), limits));
        }
        let patience_left = limits.timeout.saturating_sub(upload.quiet_for());
        let is_over = deadline.is_some_and(|deadline| deadline <= Instant::now());
        if is_over || patience_left.is_zero() {
            return Err(match upload.stage() {
                Stage::WaitingForClient => UpstreamError::BodyTooSlow,
                _ => upstream.timed_out(),
            });
        }
        until = Instant::now() + patience_left;
    }
}

/// A request whose body failed looks like a broken connection; the body knows better.
fn blame(error: UpstreamError, stage: Stage, limits: &Limits) -> UpstreamError {
    match stage {
        Stage::TooLarge => UpstreamError::BodyTooLarge { limit: limits.body_bytes },
        Stage::Broken => UpstreamError::BodyBroken,
        Stage::Moving | Stage::WaitingForClient | Stage::Done => error,
    }
}
