//! What a scrape tells, read back by a parser that is stricter than any scraper.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use tower::ServiceExt as _;

use super::*;

type Labels = BTreeMap<String, String>;

/// The samples of a text by name and labels.
#[derive(Debug)]
struct Scrape(BTreeMap<(String, Labels), f64>);

impl Scrape {
    fn of(metrics: &Metrics) -> Self {
        Self::parse(&metrics.render())
    }

    /// Panics on anything that is not exactly as the format says.
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'));
        let mut samples = BTreeMap::new();
        let (mut family, mut kind, mut seen) = (String::new(), String::new(), BTreeSet::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                help.split_once(' ').unwrap().0.clone_into(&mut family);
                assert!(seen.insert(family.clone()), "{family} twice");
                let (name, its_kind) = lines.next().unwrap().strip_prefix("# TYPE ").unwrap().split_once(' ').unwrap();
                assert_eq!(name, family);
                its_kind.clone_into(&mut kind);
                assert!(["counter", "gauge", "histogram"].contains(&its_kind));
                assert_eq!(its_kind == "counter", name.ends_with("_total"), "{name}");
                continue;
            }
            let (name, labels, value) = sample(line);
            let suffix = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} is no {family}"));
            let allowed: &[_] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(allowed.contains(&suffix), "{line}");
            assert!(samples.insert((name, labels), value).is_none(), "{line} twice");
        }
        let scrape = Self(samples);
        scrape.check_histograms();
        scrape
    }

    fn check_histograms(&self) {
        for ((name, labels), count) in self.0.iter().filter(|((name, _), _)| name.ends_with("_count")) {
            let family = name.strip_suffix("_count").unwrap();
            let mut buckets: Vec<_> = self
                .0
                .iter()
                .filter(|((bucket, of), _)| {
                    *bucket == format!("{family}_bucket")
                        && labels.iter().all(|(key, value)| of.get(key) == Some(value))
                })
                .map(|((_, of), value)| (of["le"].replace('+', "").parse::<f64>().unwrap(), *value))
                .collect();
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)));
            assert!(self.0.contains_key(&(format!("{family}_sum"), labels.clone())));
        }
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.0.get(&(name.to_owned(), labels)).copied()
    }

    fn label_values(&self) -> BTreeSet<&str> {
        self.0.keys().flat_map(|(_, labels)| labels.values()).map(String::as_str).collect()
    }
}

fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest),
        None => (Labels::new(), rest),
    };
    (name.to_owned(), labels, value.strip_prefix(' ').unwrap().parse().unwrap())
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_lowercase()) && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reads `name="value",…}`, and gives back what follows.
fn labels(mut rest: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(is_name(name), "{rest}");
        let (value, after) = quoted(after);
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice");
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, after.strip_prefix('}').unwrap()),
        }
    }
}

fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                other => panic!("\\{other}"),
            }),
            _ => value.push(char),
        }
    }
    panic!("{text} does not end")
}

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn what_several_workers_counted_is_added_up() {
    let metrics = Arc::new(Metrics::default());
    let (route, upstream) = (metrics.route("/v1/products"), metrics.upstream("product"));

    let workers = [1_u32, 2, 3].map(|times| {
        let recorder = metrics.recorder();
        thread::spawn(move || {
            for _ in 0..times * 1_000 {
                recorder.request(route, &Method::GET, Some(StatusCode::OK), 2 * MILLISECOND);
                recorder.request(RouteLabel::NONE, &Method::POST, None, MILLISECOND);
                recorder.upstream(upstream, Outcome::Answered(StatusCode::NOT_FOUND));
                recorder.first_byte(upstream, MILLISECOND);
                recorder.refusal("invalid_token", "jwt_expired");
                recorder.token_cache(TokenCache::Hit);
                recorder.received(route, 3);
                recorder.sent(route, 5);
                recorder.retry(upstream, Retry::BudgetExhausted);
                recorder.accepted();
            }
        })
    });
    for worker in workers {
        worker.join().unwrap();
    }

    let scrape = Scrape::of(&metrics);
    let of_route = [("route", "/v1/products")];
    for (name, labels, expected) in [
        ("requests_total", &[("route", "/v1/products"), ("method", "GET"), ("status", "200")][..], 6_000.0),
        ("requests_total", &[("route", "none"), ("method", "POST"), ("status", "499")], 6_000.0),
        ("request_duration_seconds_sum", &of_route, 12.0),
        ("request_duration_seconds_bucket", &[("route", "/v1/products"), ("le", "0.001")], 0.0),
        ("request_duration_seconds_bucket", &[("route", "/v1/products"), ("le", "0.0025")], 6_000.0),
        ("received_bytes_total", &of_route, 18_000.0),
        ("sent_bytes_total", &of_route, 30_000.0),
        ("upstream_requests_total", &[("upstream", "product"), ("outcome", "4xx")], 6_000.0),
        ("upstream_first_byte_seconds_count", &[("upstream", "product")], 6_000.0),
        ("retries_total", &[("upstream", "product"), ("result", "budget_exhausted")], 6_000.0),
        ("refusals_total", &[("code", "invalid_token"), ("reason", "jwt_expired")], 6_000.0),
        ("token_cache_total", &[("result", "hit")], 6_000.0),
        ("connections_accepted_total", &[], 6_000.0),
    ] {
        assert_eq!(scrape.value(&format!("portico_gateway_{name}"), labels), Some(expected), "{name}");
    }
}

