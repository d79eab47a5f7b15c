//! Which service answers what: the list in `portico.toml`, and the table made of it.

mod check;
mod file;
mod split;
mod table;

pub use file::{RouteEntry, RouteFile, ServiceEntry, TokenRule};
pub(crate) use split::{Canary, Mirror};
pub use split::{NoShare, Share, SplitEntry};
pub(crate) use table::{Limits, Route, RouteTable};

/// The paths the gateway answers itself, with all that is below them; no route may take them.
pub(crate) const OWN_PATHS: [&str; 4] = ["/healthz", "/openapi.json", "/docs", "/problems"];

/// Whether `path` is `prefix` or below it: `/v1/products` covers `/v1/products/1`, not `/v1/productsx`.
pub(crate) fn covers(prefix: &str, path: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || prefix == "/",
        None => false,
    }
}
