//! A precondition that may be left out.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use portico_common::error::ApiError;
use portico_common::etag::IfMatch;

/// `If-Match` on an action, where it is welcome and not required.
#[derive(Debug, Clone, Default)]
pub struct OptionalIfMatch(Option<IfMatch>);

impl OptionalIfMatch {
    /// Checks the version that is stored now, if the caller named one.
    ///
    /// # Errors
    /// `version_mismatch` (412) when the caller has seen another version.
    pub fn check(&self, version: i64) -> Result<(), ApiError> {
        self.0.as_ref().map_or(Ok(()), |condition| condition.check(version))
    }
}

impl<S: Sync> FromRequestParts<S> for OptionalIfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if !parts.headers.contains_key(header::IF_MATCH) {
            return Ok(Self(None));
        }
        IfMatch::from_request_parts(parts, state).await.map(|condition| Self(Some(condition)))
    }
}
