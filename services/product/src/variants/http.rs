//! The endpoints of variants and their prices.

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use portico_common::error::ApiError;
use portico_common::etag::{self, IfMatch, IfNoneMatch};
use portico_common::extract::{Json, MergePatch, Path, Query};
use portico_common::page::{Limit, Page};
use portico_service::AppState;
use portico_service::database::snapshot;
use portico_service::docs::{ChangeProblems, CreateBelowProblems, ReadProblems};
use portico_service::idempotency::{self, Begun, Keyed};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::IntoParams;

use super::actions::{self, PricedVariant};
use super::body::{CreateVariant, PatchVariant, PricesView, PutPrices, VariantView};
use super::error::VariantError;
use super::model::{Variant, VariantId};
use super::store;
use crate::products::{self, Product, ProductId};
use crate::viewer::{Editor, Viewer, WRITE};

/// How to page through variants.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListVariants {
    /// How many to return, 1 to 100; 25 when left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What a cursor of variants belongs to.
#[derive(Serialize)]
struct Listed {
    variants_of: ProductId,
}

/// Lists the variants of a product, in their order.
#[utoipa::path(
    get, path = "/v1/products/{id}/variants", operation_id = "list_variants", tag = "products",
    params(("id" = ProductId, Path, description = "The product"), ListVariants),
    responses(
        (status = 200, description = "A page of variants", body = Page<VariantView>, headers(("Link" = String, description = "The next page (RFC 8288)"))),
        ReadProblems,
    ),
    security((), ("bearer" = []))
)]
pub async fn list(
    State(app): State<AppState>,
    viewer: Viewer,
    Path(product): Path<ProductId>,
    Query(query): Query<ListVariants>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let limit = Limit::parse(query.limit)?;
    let listed = Listed { variants_of: product };
    let after = query.cursor.map(|cursor| app.cursors.open(&listed, &cursor)).transpose()?;
    let mut db = snapshot(&app.db).await?;
    let product = products::show(&mut db, product, viewer).await?;
    let variants = store::page(&mut db, product.id, after, limit.rows()).await?;
    let rows = actions::with_prices(&mut db, variants).await?;
    let seal = |row: &PricedVariant| app.cursors.seal(&listed, &(row.variant.position, row.variant.id));
    let page = Page::from_rows(rows, limit, seal, VariantView::from);
    Ok(([viewer.caching(product.is_public())], page.respond(&uri)).into_response())
}

/// Adds a variant to a product, behind its siblings.
#[utoipa::path(
    post, path = "/v1/products/{id}/variants", operation_id = "create_variant", tag = "products",
    params(("id" = ProductId, Path, description = "The product"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe for 24 hours")),
    request_body = CreateVariant,
    responses(
        (status = 201, description = "The variant, made", body = VariantView, headers(("Location" = String), ("ETag" = String))),
        CreateBelowProblems,
    ),
    security(("bearer" = [WRITE]))
)]
pub async fn create(
    State(app): State<AppState>,
    editor: Editor,
    Path(product): Path<ProductId>,
    keyed: Keyed<Json<CreateVariant>>,
) -> Result<Response, ApiError> {
    let (request, Json(body)) = keyed.into_parts();
    let new = body.parse()?;
    let now = app.clock.now();
    let mut attempt = match idempotency::begin(&app.db, request, editor.subject(), now).await? {
        Begun::Attempt(attempt) => attempt,
        Begun::Answered(answer) => return Ok(answer),
    };
    let answer = actions::create(attempt.db(), product, new, now).await;
    attempt.finish(answer.map(created).map_err(ApiError::from)).await
}

fn created(priced: PricedVariant) -> Response {
    let Variant { id, product_id, .. } = priced.variant;
    let location = [(header::LOCATION, format!("/v1/products/{product_id}/variants/{id}"))];
    (StatusCode::CREATED, location, view(priced)).into_response()
}

fn view(priced: PricedVariant) -> impl IntoResponse {
    (etag::header(priced.variant.version), axum::Json(VariantView::from(priced)))
}

/// Shows a variant.
#[utoipa::path(
    get, path = "/v1/products/{id}/variants/{vid}", operation_id = "show_variant", tag = "products",
    params(("id" = ProductId, Path, description = "The product"), ("vid" = VariantId, Path, description = "The variant"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag the caller holds")),
    responses(
        (status = 200, description = "The variant", body = VariantView, headers(("ETag" = String))),
        (status = 304, description = "The caller holds the current version"),
        ReadProblems,
    ),
    security((), ("bearer" = []))
)]
pub async fn show(
    State(app): State<AppState>,
    viewer: Viewer,
    Path((product, id)): Path<(ProductId, VariantId)>,
    held: IfNoneMatch,
) -> Result<Response, ApiError> {
    let mut db = snapshot(&app.db).await?;
    let found = store::find(&mut db, id).await?.filter(|variant| variant.product_id == product);
    let (product, variant) = visible(&mut db, found, viewer).await?;
    let caching = [viewer.caching(product.is_public())];
    if held.holds(variant.version) {
        return Ok((caching, etag::not_modified(variant.version)).into_response());
    }
    let priced = actions::priced(&mut db, variant).await?;
    Ok((caching, view(priced)).into_response())
}

