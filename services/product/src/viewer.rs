//! Who looks at the catalogue, and what they may see of it.

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use portico_common::error::{ApiError, kinds};
use portico_common::token::{Caller, Verifier};
use uuid::Uuid;

/// The scope that lets a caller see what is not active.
pub const READ_ALL: &str = "products:read_all";
/// The scope that lets a caller change the catalogue.
pub const WRITE: &str = "products:write";

const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=30, stale-while-revalidate=60");
const NEEDS_READ_ALL: HeaderValue =
    HeaderValue::from_static("Bearer error=\"insufficient_scope\", scope=\"products:read_all\"");
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Someone who reads. A bad token is refused; none makes an anonymous reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Came without a token.
    Anonymous,
    /// Came with a token that does not allow more than reading what is active.
    Customer,
    /// May see drafts, archived products, and that something was deleted.
    Editor,
}

impl Viewer {
    /// Whether drafts and archived products are for this reader.
    pub fn sees_all(self) -> bool {
        self == Self::Editor
    }

    /// Insists on seeing what is not active.
    ///
    /// # Errors
    /// 401 without a token, 403 with one that does not allow it.
    pub fn require_all(self) -> Result<(), ApiError> {
        match self {
            Self::Editor => Ok(()),
            Self::Anonymous => Err(ApiError::unauthenticated()),
            Self::Customer => Err(ApiError::new(
                &kinds::INSUFFICIENT_SCOPE,
                format!("seeing what is not active needs the scope {READ_ALL}"),
            )
            .with_header(header::WWW_AUTHENTICATE, NEEDS_READ_ALL)),
        }
    }

    /// How long caches may keep what this reader is shown; shared ones only what everybody may see.
    pub fn caching(self, is_public: bool) -> (HeaderName, HeaderValue) {
        let shared = is_public && self == Self::Anonymous;
        (header::CACHE_CONTROL, if shared { PUBLIC } else { PRIVATE })
    }
}

impl<S: Sync> FromRequestParts<S> for Viewer
where
    Verifier: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = <Caller as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(match caller {
            None => Self::Anonymous,
            Some(caller) if caller.allows(READ_ALL) => Self::Editor,
            Some(_) => Self::Customer,
        })
    }
}

/// Someone who may change the catalogue: 401 without a token, 403 without the scope, before anything else is looked at.
#[derive(Debug, Clone)]
pub struct Editor(Caller);

impl Editor {
    /// The account that makes the change.
    pub fn subject(&self) -> Uuid {
        self.0.subject()
    }
}

impl<S: Sync> FromRequestParts<S> for Editor
where
    Verifier: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        caller.require(WRITE)?;
        Ok(Self(caller))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_anyone_may_see_is_kept_by_shared_caches() {
        let is_shared = |viewer: Viewer, is_public| viewer.caching(is_public).1 == PUBLIC;

        assert!(is_shared(Viewer::Anonymous, true));
        assert!(!is_shared(Viewer::Anonymous, false));
        assert!(!is_shared(Viewer::Customer, true));
        assert!(!is_shared(Viewer::Editor, true));
    }
}
