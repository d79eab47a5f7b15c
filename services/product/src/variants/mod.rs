//! Variants: what is sold under a SKU.

mod actions;
mod body;
mod error;
pub mod http;
mod model;
mod store;

pub use actions::{PricedVariant, add_all, of_products};
pub use body::{CreateVariant, VariantView, parse_all};
pub use error::VariantError;
pub use model::{NewVariant, Options, Sku, VariantId};
pub use store::remove_all;
