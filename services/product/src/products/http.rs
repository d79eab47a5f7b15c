//! The endpoints of products.

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use portico_common::error::ApiError;
use portico_common::etag::{self, IfMatch, IfNoneMatch};
use portico_common::extract::{Json, MergePatch, OptionalJson, Path, Query};
use portico_common::page::Page;
use portico_service::AppState;
use portico_service::OptionalIfMatch;
use portico_service::database::snapshot;
use portico_service::docs::{ActionProblems, ChangeProblems, CreateProblems, ListProblems, ReadProblems};
use portico_service::idempotency::{self, Begun, Keyed, KeyedRequest};
use serde::Deserialize;
use sqlx::PgConnection;

use super::actions::{self, CompleteProduct};
use super::body::{CreateProduct, PatchProduct, ProductView};
use super::filter::ListQuery;
use super::model::{Move, Product, ProductId, Status};
use super::store::{self, listing, listing::Listed};
use crate::viewer::{Editor, Viewer, WRITE};

/// Lists products. Filters are joined by AND; several values of one, with commas between them, by OR.
#[utoipa::path(
    get, path = "/v1/products", operation_id = "list_products", tag = "products",
    params(
        ("status" = Option<String>, Query, example = "active",
         description = "draft, active, archived, or several; active when left out. Others than active need products:read_all"),
        ("category" = Option<Vec<uuid::Uuid>>, Query, description = "In this category or below it; repeat it for AND"),
        ("tag" = Option<Vec<String>>, Query, example = json!(["wool,silk"]), description = "Has one of these tags; repeat it for AND"),
        ("attr.{name}" = Option<Vec<String>>, Query,
         description = "The attribute of that name has one of these values, as in `attr.color=red,blue`; repeat it for AND"),
        ("currency" = Option<String>, Query, example = "EUR", description = "Has a price in this currency; needed for what is about prices"),
        ("price.gte" = Option<i64>, Query, minimum = 0, description = "The lowest price of one piece is at least this, in the smallest unit of `currency`"),
        ("price.lt" = Option<i64>, Query, minimum = 0, description = "The lowest price of one piece is below this"),
        ("q" = Option<String>, Query, max_length = 200, description = "Full-text search; `\"exact words\"`, `or` and `-not` are understood"),
        ("sort" = Option<String>, Query, example = "-created_at",
         description = "created_at, updated_at, title or price (which needs `currency`), descending with a leading hyphen; -created_at when left out"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 100, description = "How many to return; 25 when left out"),
        ("cursor" = Option<String>, Query, description = "Where to go on: `next_cursor` of the page before, with the same filters and sort"),
    ),
    responses(
        (status = 200, description = "A page of products", body = Page<ProductView>, headers(("Link" = String, description = "The next page (RFC 8288)"))),
        ListProblems,
    ),
    security((), ("bearer" = []))
)]
pub async fn list(
    State(app): State<AppState>,
    viewer: Viewer,
    Query(pairs): Query<Vec<(String, String)>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let ListQuery { filter, limit, cursor } = ListQuery::parse(pairs)?;
    let is_public = filter.statuses.iter().eq([&Status::Active]);
    if !is_public {
        viewer.require_all()?;
    }
    let after = cursor.map(|cursor| app.cursors.open(&filter, &cursor)).transpose()?;
    let mut db = snapshot(&app.db).await?;
    let rows = listing::page(&mut db, &filter, after, limit.rows()).await?;
    let seal = |row: &Listed| app.cursors.seal(&filter, &row.position(filter.sort));
    let page = Page::from_rows(rows, limit, seal, |row| row.product);
    let items = actions::complete_all(&mut db, page.items).await?;
    let items = items.into_iter().map(ProductView::from).collect();
    Ok(([viewer.caching(is_public)], Page { items, page: page.page }.respond(&uri)).into_response())
}

/// Makes a product, as a draft, with its variants and their prices.
#[utoipa::path(
    post, path = "/v1/products", operation_id = "create_product", tag = "products",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe for 24 hours")),
    request_body = CreateProduct,
    responses(
        (status = 201, description = "The product, made", body = ProductView, headers(("Location" = String), ("ETag" = String))),
        CreateProblems,
    ),
    security(("bearer" = [WRITE]))
)]
pub async fn create(
    State(app): State<AppState>,
    editor: Editor,
    keyed: Keyed<Json<CreateProduct>>,
) -> Result<Response, ApiError> {
    let (request, Json(body)) = keyed.into_parts();
    let new = body.parse()?;
    let now = app.clock.now();
    let mut attempt = match idempotency::begin(&app.db, request, editor.subject(), now).await? {
        Begun::Attempt(attempt) => attempt,
        Begun::Answered(answer) => return Ok(answer),
    };
    let answer = actions::create(attempt.db(), new, Some(editor.subject()), now).await;
    attempt.finish(answer.map(created).map_err(ApiError::from)).await
}

fn created(complete: CompleteProduct) -> Response {
    let location = [(header::LOCATION, format!("/v1/products/{}", complete.product.id))];
    (StatusCode::CREATED, location, view(complete)).into_response()
}

fn view(complete: CompleteProduct) -> impl IntoResponse {
    (etag::header(complete.product.version), axum::Json(ProductView::from(complete)))
}

