//! Every endpoint of the service, on one screen.

use portico_service::AppState;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{
    categories::http as categories, products::http as products, search::http as search, variants::http as variants,
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Portico products", description = "The catalogue: products, variants, prices, categories, search."),
    tags(
        (name = "products", description = "What is for sale: products, their variants and prices, and search"),
        (name = "categories", description = "The tree that products are put into"),
    ),
)]
struct Document;

/// Every endpoint.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(products::list, products::create))
        .routes(routes!(products::show, products::patch, products::delete))
        .routes(routes!(products::show_by_slug))
        .routes(routes!(products::publish))
        .routes(routes!(products::archive))
        .routes(routes!(variants::list, variants::create))
        .routes(routes!(variants::show, variants::patch, variants::delete))
        .routes(routes!(variants::show_prices, variants::put_prices))
        .routes(routes!(variants::show_by_sku))
        .routes(routes!(categories::list, categories::create))
        .routes(routes!(categories::show, categories::patch, categories::delete))
        .routes(routes!(search::search))
}
