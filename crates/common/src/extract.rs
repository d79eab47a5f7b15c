//! Extractors that refuse bad input with our problems instead of axum's plain text.

use std::error::Error as _;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::{ApiError, FieldErrors, Invalid, kinds};
use crate::middleware::BodyTooSlow;

const MERGE_PATCH: &str = "application/merge-patch+json";
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// A JSON body. Malformed → 400, another media type → 415, a field that does not fit → 422 with its pointer.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !has_media_type(request.headers(), |essence| essence == "application/json") {
            return Err(unsupported("send the body as application/json"));
        }
        read_json(request, state).await.map(Self)
    }
}

/// A JSON body that may be left out: an empty one is `T::default()`.
#[derive(Debug, Clone)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = read_bytes(Request::from_parts(parts.clone(), body), state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        Json::from_request(Request::from_parts(parts, bytes.into()), state).await.map(|Json(body)| Self(body))
    }
}

/// A JSON merge patch (RFC 7396); use [`present`] for fields that can be set to null.
#[derive(Debug, Clone)]
pub struct MergePatch<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MergePatch<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !has_media_type(request.headers(), |essence| essence == MERGE_PATCH) {
            return Err(unsupported("send the patch as application/merge-patch+json")
                .with_header(ACCEPT_PATCH, HeaderValue::from_static(MERGE_PATCH)));
        }
        read_json(request, state).await.map(Self)
    }
}

/// Reads a merge-patch field: absent is `None`, null is `Some(None)`. Use with `#[serde(default, deserialize_with)]`.
///
/// # Errors
/// The value is neither null nor a `T`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The query string; an unknown parameter is refused when `T` denies unknown fields, and ours do.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        check_decoded(query)?;
        serde_html_form::from_str(query)
            .map(Self)
            .map_err(|error| ApiError::new(&kinds::INVALID_PARAMETER, format!("query: {error}")))
    }
}

/// The parameters of the path, such as the id of `/v1/things/{id}`.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        check_decoded(parts.uri.path())?;
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|error| ApiError::new(&kinds::INVALID_PARAMETER, format!("path: {}", error.body_text())))
    }
}

/// Postgres keeps no NUL in text, and nothing good comes of one in a URL.
fn check_decoded(encoded: &str) -> Result<(), ApiError> {
    let decoded = percent_encoding::percent_decode_str(encoded);
    match decoded.decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(()),
        Ok(_) => Err(ApiError::new(&kinds::INVALID_PARAMETER, "the address contains a NUL character")),
        Err(_) => Err(ApiError::new(&kinds::INVALID_PARAMETER, "the address is not valid UTF-8")),
    }
}

fn has_media_type(headers: &HeaderMap, fits: impl Fn(&str) -> bool) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    fits(&essence.trim().to_ascii_lowercase())
}

fn unsupported(detail: &'static str) -> ApiError {
    ApiError::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail)
}

async fn read_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| refuse_body(&rejection))
}

fn refuse_body(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(&kinds::BODY_TOO_LARGE, "the body is larger than this path takes");
    }
    if came_too_slowly(rejection) {
        return ApiError::new(&kinds::BODY_TOO_SLOW, "the body did not arrive in time; send it again, whole");
    }
    ApiError::new(&kinds::MALFORMED_JSON, "the body ended before it was complete")
}

fn came_too_slowly(rejection: &BytesRejection) -> bool {
    let mut cause = rejection.source();
    while let Some(error) = cause {
        if error.is::<BodyTooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}

async fn read_json<T: DeserializeOwned, S: Send + Sync>(request: Request, state: &S) -> Result<T, ApiError> {
    let bytes = read_bytes(request, state).await?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::new(&kinds::MALFORMED_JSON, format!("the body is not JSON: {error}")))?;
    let mut errors = FieldErrors::default();
    // serde would read an array as the fields of a struct in their order.
    if !value.is_object() {
        errors.add("", Invalid::new("wrong_type", "the body must be a JSON object"));
    }
    refuse_nul(&value, &mut String::new(), &mut errors);
    errors.finish()?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        let detail = error.inner().to_string();
        ApiError::field(pointer(error.path(), &detail), Invalid::new(rule(&detail), detail))
    })
}

