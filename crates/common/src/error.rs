//! Errors as RFC 9457 problems: one public description, one private cause.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of every error answer (RFC 9457 section 3).
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A kind of problem: what stays the same whenever it occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProblemKind {
    /// The HTTP status it is answered with.
    pub status: u16,
    /// Stable name in `snake_case`, and the last segment of the problem's `type`.
    pub code: &'static str,
    /// What went wrong, in a few words that never change.
    pub title: &'static str,
}

/// Declares problem kinds, one a line, and `ALL`, the list of them that the OpenAPI document carries.
#[macro_export]
macro_rules! problems {
    ($($(#[$meta:meta])* $name:ident: $status:literal $code:literal $title:literal;)*) => {
        $(
            $(#[$meta])*
            #[doc = concat!("`", $code, "` (", stringify!($status), "): ", $title, ".")]
            pub const $name: $crate::error::ProblemKind =
                $crate::error::ProblemKind { status: $status, code: $code, title: $title };
        )*
        /// Every kind declared here.
        pub const ALL: &[&$crate::error::ProblemKind] = &[$(&$name),*];
    };
}

/// The kinds any service can answer with.
pub mod kinds {
    crate::problems! {
        INTERNAL: 500 "internal" "Something went wrong on our side";
        MALFORMED_JSON: 400 "malformed_json" "The body is not valid JSON";
        INVALID_PARAMETER: 400 "invalid_parameter" "A query or path parameter is not valid";
        INVALID_CURSOR: 400 "invalid_cursor" "The cursor is not one of ours";
        CURSOR_MISMATCH: 400 "cursor_mismatch" "The cursor belongs to another query";
        UNAUTHENTICATED: 401 "unauthenticated" "A bearer token is needed";
        INVALID_TOKEN: 401 "invalid_token" "The bearer token is not accepted";
        INSUFFICIENT_SCOPE: 403 "insufficient_scope" "The token does not allow this";
        NOT_FOUND: 404 "not_found" "There is no such thing";
        ROUTE_NOT_FOUND: 404 "route_not_found" "There is no such path";
        METHOD_NOT_ALLOWED: 405 "method_not_allowed" "The path does not take this method";
        BODY_TOO_SLOW: 408 "body_too_slow" "The body did not arrive in time";
        VERSION_MISMATCH: 412 "version_mismatch" "It was changed in the meantime";
        BODY_TOO_LARGE: 413 "body_too_large" "The body is too large";
        UNSUPPORTED_MEDIA_TYPE: 415 "unsupported_media_type" "The body has the wrong media type";
        VALIDATION_FAILED: 422 "validation_failed" "Some fields are not valid";
        PRECONDITION_REQUIRED: 428 "precondition_required" "An If-Match header is needed";
        DATABASE_UNAVAILABLE: 503 "database_unavailable" "The database cannot be reached";
        TIMEOUT: 503 "timeout" "It took too long";
    }
}

/// What is wrong with one value; its reader says it, [`FieldErrors`] says where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Stable name in `snake_case`.
    pub code: &'static str,
    /// A sentence a developer can act on.
    pub detail: Cow<'static, str>,
}

impl Invalid {
    /// A value that breaks the rule `code`, explained by `detail`.
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// One field of a body that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the value.
    pub pointer: String,
    /// Stable name of the broken rule in `snake_case`.
    pub code: &'static str,
    /// A sentence a developer can act on.
    pub detail: Cow<'static, str>,
}

/// Gathers what is wrong with a body, so that the caller hears all of it at once.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Keeps the value, or notes what is wrong with it under `pointer`.
    pub fn take<T>(&mut self, pointer: impl Into<String>, result: Result<T, Invalid>) -> Option<T> {
        result.map_err(|invalid| self.add(pointer, invalid)).ok()
    }

    /// Notes that the value under `pointer` is invalid.
    pub fn add(&mut self, pointer: impl Into<String>, Invalid { code, detail }: Invalid) {
        self.0.push(FieldError { pointer: pointer.into(), code, detail });
    }

    /// Whether nothing was wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the gathering.
    ///
    /// # Errors
    /// Something was wrong: `validation_failed` with all of it.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.is_empty() { Ok(()) } else { Err(self.into()) }
    }
}

impl From<FieldErrors> for ApiError {
    fn from(errors: FieldErrors) -> Self {
        let detail = match errors.0.len() {
            1 => "1 field is not valid; see errors".to_owned(),
            count => format!("{count} fields are not valid; see errors"),
        };
        let mut error = Self::new(&kinds::VALIDATION_FAILED, detail);
        error.0.problem.errors = errors.0;
        error
    }
}