/// Shows a product.
#[utoipa::path(
    get, path = "/v1/products/{id}", operation_id = "show_product", tag = "products",
    params(("id" = ProductId, Path, description = "The product"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag the caller holds")),
    responses(
        (status = 200, description = "The product", body = ProductView, headers(("ETag" = String))),
        (status = 304, description = "The caller holds the current version"),
        ReadProblems,
    ),
    security((), ("bearer" = []))
)]
pub async fn show(
    State(app): State<AppState>,
    viewer: Viewer,
    Path(id): Path<ProductId>,
    held: IfNoneMatch,
) -> Result<Response, ApiError> {
    let mut db = snapshot(&app.db).await?;
    let found = store::find(&mut db, id).await?;
    show_found(&mut db, found, viewer, &held).await
}

/// Shows the product with a slug.
#[utoipa::path(
    get, path = "/v1/products/by-slug/{slug}", operation_id = "show_product_by_slug", tag = "products",
    params(("slug" = String, Path, description = "The slug", example = "wool-scarf"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag the caller holds")),
    responses(
        (status = 200, description = "The product", body = ProductView, headers(("ETag" = String))),
        (status = 304, description = "The caller holds the current version"),
        ReadProblems,
    ),
    security((), ("bearer" = []))
)]
pub async fn show_by_slug(
    State(app): State<AppState>,
    viewer: Viewer,
    Path(slug): Path<String>,
    held: IfNoneMatch,
) -> Result<Response, ApiError> {
    let mut db = snapshot(&app.db).await?;
    let found = store::find_by_slug(&mut db, &slug).await?;
    show_found(&mut db, found, viewer, &held).await
}

async fn show_found(
    db: &mut PgConnection,
    found: Option<Product>,
    viewer: Viewer,
    held: &IfNoneMatch,
) -> Result<Response, ApiError> {
    let product = actions::visible(found, viewer)?;
    let caching = [viewer.caching(product.is_public())];
    if held.holds(product.version) {
        return Ok((caching, etag::not_modified(product.version)).into_response());
    }
    let complete = actions::complete(db, product).await?;
    Ok((caching, view(complete)).into_response())
}

/// Changes a product.
#[utoipa::path(
    patch, path = "/v1/products/{id}", operation_id = "patch_product", tag = "products",
    params(("id" = ProductId, Path, description = "The product"),
           ("If-Match" = String, Header, description = "The ETag of the version the change is meant for")),
    request_body(content = PatchProduct, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The product", body = ProductView, headers(("ETag" = String))), ChangeProblems),
    security(("bearer" = [WRITE]))
)]
pub async fn patch(
    State(app): State<AppState>,
    _: Editor,
    Path(id): Path<ProductId>,
    seen: IfMatch,
    MergePatch(body): MergePatch<PatchProduct>,
) -> Result<impl IntoResponse, ApiError> {
    let patch = body.parse()?;
    Ok(view(actions::change(&app.db, id, &seen, patch, app.clock.now()).await?))
}

/// Deletes a product; its slug and its SKUs are free again.
#[utoipa::path(
    delete, path = "/v1/products/{id}", operation_id = "delete_product", tag = "products",
    params(("id" = ProductId, Path, description = "The product"),
           ("If-Match" = String, Header, description = "The ETag of the version that is meant")),
    responses((status = 204, description = "It is deleted"), ChangeProblems),
    security(("bearer" = [WRITE]))
)]
pub async fn delete(
    State(app): State<AppState>,
    _: Editor,
    Path(id): Path<ProductId>,
    seen: IfMatch,
) -> Result<StatusCode, ApiError> {
    actions::remove(&app.db, id, &seen, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Nothing to say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoFields {}

/// Puts a draft or an archived product on the shelf.
#[utoipa::path(
    post, path = "/v1/products/{id}/publish", operation_id = "publish_product", tag = "products",
    params(("id" = ProductId, Path, description = "The product"),
           ("If-Match" = Option<String>, Header, description = "The ETag of the version that is meant"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe for 24 hours")),
    responses((status = 200, description = "The product", body = ProductView, headers(("ETag" = String))), ActionProblems),
    security(("bearer" = [WRITE]))
)]
pub async fn publish(
    State(app): State<AppState>,
    editor: Editor,
    Path(id): Path<ProductId>,
    seen: OptionalIfMatch,
    keyed: Keyed<OptionalJson<NoFields>>,
) -> Result<Response, ApiError> {
    move_on(&app, &editor, id, &seen, keyed.into_parts().0, Move::Publish).await
}

/// Takes an active product off the shelf.
#[utoipa::path(
    post, path = "/v1/products/{id}/archive", operation_id = "archive_product", tag = "products",
    params(("id" = ProductId, Path, description = "The product"),
           ("If-Match" = Option<String>, Header, description = "The ETag of the version that is meant"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe for 24 hours")),
    responses((status = 200, description = "The product", body = ProductView, headers(("ETag" = String))), ActionProblems),
    security(("bearer" = [WRITE]))
)]
pub async fn archive(
    State(app): State<AppState>,
    editor: Editor,
    Path(id): Path<ProductId>,
    seen: OptionalIfMatch,
    keyed: Keyed<OptionalJson<NoFields>>,
) -> Result<Response, ApiError> {
    move_on(&app, &editor, id, &seen, keyed.into_parts().0, Move::Archive).await
}

async fn move_on(
    app: &AppState,
    editor: &Editor,
    id: ProductId,
    seen: &OptionalIfMatch,
    request: KeyedRequest,
    step: Move,
) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let mut attempt = match idempotency::begin(&app.db, request, editor.subject(), now).await? {
        Begun::Attempt(attempt) => attempt,
        Begun::Answered(answer) => return Ok(answer),
    };
    let answer = actions::move_on(attempt.db(), id, seen, step, now).await;
    attempt.finish(answer.map(|complete| view(complete).into_response()).map_err(ApiError::from)).await
}
