//! The endpoint of search.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use portico_common::error::ApiError;
use portico_common::extract::Query;
use portico_common::page::{Limit, Page};
use portico_service::AppState;
use portico_service::database::snapshot;
use portico_service::docs::ListProblems;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::IntoParams;

use super::store::{self, Found};
use crate::products::{self, ProductId, ProductView};
use crate::viewer::Viewer;

/// What to search for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchParams {
    /// The words; `"exact words"`, `or` and `-not` are understood.
    #[param(min_length = 1, max_length = 200, example = "wool scarf")]
    q: String,
    /// How many to return, 1 to 100; 25 when left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What a cursor of a search belongs to.
#[derive(Serialize)]
struct Searched {
    search_for: String,
}

/// Searches the active products: title first, then tags and SKUs, then description. The best fit comes first.
#[utoipa::path(
    get, path = "/v1/search", operation_id = "search_products", tag = "products",
    params(SearchParams),
    responses(
        (status = 200, description = "A page of products", body = Page<ProductView>, headers(("Link" = String, description = "The next page (RFC 8288)"))),
        ListProblems,
    ),
    security((), ("bearer" = []))
)]
pub async fn search(
    State(app): State<AppState>,
    viewer: Viewer,
    Query(params): Query<SearchParams>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let limit = Limit::parse(params.limit)?;
    let searched = Searched { search_for: products::search_text(&params.q)? };
    let after = params.cursor.map(|cursor| app.cursors.open(&searched, &cursor)).transpose()?;
    let mut db = snapshot(&app.db).await?;
    let rows = store::page(&mut db, &searched.search_for, after, limit.rows()).await?;
    let seal = |row: &Found| app.cursors.seal(&searched, &(row.rank, row.id));
    let page = Page::from_rows(rows, limit, seal, |row| row.id);
    let items = views(&mut db, &page.items).await?;
    Ok(([viewer.caching(true)], Page { items, page: page.page }.respond(&uri)).into_response())
}

/// The products with these ids, in this order.
async fn views(db: &mut PgConnection, ids: &[ProductId]) -> Result<Vec<ProductView>, sqlx::Error> {
    let found = products::find_all(db, ids).await?;
    let mut by_id: HashMap<_, _> = found.into_iter().map(|product| (product.id, product)).collect();
    let in_order = ids.iter().filter_map(|id| by_id.remove(id)).collect();
    Ok(products::complete_all(db, in_order).await?.into_iter().map(ProductView::from).collect())
}
