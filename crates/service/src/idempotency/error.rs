//! What can go wrong with a key.

use portico_common::error::ApiError;
use sqlx::error::DatabaseError;

use crate::problems;

/// The SQLSTATE of a lock that was not had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Why a request under a key is refused.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The first request under the key is still running.
    #[error("the first request under this Idempotency-Key is still running; repeat this one in a moment")]
    InFlight,
    /// The key stands for another request.
    #[error("this Idempotency-Key was used for a request that was different; use a new one for a new request")]
    Reused,
    /// The database could not be reached or refused a statement.
    #[error("database failure")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for IdempotencyError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        if code.as_deref() == Some(LOCK_NOT_AVAILABLE) {
            return Self::InFlight;
        }
        Self::Database(error)
    }
}

impl From<IdempotencyError> for ApiError {
    fn from(error: IdempotencyError) -> Self {
        let detail = error.to_string();
        match error {
            IdempotencyError::InFlight => Self::new(&problems::IDEMPOTENCY_IN_FLIGHT, detail).retry_after(1),
            IdempotencyError::Reused => Self::new(&problems::IDEMPOTENCY_KEY_REUSED, detail),
            IdempotencyError::Database(cause) => cause.into(),
        }
    }
}