/// What a reader is shown of a variant that may be absent, deleted, or part of a draft.
async fn visible(
    db: &mut PgConnection,
    found: Option<Variant>,
    viewer: Viewer,
) -> Result<(Product, Variant), ApiError> {
    let variant = found.ok_or(VariantError::NotFound)?;
    let product = products::show(db, variant.product_id, viewer).await?;
    match variant.deleted_at {
        None => Ok((product, variant)),
        Some(_) if viewer.sees_all() => Err(VariantError::Gone.into()),
        Some(_) => Err(VariantError::NotFound.into()),
    }
}

/// Shows the variant with a SKU.
#[utoipa::path(
    get, path = "/v1/variants/by-sku/{sku}", operation_id = "show_variant_by_sku", tag = "products",
    params(("sku" = String, Path, description = "The SKU; upper and lower case differ"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag the caller holds")),
    responses(
        (status = 200, description = "The variant", body = VariantView, headers(("ETag" = String))),
        (status = 304, description = "The caller holds the current version"),
        ReadProblems,
    ),
    security((), ("bearer" = []))
)]
pub async fn show_by_sku(
    State(app): State<AppState>,
    viewer: Viewer,
    Path(sku): Path<String>,
    held: IfNoneMatch,
) -> Result<Response, ApiError> {
    let mut db = snapshot(&app.db).await?;
    let found = store::find_by_sku(&mut db, &sku).await?;
    let (product, variant) = visible(&mut db, found, viewer).await?;
    let caching = [viewer.caching(product.is_public())];
    if held.holds(variant.version) {
        return Ok((caching, etag::not_modified(variant.version)).into_response());
    }
    let priced = actions::priced(&mut db, variant).await?;
    Ok((caching, view(priced)).into_response())
}

/// Changes a variant.
#[utoipa::path(
    patch, path = "/v1/products/{id}/variants/{vid}", operation_id = "patch_variant", tag = "products",
    params(("id" = ProductId, Path, description = "The product"), ("vid" = VariantId, Path, description = "The variant"),
           ("If-Match" = String, Header, description = "The ETag of the version the change is meant for")),
    request_body(content = PatchVariant, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The variant", body = VariantView, headers(("ETag" = String))), ChangeProblems),
    security(("bearer" = [WRITE]))
)]
pub async fn patch(
    State(app): State<AppState>,
    _: Editor,
    Path((product, id)): Path<(ProductId, VariantId)>,
    seen: IfMatch,
    MergePatch(body): MergePatch<PatchVariant>,
) -> Result<impl IntoResponse, ApiError> {
    let patch = body.parse()?;
    let priced = actions::change(&app.db, Some(product), id, &seen, patch, app.clock.now()).await?;
    Ok(view(priced))
}

/// Deletes a variant; its SKU is free again.
#[utoipa::path(
    delete, path = "/v1/products/{id}/variants/{vid}", operation_id = "delete_variant", tag = "products",
    params(("id" = ProductId, Path, description = "The product"), ("vid" = VariantId, Path, description = "The variant"),
           ("If-Match" = String, Header, description = "The ETag of the version that is meant")),
    responses((status = 204, description = "It is deleted"), ChangeProblems),
    security(("bearer" = [WRITE]))
)]
pub async fn delete(
    State(app): State<AppState>,
    _: Editor,
    Path((product, id)): Path<(ProductId, VariantId)>,
    seen: IfMatch,
) -> Result<StatusCode, ApiError> {
    actions::remove(&app.db, product, id, &seen, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows the prices of a variant, under the variant's `ETag`.
#[utoipa::path(
    get, path = "/v1/variants/{vid}/prices", operation_id = "show_prices", tag = "products",
    params(("vid" = VariantId, Path, description = "The variant")),
    responses((status = 200, description = "The prices of the variant", body = PricesView, headers(("ETag" = String))), ReadProblems),
    security((), ("bearer" = []))
)]
pub async fn show_prices(
    State(app): State<AppState>,
    viewer: Viewer,
    Path(id): Path<VariantId>,
) -> Result<Response, ApiError> {
    let mut db = snapshot(&app.db).await?;
    let found = store::find(&mut db, id).await?;
    let (product, variant) = visible(&mut db, found, viewer).await?;
    let priced = actions::priced(&mut db, variant).await?;
    Ok(([viewer.caching(product.is_public())], view_prices(priced)).into_response())
}

/// Replaces all prices of a variant.
#[utoipa::path(
    put, path = "/v1/variants/{vid}/prices", operation_id = "put_prices", tag = "products",
    params(("vid" = VariantId, Path, description = "The variant"),
           ("If-Match" = String, Header, description = "The ETag of the variant's version the change is meant for")),
    request_body = PutPrices,
    responses((status = 200, description = "The prices of the variant", body = PricesView, headers(("ETag" = String))), ChangeProblems),
    security(("bearer" = [WRITE]))
)]
pub async fn put_prices(
    State(app): State<AppState>,
    _: Editor,
    Path(id): Path<VariantId>,
    seen: IfMatch,
    Json(body): Json<PutPrices>,
) -> Result<impl IntoResponse, ApiError> {
    let patch = body.parse()?;
    let priced = actions::change(&app.db, None, id, &seen, patch, app.clock.now()).await?;
    Ok(view_prices(priced))
}

fn view_prices(priced: PricedVariant) -> impl IntoResponse {
    (etag::header(priced.variant.version), axum::Json(PricesView::from(priced)))
}
