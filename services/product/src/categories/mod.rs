//! Categories: a tree that products are put into.

mod actions;
mod body;
mod error;
pub mod http;
mod model;
mod store;

pub use actions::{create, put_product_into};
pub use model::{CategoryId, NewCategory};
pub use store::{find_by_slug, of_products};
