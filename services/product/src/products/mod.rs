//! Products: what the catalogue is made of.

mod actions;
mod attributes;
mod body;
mod error;
mod filter;
pub mod http;
mod model;
mod store;

pub use actions::{complete_all, create, move_on, show, touch};
pub use attributes::Attributes;
pub use body::ProductView;
pub use filter::search_text;
pub use model::{Move, NewProduct, Product, ProductId, Status, parse_tags};
pub use store::{find_all, known_slugs, lock};
