//! `/openapi.json`: the merged description of everything behind the gateway.

use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};

use crate::gateway::Gateway;

const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Describes everything behind the gateway, in one OpenAPI 3.1 document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "gateway_openapi",
    tag = "gateway",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the document one has")),
    responses(
        (status = 200, description = "The document", body = Object, content_type = "application/json", headers(("ETag" = String, description = "Names this state of the document"))),
        (status = 304, description = "It has not changed"),
    )
)]
pub(super) async fn show(gateway: &Gateway, head: &Parts) -> Response {
    let published = gateway.reference().current().await;
    let validators = [(header::ETAG, published.etag.clone()), (header::CACHE_CONTROL, REVALIDATE)];
    let holds_it = head.headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let tags = value.to_str().unwrap_or_default();
        let mut tags = tags.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        tags.any(|tag| tag == "*" || published.etag == tag)
    });
    if holds_it {
        return (StatusCode::NOT_MODIFIED, validators).into_response();
    }
    ([(header::CONTENT_TYPE, JSON)], validators, published.json.clone()).into_response()
}
