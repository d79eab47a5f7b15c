//! Problem answers that many operations share, for the OpenAPI document.

use portico_common::error::Problem;
use utoipa::IntoResponses;

/// What any operation can answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; they are made by the error type")]
pub(crate) enum AnyProblem {
    /// A failure of ours: `internal`
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
    /// Not now, with `Retry-After`: `database_unavailable`, `timeout`, `password_gate_busy`
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What an operation with a body can answer as well.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; they are made by the extractors")]
pub(crate) enum BodyProblem {
    /// `malformed_json`, or what the operation says
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// `body_too_large`
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// `unsupported_media_type`
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(Problem),
    /// `validation_failed`, with every field at fault in `errors`
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Problem),
}

/// What an operation with parameters can answer as well.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; they are made by the extractors")]
pub(crate) enum ParameterProblem {
    /// `invalid_parameter`, `invalid_cursor`, `cursor_mismatch`
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
}

/// What an operation behind a token can answer as well.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; they are made by the extractors")]
pub(crate) enum CallerProblem {
    /// `unauthenticated`, `invalid_token`, with `WWW-Authenticate`
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
}

/// What an operation for admins can answer as well.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; they are made by the extractors")]
pub(crate) enum ScopeProblem {
    /// `unauthenticated`, `invalid_token`, with `WWW-Authenticate`
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// `insufficient_scope`
    #[response(status = 403, content_type = "application/problem+json")]
    Scope(Problem),
}

/// What an operation that people could overdo can answer as well.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; they are made by the throttle")]
pub(crate) enum ThrottleProblem {
    /// `too_many_attempts`, with `Retry-After`
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
}
