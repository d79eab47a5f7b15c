//! `/problems/{code}`: what an error code means, for people and for programs.

use std::fmt::Write as _;

use axum::Json;
use axum::response::{Html, IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, header};
use portico_common::error::{ApiError, Problem, kinds};
use serde::Serialize;
use utoipa::ToSchema;

use super::wants_html;
use crate::gateway::Gateway;
use crate::openapi::KnownProblem;
use crate::problems::advice;

const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'");
const VARIES: (HeaderName, HeaderValue) = (header::VARY, HeaderValue::from_static("accept"));

const STYLE: &str = "body{font:1rem/1.6 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;\
     color:#222;background:#fff}code{font-family:ui-monospace,monospace}dt{font-weight:600}\
     @media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}a{color:#8bf}}";

/// What an error code means.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemPage)]
pub(super) struct Page {
    /// The `type` of such problems: this page's path.
    #[serde(rename = "type")]
    kind: String,
    /// The code.
    code: String,
    /// What went wrong, in a few words.
    title: String,
    /// The HTTP status it comes with.
    status: u16,
    /// What a client does about it.
    #[schema(value_type = String)]
    advice: &'static str,
    /// Who answers with it.
    services: Vec<String>,
}

/// Every error code there is.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemPages)]
pub(super) struct Pages {
    /// In the order of the codes.
    items: Vec<Page>,
}

/// Lists every error code there is.
#[utoipa::path(
    get,
    path = "/problems",
    operation_id = "gateway_problems",
    tag = "gateway",
    responses((status = 200, description = "All of them, as HTML or JSON by `Accept`", body = Pages))
)]
pub(super) async fn list(gateway: &Gateway, head: &Parts) -> Response {
    let published = gateway.reference().current().await;
    let items: Vec<Page> = published.problems.values().map(Page::from).collect();
    if !wants_html(head) {
        return ([VARIES], Json(Pages { items })).into_response();
    }
    let mut rows = String::from("<h1>Problems</h1><dl>");
    for Page { kind, code, title, status, .. } in &items {
        // Writing to a String cannot fail.
        let _ = write!(
            rows,
            "<dt><a href=\"{}\"><code>{}</code></a></dt><dd>{status}: {}</dd>",
            escape(kind),
            escape(code),
            escape(title)
        );
    }
    rows.push_str("</dl>");
    html("Problems", &rows)
}

/// Explains an error code.
#[utoipa::path(
    get,
    path = "/problems/{code}",
    operation_id = "gateway_problem",
    tag = "gateway",
    params(("code" = String, Path, description = "The `code` of a problem", example = "invalid_token")),
    responses(
        (status = 200, description = "What it means, as HTML or JSON by `Accept`", body = Page),
        (status = 404, description = "There is no such code", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(gateway: &Gateway, head: &Parts, code: &str) -> Result<Response, ApiError> {
    let published = gateway.reference().current().await;
    let problem = published.problems.get(code).ok_or_else(|| {
        ApiError::new(&kinds::NOT_FOUND, "no service has a problem of that code; /problems lists all")
    })?;
    let page = Page::from(problem);
    Ok(if wants_html(head) { page.into_html() } else { ([VARIES], Json(page)).into_response() })
}

impl From<&KnownProblem> for Page {
    fn from(problem: &KnownProblem) -> Self {
        let KnownProblem { code, title, status, services } = problem.clone();
        Self { kind: format!("/problems/{code}"), code, title, status, advice: advice(status), services }
    }
}

impl Page {
    fn into_html(self) -> Response {
        let Self { code, title, status, advice, services, .. } = self;
        let (code, title) = (escape(&code), escape(&title));
        let services = escape(&services.join(", "));
        let body = format!(
            "<h1>{title}</h1><dl><dt>Code</dt><dd><code>{code}</code></dd><dt>Status</dt><dd>{status}</dd>\
             <dt>What to do</dt><dd>{advice}</dd><dt>Answered by</dt><dd>{services}</dd></dl>\
             <p><a href=\"/problems\">All problems</a> · <a href=\"/docs/\">The API</a></p>"
        );
        html(&title, &body)
    }
}

fn html(title: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    );
    ([(header::CONTENT_SECURITY_POLICY, POLICY), VARIES], Html(page)).into_response()
}

/// The text as it stands in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
