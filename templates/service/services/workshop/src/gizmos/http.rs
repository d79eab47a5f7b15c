//! The endpoints of gizmos.

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use portico_common::error::ApiError;
use portico_common::etag::{self, IfMatch, IfNoneMatch};
use portico_common::extract::{Json, MergePatch, Path, Query};
use portico_common::page::{Limit, Page};
use portico_common::token::Caller;
use portico_service::AppState;
use portico_service::docs::{ChangeProblems, CreateProblems, ReadProblems};
use portico_service::idempotency::{self, Begun, Keyed};

use super::actions;
use super::create::CreateGizmo;
use super::filter::ListGizmos;
use super::model::{Gizmo, GizmoId};
use super::patch::PatchGizmo;
use super::store;
use super::view::GizmoView;

/// Caches may keep what they show to one account, and must ask before they show it again.
const CACHING: (header::HeaderName, &str) = (header::CACHE_CONTROL, "private, no-cache");

/// Lists your gizmos, the newest first.
#[utoipa::path(
    get, path = "/v1/gizmos", operation_id = "list_gizmos", tag = "gizmos",
    params(ListGizmos),
    responses((status = 200, description = "A page of gizmos", body = Page<GizmoView>, headers(("Link" = String, description = "The next page (RFC 8288)")))),
)]
pub async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(query): Query<ListGizmos>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let limit = Limit::parse(query.limit)?;
    let (filter, cursor) = query.parse()?;
    let after = cursor.map(|cursor| app.cursors.open(&filter, &cursor)).transpose()?;
    let rows = store::page(&mut *app.db.acquire().await?, caller.subject(), &filter, after, limit.rows()).await?;
    let page = Page::from_rows(rows, limit, |row| app.cursors.seal(&filter, &row.id), GizmoView::from);
    Ok(([CACHING], page.respond(&uri)).into_response())
}

/// Makes a gizmo. It is yours.
#[utoipa::path(
    post, path = "/v1/gizmos", operation_id = "create_gizmo", tag = "gizmos",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe for 24 hours")),
    request_body = CreateGizmo,
    responses(
        (status = 201, description = "The gizmo, made", body = GizmoView, headers(("Location" = String), ("ETag" = String))),
        CreateProblems,
    ),
)]
pub async fn create(
    State(app): State<AppState>,
    caller: Caller,
    keyed: Keyed<Json<CreateGizmo>>,
) -> Result<Response, ApiError> {
    let (request, Json(body)) = keyed.into_parts();
    let now = app.clock.now();
    let gizmo = body.parse(GizmoId::new(now), caller.subject(), now)?;
    let mut attempt = match idempotency::begin(&app.db, request, caller.subject(), now).await? {
        Begun::Attempt(attempt) => attempt,
        Begun::Answered(answer) => return Ok(answer),
    };
    let answer = actions::create(attempt.db(), gizmo).await;
    attempt.finish(answer.map(created).map_err(ApiError::from)).await
}

fn created(gizmo: Gizmo) -> Response {
    let location = [(header::LOCATION, format!("/v1/gizmos/{}", gizmo.id))];
    (StatusCode::CREATED, location, view(gizmo)).into_response()
}

fn view(gizmo: Gizmo) -> impl IntoResponse {
    (etag::header(gizmo.version), axum::Json(GizmoView::from(gizmo)))
}

/// Shows a gizmo.
#[utoipa::path(
    get, path = "/v1/gizmos/{id}", operation_id = "show_gizmo", tag = "gizmos",
    params(("id" = GizmoId, Path, description = "The gizmo"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag the caller holds")),
    responses(
        (status = 200, description = "The gizmo", body = GizmoView, headers(("ETag" = String))),
        (status = 304, description = "The caller holds the current version"),
        ReadProblems,
    ),
)]
pub async fn show(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<GizmoId>,
    held: IfNoneMatch,
) -> Result<Response, ApiError> {
    let gizmo = actions::find(&mut *app.db.acquire().await?, caller.subject(), id).await?;
    if held.holds(gizmo.version) {
        return Ok(([CACHING], etag::not_modified(gizmo.version)).into_response());
    }
    Ok(([CACHING], view(gizmo)).into_response())
}

/// Changes a gizmo.
#[utoipa::path(
    patch, path = "/v1/gizmos/{id}", operation_id = "patch_gizmo", tag = "gizmos",
    params(("id" = GizmoId, Path, description = "The gizmo"),
           ("If-Match" = String, Header, description = "The ETag of the version the change is meant for")),
    request_body(content = PatchGizmo, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The gizmo", body = GizmoView, headers(("ETag" = String))), ChangeProblems),
)]
pub async fn patch(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<GizmoId>,
    seen: IfMatch,
    MergePatch(body): MergePatch<PatchGizmo>,
) -> Result<impl IntoResponse, ApiError> {
    let change = |stored: &Gizmo| body.apply(stored);
    Ok(view(actions::change(&app.db, caller.subject(), id, &seen, change, app.clock.now()).await?))
}

/// Deletes a gizmo.
#[utoipa::path(
    delete, path = "/v1/gizmos/{id}", operation_id = "delete_gizmo", tag = "gizmos",
    params(("id" = GizmoId, Path, description = "The gizmo"),
           ("If-Match" = String, Header, description = "The ETag of the version that is meant")),
    responses((status = 204, description = "It is deleted"), ChangeProblems),
)]
pub async fn delete(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<GizmoId>,
    seen: IfMatch,
) -> Result<StatusCode, ApiError> {
    actions::remove(&app.db, caller.subject(), id, &seen, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
