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

fn advice(status: u16) -> &'static str {
    match status {
        401 => "Get a new access token (refresh, or sign in) and send it as Authorization: Bearer.",
        403 => "Another token will not help unless it has the scope or role the detail names.",
        404 | 410 => "Check the address; what it named is not there, or not visible to this caller.",
        405 => "Use one of the methods in the Allow header.",
        408 => "Send the request again, without a pause in its body.",
        409 | 412 => "Read the resource again, decide anew, and repeat the change on what is there now.",
        413 | 414 | 431 => "Send less at once.",
        415 => "Send the media type that the detail names.",
        422 => "Correct the fields that errors names; each entry has a pointer into the body.",
        428 => "Read the resource first, and send its ETag as If-Match.",
        429 => "Wait as long as Retry-After says, then try again.",
        500 => "Report it with the request id; the reason is in the logs under that id.",
        501 => "Do without it.",
        502..=504 => "Try again, after Retry-After if it is given; report it with the request id if it stays.",
        _ => "Correct the request as the detail says; repeated unchanged it will be refused again.",
    }
}
