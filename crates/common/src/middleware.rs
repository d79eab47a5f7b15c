//! The middleware stack of every service, and the request and trace ids that the gateway shares with it.

mod deadline;
mod observe;
mod trace;

use std::any::Any;
use std::time::Duration;

use anyhow::anyhow;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::time::{Instant, timeout_at};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument as _;

pub use deadline::BodyTooSlow;
pub use observe::{RequestId, X_REQUEST_ID, request_id_from};
pub(crate) use trace::caller_span_from;
pub use trace::{TRACEPARENT, TraceContext, trace_context_from};

use crate::error::{ApiError, kinds, render};
use crate::server::ServerConfig;
use crate::telemetry::Traces;

/// The longest a feed of the internal listener waits for news (`wait=30`).
const LONGEST_POLL: Duration = Duration::from_secs(30);

/// How long a handler may take to say that the body did not come in time.
const GRACE: Duration = Duration::from_millis(100);

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Puts the standard stack around all routes of a public listener; call it last.
///
/// Every request gets an id, a trace, a span and one log line; every error, a problem body. A
/// route that takes large bodies sets its own `DefaultBodyLimit`.
pub fn standard(router: Router, service: &'static str, config: &ServerConfig, traces: &Traces) -> Router {
    stack(router, service, config, traces, config.request_timeout)
}

/// The same for an internal listener, whose feeds may wait half a minute for news.
pub fn internal(router: Router, service: &'static str, config: &ServerConfig, traces: &Traces) -> Router {
    stack(router, service, config, traces, config.request_timeout + LONGEST_POLL)
}

fn stack(router: Router, service: &'static str, config: &ServerConfig, traces: &Traces, timeout: Duration) -> Router {
    // Outermost first. Whatever answers inside `render_problem` may answer with a problem.
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state((service, traces.clone()), observe::observe))
        .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, NO_STORE))
        .layer(from_fn(render_problem))
        .layer(CatchPanicLayer::custom(problem_for_panic))
        .layer(from_fn_with_state(timeout, limit_time))
        .layer(from_fn(run_to_the_end))
        .layer(DefaultBodyLimit::max(config.body_limit));
    router.fallback(route_not_found).method_not_allowed_fallback(method_not_allowed).layer(layers)
}

/// Completes problems with the path and the request id, which only the edge knows.
async fn render_problem(Extension(id): Extension<RequestId>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    render(next.run(request).await, &path, id.as_str())
}

/// Answers a panicking handler's caller; the panic hook has logged where it happened.
fn problem_for_panic(_panic: Box<dyn Any + Send>) -> Response {
    ApiError::internal(anyhow!("the handler panicked")).into_response()
}

/// Ends requests that take too long. First reading the body ends, so that a handler that waits for it does, too.
async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let deadline = Instant::now() + limit;
    match timeout_at(deadline + GRACE, next.run(deadline::limit_body(request, deadline))).await {
        Ok(response) => response,
        Err(_) => ApiError::new(&kinds::TIMEOUT, "the request took too long; try again").retry_after(1).into_response(),
    }
}

/// Lets a handler end although its client has left or its time is up. A handler dropped while it waits for
/// `BEGIN` would hand its connection back with the transaction open, to whoever comes next.
async fn run_to_the_end(request: Request, next: Next) -> Response {
    let handler = tokio::spawn(next.run(request).in_current_span());
    match handler.await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => ApiError::internal(cancelled).into_response(),
        },
    }
}

async fn route_not_found(uri: Uri) -> ApiError {
    ApiError::new(&kinds::ROUTE_NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let detail = format!("{} does not take {method}; see the Allow header", uri.path());
    ApiError::new(&kinds::METHOD_NOT_ALLOWED, detail)
}
