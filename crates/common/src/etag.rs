//! Strong entity tags from row versions, and the conditional headers that use them (RFC 9110 section 13).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::{ApiError, kinds};

/// The strong tag of a resource at `version`, as a header to put on the answer.
pub fn header(version: i64) -> [(HeaderName, HeaderValue); 1] {
    [(header::ETAG, tag(version))]
}

fn tag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits and quotes are a valid header")
}

/// The answer to a read whose caller already holds this version.
pub fn not_modified(version: i64) -> Response {
    (StatusCode::NOT_MODIFIED, header(version)).into_response()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    Any,
    Listed(Vec<String>),
}

impl Tags {
    fn read(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut listed = Vec::new();
        for value in headers.get_all(name) {
            let text = value.to_str().unwrap_or_default();
            if text.trim() == "*" {
                return Some(Self::Any);
            }
            listed.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        headers.contains_key(name).then_some(Self::Listed(listed))
    }
}

/// The precondition of a change: it goes ahead only on a version the caller has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Tags);

impl IfMatch {
    /// Checks the version that is stored now; call it while the row is locked.
    ///
    /// # Errors
    /// `version_mismatch` (412) when the caller has seen another version.
    pub fn check(&self, version: i64) -> Result<(), ApiError> {
        let expected = format!("\"{version}\"");
        match &self.0 {
            Tags::Any => Ok(()),
            // Strong comparison: a weak tag never matches.
            Tags::Listed(tags) if tags.contains(&expected) => Ok(()),
            Tags::Listed(_) => Err(ApiError::new(
                &kinds::VERSION_MISMATCH,
                format!("the current version is {expected}; read it again and repeat the change on it"),
            )
            .with_header(header::ETAG, tag(version))),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Tags::read(&parts.headers, &header::IF_MATCH).map(Self).ok_or_else(|| {
            ApiError::new(
                &kinds::PRECONDITION_REQUIRED,
                "send If-Match with the ETag of the version this change is meant for",
            )
        })
    }
}

/// The condition of a read: nothing is sent when the caller holds the current version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(Option<Tags>);

impl IfNoneMatch {
    /// Whether the caller already holds `version` (weak comparison).
    pub fn holds(&self, version: i64) -> bool {
        let expected = format!("\"{version}\"");
        match &self.0 {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::Listed(tags)) => tags.iter().any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == expected),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Tags::read(&parts.headers, &header::IF_NONE_MATCH)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(value: &'static str) -> IfMatch {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(value))]);
        IfMatch(Tags::read(&headers, &header::IF_MATCH).unwrap())
    }

    #[test]
    fn a_change_needs_the_current_strong_tag() {
        assert!(if_match("\"3\"").check(3).is_ok());
        assert!(if_match("\"2\", \"3\"").check(3).is_ok());
        assert!(if_match("*").check(3).is_ok());
        assert!(if_match("\"2\"").check(3).is_err());
        assert!(if_match("W/\"3\"").check(3).is_err());
        assert!(if_match("3").check(3).is_err());
        assert!(if_match("").check(3).is_err());
    }

    #[test]
    fn a_read_compares_weakly() {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("W/\"3\""))]);
        let condition = IfNoneMatch(Tags::read(&headers, &header::IF_NONE_MATCH));

        assert!(condition.holds(3));
        assert!(!condition.holds(4));
        assert!(!IfNoneMatch(None).holds(3));
    }
}
