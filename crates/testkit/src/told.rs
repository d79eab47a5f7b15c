//! What a caller hears of wrong fields.

use axum::response::IntoResponse as _;
use portico_common::error::FieldErrors;

/// Pointer and code of each error, as the caller would be told.
///
/// # Panics
/// The answer is not a problem.
pub fn told(errors: FieldErrors) -> Vec<(&'static str, &'static str)> {
    let Err(error) = errors.finish() else { return Vec::new() };
    let body = axum::body::to_bytes(error.into_response().into_body(), usize::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let bytes = runtime.block_on(body).expect("a body");
    let problem: serde_json::Value = serde_json::from_slice(&bytes).expect("a problem");
    let text = |value: &serde_json::Value| &*value.as_str().expect("text").to_owned().leak();
    let fields = problem["errors"].as_array().expect("errors");
    fields.iter().map(|field| (text(&field["pointer"]), text(&field["code"]))).collect()
}
