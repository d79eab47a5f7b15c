//! What the gateway answers itself.

mod docs;
mod health;
mod problem_pages;
mod reference;
mod root;

use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use portico_common::error::{ApiError, FieldError, Problem, kinds};
pub(crate) use problem_pages::escape;
use utoipa::OpenApi as _;

use crate::frame::METHODS;
use crate::gateway::Gateway;
use crate::routes::{OWN_PATHS, covers};

/// The description of what the gateway answers itself; the services' are merged into it.
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Portico",
        description = "Everything behind the gateway, in one document. Errors are RFC 9457 problems; `/problems/{code}` explains each.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "This gateway")),
    tags((name = "gateway", description = "What the gateway answers itself")),
    components(schemas(Problem, FieldError)),
    paths(
        root::show,
        health::show,
        reference::show,
        docs::show,
        problem_pages::list,
        problem_pages::show,
    )
)]
struct Api;

/// A path of the gateway's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Own<'a> {
    /// `/`, when nothing is routed there.
    Root,
    /// `/healthz`.
    Health,
    /// `/openapi.json`.
    Reference,
    /// `/docs`, and a file of it.
    Docs(Option<&'a str>),
    /// `/problems`.
    Problems,
    /// `/problems/{code}`.
    Problem(&'a str),
    /// Nothing, below one of these.
    Nothing(&'a str),
}

impl<'a> Own<'a> {
    /// What the gateway answers itself at `path`; the root only if no route takes it.
    pub fn find(path: &'a str, is_routed: bool) -> Option<Self> {
        if path == "/" && !is_routed {
            return Some(Self::Root);
        }
        OWN_PATHS.iter().find(|own| covers(own, path))?;
        Some(match path {
            "/healthz" => Self::Health,
            "/openapi.json" => Self::Reference,
            "/docs" => Self::Docs(None),
            "/problems" => Self::Problems,
            _ => {
                let file = path.strip_prefix("/docs/").map(|file| Self::Docs(Some(file)));
                let code = || path.strip_prefix("/problems/").map(Self::Problem);
                file.or_else(code).unwrap_or(Self::Nothing(path))
            }
        })
    }

    /// The path without what varies in it, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Health => "/healthz",
            Self::Reference => "/openapi.json",
            Self::Docs(_) => "/docs",
            Self::Problems => "/problems",
            Self::Problem(_) => "/problems/{code}",
            Self::Nothing(_) => "none",
        }
    }

    /// Answers; only to be read.
    pub async fn answer(&self, gateway: &Gateway, head: &Parts) -> Result<Response, ApiError> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            let detail = format!("{} is only read", head.uri.path());
            return Err(ApiError::new(&kinds::METHOD_NOT_ALLOWED, detail)
                .with_header(header::ALLOW, HeaderValue::from_static("GET, HEAD")));
        }
        match self {
            Self::Root => Ok(root::show()),
            Self::Health => health::show(gateway),
            Self::Reference => Ok(reference::show(gateway, head).await),
            Self::Docs(None) => Ok(docs::show()),
            Self::Docs(Some(file)) => docs::file(file),
            Self::Problems => Ok(problem_pages::list(gateway, head).await),
            Self::Problem(code) => problem_pages::show(gateway, head, code).await,
            Self::Nothing(path) => Err(ApiError::new(&kinds::ROUTE_NOT_FOUND, format!("there is nothing at {path}"))),
        }
    }
}

/// The answer to `OPTIONS *`.
pub(crate) fn abilities() -> Response {
    (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response()
}

/// What every answer of the gateway's own carries.
pub(crate) fn harden(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// Whether a person reads the answer in a browser.
fn wants_html(head: &Parts) -> bool {
    reads_html(&head.headers)
}

/// Whether who sends these headers prefers a page.
pub(crate) fn reads_html(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_paths_are_found_with_what_is_below_them() {
        assert_eq!(Own::find("/docs/", false), Some(Own::Docs(Some(""))));
        assert_eq!(Own::find("/docs/a.js", true), Some(Own::Docs(Some("a.js"))));
        assert_eq!(Own::find("/problems/x", false), Some(Own::Problem("x")));
        assert_eq!(Own::find("/healthz/x", false), Some(Own::Nothing("/healthz/x")));
        assert_eq!(Own::find("/docsx", false), None);
        assert_eq!(Own::find("/", false), Some(Own::Root));
        assert_eq!(Own::find("/", true), None);
    }
}
