//! The answer to bytes that were never passed on as a request.

use std::io;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::IntoResponse as _;
use http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use portico_common::error::{ApiError, render};
use portico_common::middleware::X_REQUEST_ID;
use portico_common::telemetry::Decider;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::Worker;
use super::framing::Refusal;
use crate::access_log::AccessLine;
use crate::{own, problems};

/// A client that is still sending would lose the answer if the connection were closed at once.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// Answers with the problem, and closes.
///
/// # Errors
/// The client does not take the answer.
pub(super) async fn answer<S>(mut stream: S, refusal: Refusal, worker: &Worker) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (head, body) = problem(refusal, worker).into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut answer = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        answer.extend_from_slice(name.as_str().as_bytes());
        answer.extend_from_slice(b": ");
        answer.extend_from_slice(value.as_bytes());
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).as_bytes());
    answer.extend_from_slice(&body);

    timeout(WRITE_WITHIN, async {
        stream.write_all(&answer).await?;
        stream.shutdown().await
    })
    .await??;
    // What comes meanwhile is dropped; how it ends is all the same.
    let _ = timeout(LINGER, read_and_drop(&mut stream)).await;
    Ok(())
}

fn problem(refusal: Refusal, worker: &Worker) -> Response<Body> {
    let error = ApiError::from(refusal);
    let mut line = AccessLine::of_no_request(&worker.recorder, &worker.gateway.access_log, Instant::now());
    line.trace(&worker.gateway.traces, &HeaderMap::new(), Decider::Ourselves);
    line.refuse(&error);
    let mut response = own::harden(render(error.into_response(), "", line.ids.request.as_str()));
    response.headers_mut().insert(X_REQUEST_ID, line.ids.request.header_value());
    line.answered(response.status());
    response
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Framing(detail) => Self::new(&problems::INVALID_REQUEST, detail),
            Refusal::Target => Self::new(&problems::INVALID_TARGET, "the target is not well-formed"),
            Refusal::Expectation => Self::new(&problems::EXPECTATION_FAILED, "only 100-continue can be expected"),
            Refusal::HeadTooLarge => Self::new(&problems::HEADERS_TOO_LARGE, "the head is larger than 64 KiB"),
            Refusal::TooManyFields => Self::new(&problems::HEADERS_TOO_LARGE, "there are more than 100 header fields"),
            Refusal::TargetTooLong => Self::new(&problems::TARGET_TOO_LONG, "the path and query are too long"),
            Refusal::Version => {
                Self::new(&problems::VERSION_NOT_SUPPORTED, "HTTP/1.1, HTTP/1.0 and HTTP/2 are spoken here")
            }
        }
    }
}

async fn read_and_drop(stream: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 4096];
    let mut dropped = 0;
    while dropped < LINGER_BYTES
        && let Ok(read @ 1..) = stream.read(&mut buffer).await
    {
        dropped += read;
    }
}
