//! `/healthz`: whether requests are welcome, for load balancers that reach the public listener only.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use portico_common::error::{ApiError, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::Gateway;
use crate::problems;

/// The gateway is well.
#[derive(Serialize, ToSchema)]
#[schema(as = GatewayHealth)]
pub(super) struct Health {
    /// Always `ok`.
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

/// Says whether the gateway takes requests: started, able to check tokens, and not stopping.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "gateway_health",
    tag = "gateway",
    responses(
        (status = 200, description = "It does", body = Health),
        (status = 503, description = "It does not, or not yet", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) fn show(gateway: &Gateway) -> Result<Response, ApiError> {
    if gateway.lifecycle.is_ready() && gateway.verifier.is_ready() {
        return Ok(Json(Health { status: "ok" }).into_response());
    }
    Err(ApiError::new(&problems::NOT_READY, "the gateway is starting or stopping").retry_after(1))
}
