//! The endpoints of categories.

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use portico_common::error::{ApiError, kinds};
use portico_common::etag::{self, IfMatch, IfNoneMatch};
use portico_common::extract::{Json, MergePatch, Path, Query};
use portico_common::page::{Limit, Page};
use portico_service::AppState;
use portico_service::docs::{ChangeProblems, CreateProblems, ListProblems, ReadProblems};
use portico_service::idempotency::{self, Begun, Keyed};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::actions;
use super::body::{CategoryView, CreateCategory, PatchCategory};
use super::error::CategoryError;
use super::model::{Category, CategoryId};
use super::store;
use crate::viewer::{Editor, Viewer, WRITE};

/// Which categories to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListCategories {
    /// Only those right below this category; `root` for those below none.
    parent: Option<String>,
    /// How many to return, 1 to 100; 25 when left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What a cursor of categories belongs to.
#[derive(Serialize)]
struct Listed {
    categories_below: Option<CategoryId>,
    only_roots: bool,
}

impl Listed {
    fn parse(parent: Option<&str>) -> Result<Self, ApiError> {
        let invalid = |_| ApiError::new(&kinds::INVALID_PARAMETER, "parent is neither the id of a category nor `root`");
        let only_roots = parent == Some("root");
        let below = parent.filter(|_| !only_roots).map(str::parse).transpose().map_err(invalid)?;
        Ok(Self { categories_below: below, only_roots })
    }
}

/// Lists categories by name.
#[utoipa::path(
    get, path = "/v1/categories", operation_id = "list_categories", tag = "categories",
    params(ListCategories),
    responses(
        (status = 200, description = "A page of categories", body = Page<CategoryView>, headers(("Link" = String, description = "The next page (RFC 8288)"))),
        ListProblems,
    ),
    security((), ("bearer" = []))
)]
pub async fn list(
    State(app): State<AppState>,
    viewer: Viewer,
    Query(query): Query<ListCategories>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let limit = Limit::parse(query.limit)?;
    let listed = Listed::parse(query.parent.as_deref())?;
    let after = query.cursor.map(|cursor| app.cursors.open(&listed, &cursor)).transpose()?;
    let mut db = app.db.acquire().await?;
    let rows = store::page(&mut db, listed.categories_below, listed.only_roots, after, limit.rows()).await?;
    let seal = |row: &Category| app.cursors.seal(&listed, &(&row.name, row.id));
    let page = Page::from_rows(rows, limit, seal, CategoryView::from);
    Ok(([viewer.caching(true)], page.respond(&uri)).into_response())
}

/// Makes a category.
#[utoipa::path(
    post, path = "/v1/categories", operation_id = "create_category", tag = "categories",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe for 24 hours")),
    request_body = CreateCategory,
    responses(
        (status = 201, description = "The category, made", body = CategoryView, headers(("Location" = String), ("ETag" = String))),
        CreateProblems,
    ),
    security(("bearer" = [WRITE]))
)]
pub async fn create(
    State(app): State<AppState>,
    editor: Editor,
    keyed: Keyed<Json<CreateCategory>>,
) -> Result<Response, ApiError> {
    let (request, Json(body)) = keyed.into_parts();
    let new = body.parse()?;
    let now = app.clock.now();
    let mut attempt = match idempotency::begin(&app.db, request, editor.subject(), now).await? {
        Begun::Attempt(attempt) => attempt,
        Begun::Answered(answer) => return Ok(answer),
    };
    let answer = actions::create(attempt.db(), new, now).await;
    attempt.finish(answer.map(created).map_err(ApiError::from)).await
}

fn created(category: Category) -> Response {
    let location = [(header::LOCATION, format!("/v1/categories/{}", category.id))];
    (StatusCode::CREATED, location, view(category)).into_response()
}

fn view(category: Category) -> impl IntoResponse {
    (etag::header(category.version), axum::Json(CategoryView::from(category)))
}

/// Shows a category.
#[utoipa::path(
    get, path = "/v1/categories/{id}", operation_id = "show_category", tag = "categories",
    params(("id" = CategoryId, Path, description = "The category"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag the caller holds")),
    responses(
        (status = 200, description = "The category", body = CategoryView, headers(("ETag" = String))),
        (status = 304, description = "The caller holds the current version"),
        ReadProblems,
    ),
    security((), ("bearer" = []))
)]
pub async fn show(
    State(app): State<AppState>,
    viewer: Viewer,
    Path(id): Path<CategoryId>,
    held: IfNoneMatch,
) -> Result<Response, ApiError> {
    let mut db = app.db.acquire().await?;
    let category = store::find(&mut db, id).await?.ok_or(CategoryError::NotFound)?;
    if category.deleted_at.is_some() {
        let error = if viewer.sees_all() { CategoryError::Gone } else { CategoryError::NotFound };
        return Err(error.into());
    }
    let caching = [viewer.caching(true)];
    if held.holds(category.version) {
        return Ok((caching, etag::not_modified(category.version)).into_response());
    }
    Ok((caching, view(category)).into_response())
}

/// Changes a category. Its place in the tree stays.
#[utoipa::path(
    patch, path = "/v1/categories/{id}", operation_id = "patch_category", tag = "categories",
    params(("id" = CategoryId, Path, description = "The category"),
           ("If-Match" = String, Header, description = "The ETag of the version the change is meant for")),
    request_body(content = PatchCategory, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The category", body = CategoryView, headers(("ETag" = String))), ChangeProblems),
    security(("bearer" = [WRITE]))
)]
pub async fn patch(
    State(app): State<AppState>,
    _: Editor,
    Path(id): Path<CategoryId>,
    seen: IfMatch,
    MergePatch(body): MergePatch<PatchCategory>,
) -> Result<impl IntoResponse, ApiError> {
    let patch = body.parse()?;
    Ok(view(actions::change(&app.db, id, &seen, patch, app.clock.now()).await?))
}

/// Deletes a category that holds neither categories nor products.
#[utoipa::path(
    delete, path = "/v1/categories/{id}", operation_id = "delete_category", tag = "categories",
    params(("id" = CategoryId, Path, description = "The category"),
           ("If-Match" = String, Header, description = "The ETag of the version that is meant")),
    responses((status = 204, description = "It is deleted"), ChangeProblems),
    security(("bearer" = [WRITE]))
)]
pub async fn delete(
    State(app): State<AppState>,
    _: Editor,
    Path(id): Path<CategoryId>,
    seen: IfMatch,
) -> Result<StatusCode, ApiError> {
    actions::remove(&app.db, id, &seen, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
