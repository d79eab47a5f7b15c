//! Answers made smaller for clients that take them so (RFC 9110 section 12.5.3): brotli, zstd or gzip.
//!
//! Only what is text, whole and of some size, and never what is somebody's secret: an answer that nobody may store is
//! left alone, since the size of what holds a secret beside what others chose tells of it (BREACH). So is one with a
//! strong `ETag`, which names these very bytes and which `If-Match` needs as it is.

use std::convert::Infallible;
use std::future::ready;

use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Body as _;
use tower::{ServiceExt as _, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::Compression;

use crate::body::ReplyBody;

/// Below it the headers are half of the answer.
const LEAST_BYTES: u64 = 1024;

const TEXT: [&str; 9] = [
    "application/javascript",
    "application/json",
    "application/problem+json",
    "application/xml",
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/plain",
];

/// Makes an answer smaller, if it is worth it and `accepted` allows it.
pub(crate) async fn compress(response: Response<ReplyBody>, accepted: HeaderValue) -> Response<ReplyBody> {
    if !is_worth_it(&response) {
        return response;
    }
    let mut request = Request::new(());
    request.headers_mut().insert(header::ACCEPT_ENCODING, accepted);
    let mut response = Some(response);
    let answer = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(response.take().unwrap_or_else(|| Response::new(ReplyBody::empty()))))
    });
    let always = |_: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| true;
    let compressing = Compression::new(answer).quality(CompressionLevel::Fastest).compress_when(always);
    match compressing.oneshot(request).await {
        Ok(compressed) => compressed.map(|body| ReplyBody::Compressed(Box::new(body))),
        Err(never) => match never {},
    }
}

fn is_worth_it(response: &Response<ReplyBody>) -> bool {
    let headers = response.headers();
    let is_large = response.body().size_hint().exact().is_some_and(|length| length >= LEAST_BYTES);
    let names_its_bytes = headers.get(header::ETAG).is_some_and(|tag| !tag.as_bytes().starts_with(b"W/"));
    is_large
        && !names_its_bytes
        && is_text(headers)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::CONTENT_RANGE)
        && !headers.contains_key(header::SET_COOKIE)
        && !may_not_be_changed(headers)
}

fn is_text(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    TEXT.iter().any(|text| essence.eq_ignore_ascii_case(text))
}

fn may_not_be_changed(headers: &HeaderMap) -> bool {
    let directives =
        headers.get_all(header::CACHE_CONTROL).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    directives
        .map(<[u8]>::trim_ascii)
        .any(|directive| directive.eq_ignore_ascii_case(b"no-store") || directive.eq_ignore_ascii_case(b"no-transform"))
}
