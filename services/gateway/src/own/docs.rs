//! `/docs`: the interactive reference, with every file of it in the binary.

use std::sync::{Arc, LazyLock};

use anyhow::anyhow;
use axum::body::Body;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use http::{HeaderName, HeaderValue, header};
use portico_common::error::{ApiError, kinds};
use utoipa_swagger_ui::Config;

/// Nothing is loaded from elsewhere and nothing is sent elsewhere; the viewer styles its elements inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
const REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

const PAGE: &str = r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Portico: the API</title>
    <link rel="stylesheet" href="swagger-ui.css">
    <link rel="stylesheet" href="index.css">
    <link rel="icon" type="image/png" href="favicon-32x32.png" sizes="32x32">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <noscript>This page needs JavaScript. The same is in <a href="/openapi.json">/openapi.json</a>.</noscript>
    <script src="swagger-ui-bundle.js"></script>
    <script src="swagger-ui-standalone-preset.js"></script>
    <script src="swagger-initializer.js"></script>
  </body>
</html>
"#;

static VIEWER: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The default validator badge would send the document to a server on the internet.
    let config = Config::from("/openapi.json")
        .validator_url("none")
        .use_base_layout()
        .doc_expansion("none")
        .display_request_duration(true)
        .filter(true)
        .persist_authorization(false)
        .try_it_out_enabled(true);
    Arc::new(config)
});

/// Shows the interactive reference.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "gateway_docs",
    tag = "gateway",
    responses((status = 307, description = "To `/docs/`, the interactive reference"))
)]
pub(super) fn show() -> Response {
    Redirect::temporary("/docs/").into_response()
}

/// A file of the reference; the page itself is the empty name.
pub(super) fn file(name: &str) -> Result<Response, ApiError> {
    if matches!(name, "" | "index.html") {
        return Ok((protection(), Html(PAGE)).into_response());
    }
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&VIEWER))
        .map_err(|error| ApiError::internal(anyhow!("{error}")))?
        .ok_or_else(|| ApiError::new(&kinds::ROUTE_NOT_FOUND, format!("there is nothing at /docs/{name}")))?;
    let media_type = HeaderValue::try_from(file.content_type).map_err(ApiError::internal)?;
    let kind = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, AN_HOUR)];
    Ok((protection(), kind, Body::from(file.bytes)).into_response())
}

fn protection() -> [(HeaderName, HeaderValue); 2] {
    [(header::CONTENT_SECURITY_POLICY, POLICY), (header::REFERRER_POLICY, REFERRER)]
}
