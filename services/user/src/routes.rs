//! Every endpoint, and the OpenAPI document that comes of the same list.

use axum::Router;
use axum::routing::get;
use portico_common::openapi;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{AppState, directory, problems, profiles};

/// The routes of the public listener.
pub fn router(state: AppState) -> Router {
    let api = api();
    let router = openapi::refuse_unknown_parameters(Router::from(routes().with_state(state)), &api);
    router.route("/openapi.json", get(async move || axum::Json(api)))
}

/// The OpenAPI document.
pub fn api() -> OpenApi {
    openapi::complete(routes().into_openapi(), problems::ALL)
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(profiles::http::show_me, profiles::http::update_me, profiles::http::delete_me))
        .routes(routes!(directory::http::list))
        .routes(routes!(directory::http::show))
        .routes(routes!(directory::http::change_status))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Portico users", description = "Profiles of users: their own, and the directory for admins."),
    tags((name = "users", description = "Profiles: your own under `me`, and everyone's for admins")),
    security(("bearer" = [])),
)]
struct Document;
