//! What can go wrong with a password, and how it is answered.

use portico_common::error::{ApiError, Invalid};

use super::GateError;
use crate::problems;

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    #[error("the current password is wrong")]
    WrongCurrent,
    #[error("the new password is not good enough")]
    Refused(Invalid),
    #[error("the code is wrong, was used, or has expired; ask for a new one")]
    InvalidCode,
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error("database failure")]
    Database(#[from] sqlx::Error),
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::WrongCurrent => {
                Self::field("/current_password", Invalid::new("wrong", "this is not the current password"))
            }
            PasswordError::Refused(invalid) => Self::field("/new_password", invalid),
            PasswordError::InvalidCode => Self::new(&problems::INVALID_CODE, error.to_string()),
            PasswordError::Gate(cause) => cause.into(),
            PasswordError::Database(cause) => cause.into(),
        }
    }
}

impl From<GateError> for ApiError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Busy => Self::new(&problems::PASSWORD_GATE_BUSY, error.to_string()).retry_after(1),
            GateError::Broken(cause) => Self::internal(cause),
        }
    }
}
