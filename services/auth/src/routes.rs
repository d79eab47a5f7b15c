//! Every endpoint, and the OpenAPI document that comes of the same list.

use axum::Router;
use axum::routing::get;
use portico_common::openapi;
use portico_service::events;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;
use crate::{accounts, admin, keys, passwords, problems, revocations, sessions};

/// The public listener's.
pub(crate) fn public(state: AppState) -> Router {
    let api = api();
    let router = openapi::refuse_unknown_parameters(Router::from(routes().with_state(state)), &api);
    router.route("/openapi.json", get(async move || axum::Json(api)))
}

/// The internal listener's, beside health.
pub(crate) fn internal(state: AppState) -> Router {
    Router::new()
        .route("/internal/v1/events", get(events::answer))
        .route("/internal/v1/revocations", get(revocations::http::feed))
        .with_state(state)
}

/// The OpenAPI document of the public listener.
pub fn api() -> OpenApi {
    openapi::complete(routes().into_openapi(), problems::ALL)
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(accounts::http::register))
        .routes(routes!(accounts::http::verify))
        .routes(routes!(accounts::http::resend))
        .routes(routes!(sessions::http::login))
        .routes(routes!(sessions::http::refresh))
        .routes(routes!(sessions::http::logout))
        .routes(routes!(sessions::http::list, sessions::http::revoke_others))
        .routes(routes!(sessions::http::revoke))
        .routes(routes!(passwords::http::change))
        .routes(routes!(passwords::http::forgot))
        .routes(routes!(passwords::http::reset))
        .routes(routes!(admin::http::list))
        .routes(routes!(admin::http::show))
        .routes(routes!(admin::http::set_roles))
        .routes(routes!(admin::http::lock))
        .routes(routes!(admin::http::unlock))
        .routes(routes!(keys::http::jwks))
        .routes(routes!(keys::http::metadata))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Portico auth", description = "Accounts, sessions and the tokens every other service trusts."),
    tags((name = "auth", description = "Registering, signing in, sessions, passwords; accounts for admins; published keys")),
)]
struct Document;