#[test]
fn ten_thousand_random_paths_methods_and_statuses_add_no_label_values() {
    let metrics = Metrics::default();
    let recorder = metrics.recorder();
    let route = metrics.route("/v1/products");
    let ask = |method: &str, status| {
        let method = method.parse().unwrap();
        recorder.request(route, &method, StatusCode::from_u16(status).ok(), MILLISECOND);
        recorder.request(RouteLabel::NONE, &method, Some(StatusCode::NOT_FOUND), MILLISECOND);
    };
    ask("OTHER", 998);
    let before = Scrape::of(&metrics).label_values().len();

    for n in 0..10_000_u16 {
        ask(&format!("M{n}"), 600 + n % 400);
    }

    assert_eq!(Scrape::of(&metrics).label_values().len(), before);
}

#[test]
fn refusals_beyond_the_list_are_counted_together() {
    let metrics = Metrics::default();
    let recorder = metrics.recorder();

    for n in 0..1_000 {
        recorder.refusal("invalid_token", String::leak(format!("r{n}")));
    }

    let scrape = Scrape::of(&metrics);
    let count = |code, reason| scrape.value("portico_gateway_refusals_total", &[("code", code), ("reason", reason)]);
    assert_eq!(count("invalid_token", "r0"), Some(1.0));
    assert_eq!(count("other", "other"), Some(1_000.0 - 128.0));
}

#[test]
fn what_is_open_is_counted_until_it_ends() {
    let metrics = Metrics::default();
    let recorder = Rc::new(metrics.recorder());
    let connections = |protocol| Scrape::of(&metrics).value("portico_gateway_connections", &[("protocol", protocol)]);
    let in_flight = || Scrape::of(&metrics).value("portico_gateway_requests_in_flight", &[]);

    let connected = recorder.connected(Protocol::Http2);
    let request = recorder.in_flight();

    assert_eq!((connections("http2"), connections("http1"), in_flight()), (Some(1.0), Some(0.0), Some(1.0)));
    drop((connected, request));
    assert_eq!((connections("http2"), in_flight()), (Some(0.0), Some(0.0)));
}

#[test]
fn a_refused_reload_shows_until_one_is_taken_over() {
    let metrics = Metrics::default();
    let state = || Scrape::of(&metrics).value("portico_gateway_config_last_reload_successful", &[]);
    let failed = || Scrape::of(&metrics).value("portico_gateway_reloads_total", &[("result", "failed")]);
    assert_eq!((state(), failed()), (Some(1.0), Some(0.0)));

    metrics.reload_failed();

    assert_eq!((state(), failed()), (Some(0.0), Some(1.0)));
    metrics.reload_succeeded();
    assert_eq!((state(), failed()), (Some(1.0), Some(1.0)));
}

#[test]
fn a_gauge_is_asked_at_each_scrape_and_may_have_no_answer() {
    let metrics = Metrics::default();
    metrics.gauge("portico_gateway_jwks_age_seconds", "Age.", || Some(1.5));
    metrics.gauge("portico_gateway_revocation_feed_age_seconds", "Age.", || None);

    let scrape = Scrape::of(&metrics);

    assert_eq!(scrape.value("portico_gateway_jwks_age_seconds", &[]), Some(1.5));
    assert_eq!(scrape.value("portico_gateway_revocation_feed_age_seconds", &[]), None);
}

#[tokio::test]
async fn a_scrape_is_answered_as_the_text_format() {
    let router = router(Arc::default());

    let answer = router.oneshot(Request::get("/metrics").body(Body::empty()).unwrap()).await.unwrap();

    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let scrape = Scrape::parse(std::str::from_utf8(&text).unwrap());
    assert_eq!(scrape.value("portico_gateway_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), Some(1.0));
}

proptest! {
    #[test]
    fn any_name_is_told_as_it_is(names in proptest::collection::btree_set(".*", 1..4)) {
        let metrics = Metrics::default();
        let recorder = metrics.recorder();
        for name in &names {
            recorder.upstream(metrics.upstream(name), Outcome::Broken);
        }

        let scrape = Scrape::of(&metrics);

        for name in &names {
            let labels = [("upstream", name.as_str()), ("outcome", "broken")];
            prop_assert_eq!(scrape.value("portico_gateway_upstream_requests_total", &labels), Some(1.0));
        }
    }
}
