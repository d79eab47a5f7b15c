//! The extractor that locks a door: a handler that takes a [`Caller`] is reached with a good token only.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use uuid::Uuid;

use super::{Claims, Verifier};
use crate::error::{ApiError, kinds};

/// Who calls, as their token says. `Option<Caller>` lets those without a token in, not those with a bad one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub Arc<Claims>);

impl Caller {
    /// The account that calls.
    pub fn subject(&self) -> Uuid {
        self.0.sub
    }

    /// The session the token belongs to.
    pub fn session(&self) -> Uuid {
        self.0.sid
    }

    /// Whether the token allows `scope`.
    pub fn allows(&self, scope: &str) -> bool {
        self.0.allows(scope)
    }

    /// Insists on a scope.
    ///
    /// # Errors
    /// `insufficient_scope` (403), naming the scope as RFC 6750 section 3.1 says.
    ///
    /// # Panics
    /// `scope` is not printable ASCII, as RFC 6749 wants scopes to be.
    pub fn require(&self, scope: &'static str) -> Result<(), ApiError> {
        if self.allows(scope) {
            return Ok(());
        }
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        let challenge = HeaderValue::try_from(challenge).expect("scopes are plain ASCII");
        Err(ApiError::new(&kinds::INSUFFICIENT_SCOPE, format!("this needs the scope {scope}"))
            .with_header(header::WWW_AUTHENTICATE, challenge))
    }
}

impl ApiError {
    /// A token is needed and there is none: 401 without `error`, as RFC 6750 section 3.1 says.
    pub fn unauthenticated() -> Self {
        Self::new(&kinds::UNAUTHENTICATED, "send an access token as `Authorization: Bearer …`")
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller
where
    Verifier: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let claims = Verifier::from_ref(state).authenticate(&parts.headers).await?;
        claims.map(Self).ok_or_else(ApiError::unauthenticated)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller
where
    Verifier: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, ApiError> {
        Ok(Verifier::from_ref(state).authenticate(&parts.headers).await?.map(Self))
    }
}
