//! The extractor that reads the key of a request together with its body.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName};
use axum::response::IntoResponse as _;
use portico_common::error::{ApiError, kinds};
use portico_common::middleware::RequestId;

use super::model::{Key, KeyedRequest, fingerprint};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A body, and what it takes to answer its request only once.
#[derive(Debug)]
pub struct Keyed<B> {
    request: KeyedRequest,
    body: B,
}

impl<B> Keyed<B> {
    /// The request and its body.
    pub fn into_parts(self) -> (KeyedRequest, B) {
        (self.request, self.body)
    }
}

impl<B, S> FromRequest<S> for Keyed<B>
where
    B: FromRequest<S, Rejection = ApiError>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let key = key(request.headers())?;
        let (parts, body) = request.into_parts();
        // The limit on bodies travels with the request, so the copy that is read must keep it.
        let bytes = read(Request::from_parts(parts.clone(), body), state).await?;
        let address = parts.uri.path_and_query().map_or("/", |address| address.as_str());
        let request = KeyedRequest {
            key,
            fingerprint: fingerprint(parts.method.as_str(), address, &bytes),
            path: parts.uri.path().to_owned(),
            request_id: parts.extensions.get::<RequestId>().map_or("", RequestId::as_str).to_owned(),
        };
        let body = B::from_request(Request::from_parts(parts, Body::from(bytes)), state).await?;
        Ok(Self { request, body })
    }
}

fn key(headers: &HeaderMap) -> Result<Option<Key>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = values.next().map(|value| Key::parse(value.as_bytes())).transpose()?;
    match values.next() {
        None => Ok(key),
        Some(_) => Err(ApiError::new(&kinds::INVALID_PARAMETER, "send one Idempotency-Key, not several")),
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.into_response().status() == 413 {
            return ApiError::new(&kinds::BODY_TOO_LARGE, "the body is larger than this path takes");
        }
        ApiError::new(&kinds::MALFORMED_JSON, "the body ended before it was complete")
    })
}
