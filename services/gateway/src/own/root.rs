//! `/`: where to go from here.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Where to go from here.
#[derive(Serialize, ToSchema)]
#[schema(as = GatewayLinks)]
pub(super) struct Links {
    /// What this is.
    #[schema(value_type = String, example = "Portico")]
    name: &'static str,
    /// The interactive reference.
    #[schema(value_type = String, example = "/docs/")]
    docs: &'static str,
    /// The description of everything, OpenAPI 3.1.
    #[schema(value_type = String, example = "/openapi.json")]
    openapi: &'static str,
    /// Whether requests are welcome.
    #[schema(value_type = String, example = "/healthz")]
    health: &'static str,
    /// What error codes mean.
    #[schema(value_type = String, example = "/problems")]
    problems: &'static str,
}

/// Says where to go from here.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "gateway_root",
    tag = "gateway",
    responses((status = 200, description = "Where to go from here", body = Links))
)]
pub(super) fn show() -> Response {
    Json(Links { name: "Portico", docs: "/docs/", openapi: "/openapi.json", health: "/healthz", problems: "/problems" })
        .into_response()
}
