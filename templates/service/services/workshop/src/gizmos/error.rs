//! What can go wrong with gizmos.

use portico_common::error::{ApiError, Invalid};
use portico_common::postgres::constraint;
use portico_service::problems;

/// Why a gizmo could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum GizmoError {
    /// There is none, or it is somebody else's.
    #[error("there is no such gizmo")]
    NotFound,
    /// It was deleted.
    #[error("the gizmo was deleted")]
    Gone,
    /// What this field refers to does not exist, or is somebody else's.
    #[error("there is nothing with the id in {0}")]
    UnknownReference(&'static str),
    /// Another one has the value of this field.
    #[error("another gizmo has that value in {0}")]
    Taken(String),
    /// The change does not fit what is stored.
    #[error("the change does not fit what is stored")]
    Refused(ApiError),
    /// The database could not be reached or refused a statement.
    #[error("database failure")]
    Database(#[source] sqlx::Error),
}

impl From<ApiError> for GizmoError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for GizmoError {
    fn from(error: sqlx::Error) -> Self {
        // A constraint is called after its table and its field.
        let unique = constraint(&error).and_then(|name| name.strip_prefix("gizmos_")?.strip_suffix("_key"));
        unique.map(|field| Self::Taken(field.to_owned())).unwrap_or(Self::Database(error))
    }
}

impl From<GizmoError> for ApiError {
    fn from(error: GizmoError) -> Self {
        let detail = error.to_string();
        match error {
            GizmoError::NotFound => Self::not_found(detail),
            GizmoError::Gone => Self::new(&problems::GONE, detail),
            GizmoError::UnknownReference(field) => {
                Self::field(format!("/{field}"), Invalid::new("unknown_reference", detail))
            }
            GizmoError::Taken(field) => Self::new(&problems::TAKEN, detail).at(format!("/{field}")),
            GizmoError::Refused(error) => error,
            GizmoError::Database(cause) => cause.into(),
        }
    }
}