/// Postgres cannot keep a NUL in text: refused here, once, with the place it stands in.
fn refuse_nul(value: &Value, at: &mut String, errors: &mut FieldErrors) {
    let nul = || Invalid::new("nul_character", "text must not contain the NUL character");
    match value {
        Value::String(text) if text.contains('\0') => errors.add(at.clone(), nul()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                descend(at, &index.to_string(), |at| refuse_nul(item, at, errors));
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if name.contains('\0') {
                    errors.add(at.clone(), nul());
                }
                descend(at, &escape(name), |at| refuse_nul(member, at, errors));
            }
        }
        _ => {}
    }
}

fn descend(at: &mut String, segment: &str, visit: impl FnOnce(&mut String)) {
    let length = at.len();
    at.push('/');
    at.push_str(segment);
    visit(at);
    at.truncate(length);
}

fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

fn rule(detail: &str) -> &'static str {
    match detail {
        _ if detail.starts_with("unknown field") => "unknown_field",
        _ if detail.starts_with("missing field") => "required",
        _ if detail.starts_with("unknown variant") => "not_one_of",
        _ => "wrong_type",
    }
}

/// The JSON pointer of a serde path. A missing field's own name is only in serde's message.
fn pointer(path: &serde_path_to_error::Path, detail: &str) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&escape(key)),
            Segment::Enum { variant } => pointer.push_str(&escape(variant)),
            Segment::Unknown => pointer.push('?'),
        }
    }
    if let Some(name) = detail.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        pointer.push('/');
        pointer.push_str(&escape(name));
    }
    pointer
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Gizmo {
        #[expect(dead_code, reason = "read by serde only")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "read by serde only")]
        parts: Vec<Part>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        #[expect(dead_code, reason = "read by serde only")]
        count: u8,
    }

    async fn post(content_type: &str, body: impl Into<Body>) -> (u16, Value) {
        let request = Request::post("/").header(header::CONTENT_TYPE, content_type).body(body.into()).unwrap();
        let error = match Json::<Gizmo>::from_request(request, &()).await {
            Ok(_) => return (200, Value::Null),
            Err(error) => error.into_response(),
        };
        let status = error.status().as_u16();
        let bytes = error.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_body_that_is_not_json_is_400() {
        for body in ["", "{", "nonsense", "{\"name\": \"x\"} trailing", "\u{feff}{}"] {
            assert_eq!(post("application/json", body).await.0, 400, "{body}");
        }
        assert_eq!(post("application/json", vec![b'"', 0xff, b'"']).await.0, 400);
        assert_eq!(post("application/json", "[".repeat(100_000)).await.0, 400);
    }

    #[tokio::test]
    async fn another_media_type_is_415() {
        assert_eq!(post("text/plain", "{}").await.0, 415);
        assert_eq!(post("application/json; charset=utf-8", "{\"name\":\"x\"}").await.0, 200);
    }

    #[tokio::test]
    async fn a_field_that_does_not_fit_is_422_with_its_pointer() {
        for (body, pointer, code) in [
            (r#"{"name":"x","colour":"red"}"#, "/colour", "unknown_field"),
            (r#"{"name":7}"#, "/name", "wrong_type"),
            (r#"{"parts":[]}"#, "/name", "required"),
            (r#"{"name":"x","parts":[{"count":1},{"count":300}]}"#, "/parts/1/count", "wrong_type"),
            (r#"{"name":"a\u0000b"}"#, "/name", "nul_character"),
            (r#"["x",[]]"#, "", "wrong_type"),
            ("null", "", "wrong_type"),
        ] {
            let (status, problem) = post("application/json", body).await;

            assert_eq!(status, 422, "{body}");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
            assert_eq!(problem["errors"][0]["code"], code, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_is_a_server_error(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();

            let (status, _) = runtime.block_on(post("application/json", body));

            prop_assert!(status < 500);
        }
    }
}
