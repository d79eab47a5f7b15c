//! The published keys and the issuer's metadata.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use portico_common::error::{ApiError, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::all_scopes;
use crate::state::AppState;

/// Less than the time a key is published before it signs.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A JWK set (RFC 7517): public members only.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which the JWT library writes")]
pub(crate) struct JwksView {
    /// The keys, each with `kid`, `use` and `alg`.
    keys: Vec<JwkView>,
}

/// A public key.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which the JWT library writes")]
pub(crate) struct JwkView {
    /// `EC`, `OKP` or `RSA`.
    kty: String,
    /// Always `sig`.
    r#use: String,
    /// `ES256`, `EdDSA` or `RS256`; the only algorithm the key may be used with.
    alg: String,
    /// Its RFC 7638 thumbprint.
    kid: String,
    /// The curve of an EC or OKP key.
    crv: Option<String>,
    /// Coordinate of an EC or OKP key.
    x: Option<String>,
    /// Coordinate of an EC key.
    y: Option<String>,
    /// Modulus of an RSA key.
    n: Option<String>,
    /// Exponent of an RSA key.
    e: Option<String>,
}

/// The keys that access tokens are signed with (RFC 7517)
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "get_jwks", tag = "auth", responses(
    (status = 200, description = "The keys; may be cached for five minutes", body = JwksView,
     headers(("ETag" = String, description = "Changes with the keys"))),
    (status = 304, description = "The keys have not changed since the `If-None-Match`"),
    (status = 500, description = "A failure of ours", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn jwks(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    let (body, tag) = app.keyring.document(app.clock.now()).map_err(ApiError::internal)?;
    let tag = format!("\"{tag}\"");
    let held = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_held = held.flat_map(|value| value.split(',')).any(|held| {
        let held = held.trim();
        held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag
    });
    let tag = HeaderValue::try_from(tag).map_err(ApiError::internal)?;
    let caching = [(header::ETAG, tag), (header::CACHE_CONTROL, CACHE)];
    if is_held {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    Ok((caching, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// What the issuer offers to clients that know OAuth (RFC 8414).
///
/// Lists that are empty say so: left out, they would stand for their defaults, which promise grants
/// and an authorization endpoint that do not exist here.
#[derive(Serialize, ToSchema)]
pub(crate) struct MetadataView {
    /// The issuer, as tokens name it.
    issuer: String,
    /// Where the keys are.
    jwks_uri: String,
    /// The scopes tokens can carry.
    scopes_supported: &'static [&'static str],
    /// Empty: there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    /// Empty: there is no OAuth token endpoint.
    grant_types_supported: [&'static str; 0],
}

/// The issuer's metadata (RFC 8414)
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", operation_id = "get_issuer_metadata", tag = "auth", responses(
    (status = 200, description = "The metadata; may be cached for five minutes", body = MetadataView),
))]
pub(crate) async fn metadata(State(app): State<AppState>) -> Response {
    let issuer = app.tokens.issuer();
    let view = MetadataView {
        issuer: issuer.to_owned(),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        scopes_supported: all_scopes(),
        response_types_supported: [],
        grant_types_supported: [],
    };
    ([(header::CACHE_CONTROL, CACHE)], axum::Json(view)).into_response()
}
