//! What can go wrong with categories.

use portico_common::error::{ApiError, Invalid};
use portico_common::postgres::constraint;
use portico_service::database::is_deadlock;

use crate::problems;

/// Why a category could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum CategoryError {
    /// There is none.
    #[error("there is no such category")]
    NotFound,
    /// It was deleted.
    #[error("the category was deleted")]
    Gone,
    /// The category it shall be below does not exist.
    #[error("there is no such category to be the parent")]
    UnknownParent,
    /// It would be too far from the root.
    #[error("the tree is at most 8 categories deep")]
    TooDeep,
    /// A sibling has the slug.
    #[error("another category in the same place has that slug")]
    SlugTaken,
    /// Other categories are below it.
    #[error("there are categories below it; delete those first")]
    HasChildren,
    /// Products are in it.
    #[error("there are products in it; take those out first")]
    HasProducts,
    /// The change does not fit what is stored.
    #[error("the change does not fit what is stored")]
    Refused(ApiError),
    /// The database could not be reached or refused a statement.
    #[error("database failure")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for CategoryError {
    fn from(error: sqlx::Error) -> Self {
        match constraint(&error) {
            Some("categories_slug_key") => Self::SlugTaken,
            _ if is_deadlock(&error) => Self::SlugTaken,
            _ => Self::Database(error),
        }
    }
}

impl From<CategoryError> for ApiError {
    fn from(error: CategoryError) -> Self {
        let detail = error.to_string();
        match error {
            CategoryError::NotFound => Self::not_found(detail),
            CategoryError::Gone => Self::new(&portico_service::problems::GONE, detail),
            CategoryError::UnknownParent => Self::field("/parent_id", Invalid::new("unknown_category", detail)),
            CategoryError::TooDeep => Self::field("/parent_id", Invalid::new("too_deep", detail)),
            CategoryError::SlugTaken => Self::new(&problems::SLUG_TAKEN, detail).at("/slug"),
            CategoryError::HasChildren | CategoryError::HasProducts => Self::new(&problems::CATEGORY_NOT_EMPTY, detail),
            CategoryError::Refused(error) => error,
            CategoryError::Database(cause) => cause.into(),
        }
    }
}
