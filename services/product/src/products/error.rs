//! What can go wrong with products.

use portico_common::error::{ApiError, FieldErrors, Invalid};
use portico_common::postgres::constraint;
use portico_service::database::is_deadlock;

use crate::problems;
use crate::variants::VariantError;

/// Why a product could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    /// There is none, or it is not for this reader.
    #[error("there is no such product")]
    NotFound,
    /// It was deleted.
    #[error("the product was deleted")]
    Gone,
    /// Another live product has the slug.
    #[error("another product has that slug")]
    SlugTaken,
    /// The lifecycle has no such step.
    #[error("the product is {from} and cannot be made {to}")]
    InvalidTransition {
        /// The status it has.
        from: &'static str,
        /// What was asked for.
        to: &'static str,
    },
    /// Some of the categories do not exist; by their place in the list.
    #[error("there is no such category")]
    UnknownCategories(Vec<usize>),
    /// The change does not fit what is stored.
    #[error("the change does not fit what is stored")]
    Refused(ApiError),
    /// A variant could not be stored.
    #[error(transparent)]
    Variant(#[from] VariantError),
    /// The database could not be reached or refused a statement.
    #[error("database failure")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for ProductError {
    fn from(error: sqlx::Error) -> Self {
        match constraint(&error) {
            Some("products_slug_key") => Self::SlugTaken,
            _ if is_deadlock(&error) => Self::SlugTaken,
            _ => Self::Database(error),
        }
    }
}

impl From<ProductError> for ApiError {
    fn from(error: ProductError) -> Self {
        let detail = error.to_string();
        match error {
            ProductError::NotFound => Self::not_found(detail),
            ProductError::Gone => Self::new(&portico_service::problems::GONE, detail),
            ProductError::SlugTaken => Self::new(&problems::SLUG_TAKEN, detail).at("/slug"),
            ProductError::InvalidTransition { .. } => Self::new(&problems::INVALID_TRANSITION, detail),
            ProductError::UnknownCategories(places) => {
                let mut errors = FieldErrors::default();
                for place in places {
                    let invalid = Invalid::new("unknown_category", detail.clone());
                    errors.add(format!("/category_ids/{place}"), invalid);
                }
                errors.into()
            }
            ProductError::Refused(error) => error,
            ProductError::Variant(error) => error.into(),
            ProductError::Database(cause) => cause.into(),
        }
    }
}
