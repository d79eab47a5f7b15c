//! Problem answers that many operations share, for the OpenAPI document.

use portico_common::error::Problem;
use utoipa::IntoResponses;

/// What an operation that people could overdo can answer as well.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; they are made by the throttle")]
pub(crate) enum ThrottleProblem {
    /// `too_many_attempts`, with `Retry-After`
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
}
