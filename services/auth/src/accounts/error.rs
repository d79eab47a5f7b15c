//! What can go wrong with an account, and how it is answered.

use portico_common::error::ApiError;

use crate::problems;

/// Why an operation on an account was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("the code is wrong, was used, or has expired; ask for a new one")]
    InvalidCode,
    #[error("there is no such account")]
    NotFound,
    #[error("another admin must do this to your account")]
    OwnAccount,
    #[error("database failure")]
    Database(#[from] sqlx::Error),
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::InvalidCode => Self::new(&problems::INVALID_CODE, error.to_string()),
            AccountError::NotFound => Self::not_found(error.to_string()),
            AccountError::OwnAccount => Self::new(&problems::OWN_ACCOUNT, error.to_string()),
            AccountError::Database(cause) => cause.into(),
        }
    }
}
