//! What can go wrong with variants.

use portico_common::error::ApiError;
use portico_common::postgres::constraint;
use portico_service::database::is_deadlock;

use crate::problems;

/// Why a variant could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum VariantError {
    /// There is none, or it is not for this reader.
    #[error("there is no such product or variant")]
    NotFound,
    /// It was deleted.
    #[error("the variant was deleted")]
    Gone,
    /// Another live variant has the SKU; `index` says which of several new ones it was.
    #[error("another variant has that SKU")]
    SkuTaken {
        /// Its place in the list of variants of a new product.
        index: Option<usize>,
    },
    /// A sibling has the same options.
    #[error("another variant of the product has these options")]
    OptionsTaken,
    /// The product has as many variants as it can have.
    #[error("the product has as many variants as it can have")]
    LimitReached,
    /// The change does not fit what is stored.
    #[error("the change does not fit what is stored")]
    Refused(ApiError),
    /// The database could not be reached or refused a statement.
    #[error("database failure")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for VariantError {
    fn from(error: sqlx::Error) -> Self {
        match constraint(&error) {
            Some("variants_sku_key") => Self::SkuTaken { index: None },
            Some("variants_option_values_key") => Self::OptionsTaken,
            _ if is_deadlock(&error) => Self::SkuTaken { index: None },
            _ => Self::Database(error),
        }
    }
}

impl From<VariantError> for ApiError {
    fn from(error: VariantError) -> Self {
        let detail = error.to_string();
        match error {
            VariantError::NotFound => Self::not_found(detail),
            VariantError::Gone => Self::new(&portico_service::problems::GONE, detail),
            VariantError::SkuTaken { index: None } => Self::new(&problems::SKU_TAKEN, detail).at("/sku"),
            VariantError::SkuTaken { index: Some(index) } => {
                Self::new(&problems::SKU_TAKEN, detail).at(format!("/variants/{index}/sku"))
            }
            VariantError::OptionsTaken => Self::new(&problems::OPTIONS_TAKEN, detail).at("/options"),
            VariantError::LimitReached => Self::new(&problems::VARIANT_LIMIT_REACHED, detail),
            VariantError::Refused(error) => error,
            VariantError::Database(cause) => cause.into(),
        }
    }
}
