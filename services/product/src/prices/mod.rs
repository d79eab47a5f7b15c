//! Prices: integers in the smallest unit of a currency, in steps by quantity.

mod http;
mod model;
mod store;

pub use http::{PriceBody, PriceView, parse_all, view_all};
pub use model::{NewPrice, Price};
pub use store::{insert, of_variants, refresh_ranges, remove};
