//! What can go wrong with a profile, and how callers hear of it.

use portico_common::error::ApiError;

use crate::problems;

/// Why something was not done with a profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No account that we know of has this id.
    #[error("there is no such user")]
    NotFound,
    /// The caller's own profile was deleted.
    #[error("this profile was deleted and its data erased; it cannot be brought back")]
    Gone,
    /// The caller's own profile is suspended.
    #[error("this account is suspended; ask an administrator")]
    Suspended,
    /// An admin aimed at a deleted profile.
    #[error("a deleted user keeps that status")]
    StaysDeleted,
    /// An admin aimed at themself.
    #[error("another administrator has to change your status")]
    OwnStatus,
    /// `If-Match` names another version; the answer says which is current.
    #[error("the profile was changed in the meantime")]
    Stale(ApiError),
    /// The database failed.
    #[error("database failure")]
    Database(#[from] sqlx::Error),
}

impl From<ProfileError> for ApiError {
    fn from(error: ProfileError) -> Self {
        let detail = error.to_string();
        match error {
            ProfileError::NotFound => Self::not_found(detail),
            ProfileError::Gone => Self::new(&problems::GONE, detail),
            ProfileError::Suspended => Self::new(&problems::ACCOUNT_SUSPENDED, detail),
            ProfileError::StaysDeleted => Self::new(&problems::ILLEGAL_TRANSITION, detail),
            ProfileError::OwnStatus => Self::new(&problems::OWN_STATUS, detail),
            ProfileError::Stale(answer) => answer,
            ProfileError::Database(cause) => cause.into(),
        }
    }
}
