//! What is in force now, for whoever runs the gateway: `GET /admin` on the internal listener, as one plain page or as
//! JSON by `Accept`. It only tells.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;

use crate::gateway::Gateway;
use crate::limit::Store;
use crate::own::{escape, reads_html};
use crate::routes::{Route, Share, TokenRule};
use crate::upstream::{EndpointView, Upstream};
use crate::validation::Enforced;

const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'");

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}\
     table{border-collapse:collapse;margin-bottom:2rem}th,td{text-align:left;padding:.2rem 1rem .2rem 0;border-bottom:1px solid #ccc}\
     @media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}}";

/// Everything there is to tell.
#[derive(Serialize)]
struct View {
    routes: Vec<RouteView>,
    upstreams: Vec<UpstreamView>,
    /// What became of the documents that requests are held against.
    documents: Vec<DocumentView>,
    /// The ids of the keys that tokens are checked with.
    keys: Vec<String>,
    /// Whether the shared store of rate limits can be asked, if there is one.
    limit_store_available: Option<bool>,
    /// Whether the route file that was read last is in force.
    routes_are_current: bool,
    /// The same of the certificate, if TLS is spoken.
    certificate_is_current: Option<bool>,
    /// What is held of public answers, if some route has a cache.
    cache_bytes: Option<usize>,
}

#[derive(Serialize)]
struct RouteView {
    prefix: String,
    upstream: String,
    token: TokenRule,
    timeout_secs: f64,
    idle_timeout_secs: f64,
    total_timeout_secs: Option<f64>,
    body_limit_bytes: u64,
    /// Whether public answers are kept.
    cache: bool,
    /// Whether requests are held against the service's document.
    validate: bool,
    /// Who answers a share of the requests instead, and who gets a copy of a share.
    canary: Option<SplitView>,
    mirror: Option<SplitView>,
    /// As `RateLimit-Policy` says them.
    limits: Vec<String>,
}

#[derive(Serialize)]
struct SplitView {
    upstream: String,
    percent: Share,
}

#[derive(Serialize)]
struct UpstreamView {
    name: String,
    /// Requests up to the heads of their answers, and how many there may be at once.
    in_flight: usize,
    concurrency_limit: usize,
    endpoints: Vec<EndpointView>,
}

#[derive(Serialize)]
struct DocumentView {
    upstream: String,
    standing: &'static str,
}

/// The page, for the internal listener.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().route("/admin", get(show)).with_state(gateway)
}

async fn show(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    let view = View::of(&gateway);
    let caching = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    if !reads_html(&headers) {
        return (caching, Json(view)).into_response();
    }
    (caching, [(header::CONTENT_SECURITY_POLICY, POLICY)], Html(view.page())).into_response()
}

