//! Every endpoint of the service, on one screen.

use portico_service::AppState;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::gizmos::http as gizmos;

#[derive(utoipa::OpenApi)]
#[openapi(info(title = "Portico workshop", description = "The workshop service."), security(("bearer" = [])))]
struct Document;

/// Every endpoint.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(gizmos::list, gizmos::create)).routes(routes!(
        gizmos::show,
        gizmos::patch,
        gizmos::delete
    ))
}