/// The body of every error answer (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Where the kind of problem is explained, relative to the gateway: `/problems/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What went wrong, in a few words that are the same for every problem of the kind.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A sentence on this occurrence that a developer can act on.
    pub detail: String,
    /// The path that was asked.
    pub instance: String,
    /// Stable name of the kind in `snake_case`.
    pub code: &'static str,
    /// Names this request in the logs.
    pub request_id: String,
    /// The fields at fault, when the problem is about fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// The one error of every handler: a public [`Problem`] and a cause that is logged and never sent.
#[derive(Debug)]
pub struct ApiError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    problem: Problem,
    headers: Vec<(HeaderName, HeaderValue)>,
    reason: Option<&'static str>,
    cause: Option<anyhow::Error>,
}

impl ApiError {
    /// A problem of `kind`; `detail` is shown to the caller.
    pub fn new(kind: &ProblemKind, detail: impl Into<String>) -> Self {
        let problem = Problem {
            kind: format!("/problems/{}", kind.code),
            title: kind.title,
            status: kind.status,
            detail: detail.into(),
            instance: String::new(),
            code: kind.code,
            request_id: String::new(),
            errors: Vec::new(),
        };
        Self(Box::new(Inner { problem, headers: Vec::new(), reason: None, cause: None }))
    }

    /// A failure of ours; the cause goes to the log.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let mut error = Self::new(&kinds::INTERNAL, "the request could not be served; the request id finds the reason");
        error.0.cause = Some(cause.into());
        error
    }

    /// Absent, or not for this caller to see.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(&kinds::NOT_FOUND, detail)
    }

    /// One invalid field.
    pub fn field(pointer: impl Into<String>, invalid: Invalid) -> Self {
        let mut errors = FieldErrors::default();
        errors.add(pointer, invalid);
        errors.into()
    }

    /// Adds where the fault lies, under another kind than `validation_failed`.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        let (code, detail) = (self.code(), self.0.problem.detail.clone().into());
        self.0.problem.errors.push(FieldError { pointer: pointer.into(), code, detail });
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Tells the caller when to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with_header(header::RETRY_AFTER, seconds.into())
    }

    /// Adds a cause for the log.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Says more exactly than its code why, for logs and metrics.
    #[must_use]
    pub fn because(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// Why, in `snake_case`: its code, unless something more exact is known.
    pub fn reason(&self) -> &'static str {
        self.0.reason.unwrap_or(self.code())
    }

    /// The stable name of its kind.
    pub fn code(&self) -> &'static str {
        self.0.problem.code
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                Self::new(&kinds::DATABASE_UNAVAILABLE, "the database cannot be reached right now")
                    .retry_after(1)
                    .with_cause(error)
            }
            other => Self::internal(other),
        }
    }
}

/// What a response of ours carries until [`render`] writes its body.
#[derive(Clone)]
struct Unrendered(Problem);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Inner { problem, headers, cause, reason: _ } = *self.0;
        if let Some(cause) = cause {
            tracing::error!(problem.code = problem.code, error = format!("{cause:#}"), "request failed");
        }
        let mut response = write(&problem);
        for (name, value) in headers {
            response.headers_mut().append(name, value);
        }
        response.extensions_mut().insert(Unrendered(problem));
        response
    }
}

/// Completes an error answer with the path and the request id; leaves every other answer as it is.
pub fn render(mut response: Response, instance: &str, request_id: &str) -> Response {
    let Some(Unrendered(mut problem)) = response.extensions_mut().remove::<Unrendered>() else {
        return response;
    };
    instance.clone_into(&mut problem.instance);
    request_id.clone_into(&mut problem.request_id);
    *response.body_mut() = body(&problem);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn write(problem: &Problem) -> Response {
    let mut response = Response::new(body(problem));
    *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn body(problem: &Problem) -> Body {
    serde_json::to_vec(problem).map_or_else(|_| Body::empty(), Body::from)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_cause_is_never_sent() {
        let error = ApiError::internal(anyhow::anyhow!("password=hunter2 refused"));

        let response = render(error.into_response(), "/v1/things", "req-1");

        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(!text.contains("hunter2"));
        assert!(text.contains("\"instance\":\"/v1/things\""));
        assert!(text.contains("\"request_id\":\"req-1\""));
    }

    #[test]
    fn all_field_errors_are_told_at_once() {
        let mut errors = FieldErrors::default();
        errors.take::<()>("/title", Err(Invalid::new("too_long", "at most 300 characters")));
        errors.take::<()>("/slug", Err(Invalid::new("format", "lower-case words")));

        let error = errors.finish().unwrap_err();

        let pointers: Vec<_> = error.0.problem.errors.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(pointers, ["/title", "/slug"]);
    }

    #[test]
    fn codes_are_unique_and_statuses_are_errors() {
        let mut codes: Vec<_> = kinds::ALL.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        codes.dedup();

        assert_eq!(codes.len(), kinds::ALL.len());
        assert!(kinds::ALL.iter().all(|kind| (400..600).contains(&kind.status)));
    }
}