impl View {
    fn of(gateway: &Gateway) -> Self {
        let (routing, now) = (gateway.routing.load(), Instant::now());
        let mut upstreams: Vec<_> =
            routing.table.upstreams().iter().map(|upstream| UpstreamView::of(upstream, now)).collect();
        upstreams.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            routes: routing.table.routes().iter().map(|route| RouteView::of(route)).collect(),
            upstreams,
            documents: routing.table.enforced().iter().map(DocumentView::of).collect(),
            keys: gateway.verifier.key_ids(),
            limit_store_available: gateway.limiter.store().map(Store::is_available),
            routes_are_current: gateway.metrics.is_reload_good(),
            certificate_is_current: gateway.tls.as_ref().map(|tls| tls.is_current()),
            cache_bytes: gateway.caches.held_bytes(),
        }
    }

    fn page(&self) -> String {
        let routes = self.routes.iter().map(|route| {
            let split = |split: &Option<SplitView>| split.as_ref().map_or_else(|| "–".to_owned(), SplitView::text);
            let limits = if route.limits.is_empty() { "–".to_owned() } else { route.limits.join(", ") };
            [
                route.prefix.clone(),
                route.upstream.clone(),
                format!("{:?}", route.token),
                format!("{} s", route.timeout_secs),
                format!("{} bytes", route.body_limit_bytes),
                if route.cache { "yes" } else { "–" }.to_owned(),
                if route.validate { "checked" } else { "–" }.to_owned(),
                split(&route.canary),
                split(&route.mirror),
                limits,
            ]
        });
        let upstreams = self.upstreams.iter().map(|upstream| {
            [upstream.name.clone(), upstream.in_flight.to_string(), upstream.concurrency_limit.to_string()]
        });
        let endpoints = self.upstreams.iter().flat_map(|upstream| {
            upstream.endpoints.iter().map(|endpoint| {
                [
                    upstream.name.clone(),
                    endpoint.address.to_string(),
                    endpoint.standing.to_owned(),
                    endpoint.in_flight.to_string(),
                    format!("{:.1} ms", endpoint.average_ms),
                ]
            })
        });
        let documents = self.documents.iter().map(|view| [view.upstream.clone(), view.standing.to_owned()]);
        let keys = self.keys.iter().map(|key| [key.clone()]);
        let is_current = |is_current: bool| if is_current { "in force" } else { "refused; the one before is in force" };
        let mut files = vec![["routes".to_owned(), is_current(self.routes_are_current).to_owned()]];
        files.extend(
            self.certificate_is_current.map(|current| ["certificate".to_owned(), is_current(current).to_owned()]),
        );
        let mut page =
            format!("<!doctype html><meta charset=utf-8><title>Gateway</title><style>{STYLE}</style><h1>Gateway</h1>");
        let columns =
            ["Prefix", "Upstream", "Token", "Timeout", "Body", "Cache", "Requests", "Canary", "Mirror", "Limits"];
        page += &table("Routes", columns, routes);
        page += &table("Upstreams", ["Name", "In flight", "At once at most"], upstreams);
        page += &table("Endpoints", ["Upstream", "Address", "Standing", "In flight", "Average"], endpoints);
        page += &table("Documents requests are held against", ["Upstream", "Standing"], documents);
        page += &table("Keys", ["Id"], keys);
        page += &table("Files read last", ["File", ""], files);
        page
    }
}

impl RouteView {
    fn of(route: &Route) -> Self {
        let sets = [&route.limits_of_clients, &route.limits_of_subjects];
        Self {
            prefix: route.prefix.clone(),
            upstream: route.upstream.name.clone(),
            token: route.token,
            timeout_secs: route.limits.timeout.as_secs_f64(),
            idle_timeout_secs: route.limits.idle_timeout.as_secs_f64(),
            total_timeout_secs: route.limits.total_timeout.map(|total| total.as_secs_f64()),
            body_limit_bytes: route.limits.body_bytes,
            cache: route.cache.is_some(),
            validate: route.enforced.is_some(),
            canary: route.canary.as_ref().map(|canary| SplitView::of(&canary.route.upstream, canary.share)),
            mirror: route.mirror.as_ref().map(|mirror| SplitView::of(&mirror.upstream, mirror.share)),
            limits: sets.iter().filter(|set| !set.is_empty()).map(|set| set.description().to_owned()).collect(),
        }
    }
}

impl DocumentView {
    fn of((upstream, enforced): (&String, &Arc<Enforced>)) -> Self {
        Self { upstream: upstream.clone(), standing: enforced.standing() }
    }
}

impl SplitView {
    fn of(upstream: &Upstream, percent: Share) -> Self {
        Self { upstream: upstream.name.clone(), percent }
    }

    fn text(&self) -> String {
        format!("{}, {} %", self.upstream, f64::from(self.percent))
    }
}

impl UpstreamView {
    fn of(upstream: &Upstream, now: Instant) -> Self {
        Self {
            name: upstream.name.clone(),
            in_flight: upstream.gate.in_flight(),
            concurrency_limit: upstream.gate.limit(),
            endpoints: upstream.endpoints.view(now),
        }
    }
}

fn table<const COLUMNS: usize>(
    title: &str,
    columns: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = format!("<h2>{title}</h2><table><tr>");
    // Writing to a String cannot fail.
    for column in columns {
        let _ = write!(table, "<th>{column}</th>");
    }
    for row in rows {
        table.push_str("</tr><tr>");
        for cell in row {
            let _ = write!(table, "<td>{}</td>", escape(&cell));
        }
    }
    table + "</tr></table>"
}
