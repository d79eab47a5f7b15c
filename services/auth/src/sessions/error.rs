//! What can go wrong with a session, and how it is answered.

use axum::http::{HeaderValue, header};
use portico_common::error::ApiError;

use crate::passwords::GateError;
use crate::problems;

/// Why nobody was signed in, or a session was not continued or found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("the address or the password is wrong")]
    InvalidCredentials,
    #[error("verify the address first; POST /v1/auth/email/resend sends a new code")]
    EmailNotVerified,
    #[error("an admin has locked the account")]
    AccountLocked,
    #[error("the refresh token is unknown, was used, or has expired; sign in again")]
    InvalidGrant,
    #[error("there is no such session")]
    NotFound,
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error("the access token could not be signed")]
    Signing(#[source] anyhow::Error),
    #[error("the stored successor of a refresh token does not open")]
    Successor(#[source] anyhow::Error),
    #[error("database failure")]
    Database(#[from] sqlx::Error),
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::InvalidCredentials => Self::new(&problems::INVALID_CREDENTIALS, error.to_string())
                .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            SessionError::EmailNotVerified => Self::new(&problems::EMAIL_NOT_VERIFIED, error.to_string()),
            SessionError::AccountLocked => Self::new(&problems::ACCOUNT_LOCKED, error.to_string()),
            SessionError::InvalidGrant => Self::new(&problems::INVALID_GRANT, error.to_string()),
            SessionError::NotFound => Self::not_found(error.to_string()),
            SessionError::Gate(cause) => cause.into(),
            SessionError::Signing(cause) | SessionError::Successor(cause) => Self::internal(cause),
            SessionError::Database(cause) => cause.into(),
        }
    }
}
