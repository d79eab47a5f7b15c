//! Spans of requests: whose, under which parent, and what is never in them.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use portico_common::telemetry::TraceConfig;
use portico_gateway::ProxyConfig;
use portico_testkit::{Client, Collector, Mood, Reply, ToldSpan, traces_to};
use tokio::time::timeout;

use crate::helpers::{PATIENCE, Suite};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

async fn suite(traces: TraceConfig) -> Suite {
    Suite::with_traces(traces, ProxyConfig::default()).await
}

async fn get_as_traced(client: &Client, path: &str, flags: &str) -> Reply {
    let request = client.request(Method::GET, path).header("traceparent", format!("00-{TRACE}-{CALLER}-{flags}"));
    client.send(request).await
}

/// What the service was told of the trace.
fn passed_on(reply: &Reply) -> String {
    let headers = reply.body["headers"].as_array().expect("an echo");
    let header = headers.iter().find(|header| header[0] == "traceparent").expect("a trace");
    header[1].as_str().expect("text").to_owned()
}

async fn span_of(collector: &Collector, reply: &Reply) -> ToldSpan {
    let id = reply.header("x-request-id");
    collector.span(|span| span.attributes.get("portico.request.id").is_some_and(|told| told == id)).await
}

/// Stops the gateway, and waits until it has ended.
async fn stop(mut suite: Suite) {
    suite.gateway.lifecycle.stop();
    timeout(PATIENCE, &mut suite.gateway.task).await.expect("an end in time").expect("an orderly end");
}

#[tokio::test]
async fn the_service_goes_on_under_the_span_of_the_gateway() {
    let collector = Collector::start().await;
    let suite = suite(collector.config(1.0)).await;

    let reply = suite.customer().get("/v1/open/echo?password=a-secret").await;

    let span = span_of(&collector, &reply).await;
    assert_eq!(passed_on(&reply), format!("00-{}-{}-01", span.trace_id, span.span_id));
    assert_eq!((span.service.as_str(), span.name.as_str()), ("gateway", "GET /v1/open"));
    assert_eq!(span.parent_id, "");
    let told = |key: &str| span.attributes.get(key).map(String::as_str);
    assert_eq!(told("http.request.method"), Some("GET"));
    assert_eq!(told("http.route"), Some("/v1/open"));
    assert_eq!(told("url.path"), Some("/v1/open/echo"));
    assert_eq!(told("http.response.status_code"), Some("200"));
    assert_eq!(told("portico.upstream"), Some("shop"));
    assert_eq!(told("portico.reason"), None);
}

#[tokio::test]
async fn a_refused_request_has_a_span_with_the_reason_and_without_its_secrets() {
    let collector = Collector::start().await;
    let suite = suite(collector.config(1.0)).await;

    let refused = suite.client().with_token("a-bad-token").get("/v1/closed/echo?password=a-secret").await;

    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let span = span_of(&collector, &refused).await;
    assert_eq!(span.attributes["portico.problem.code"], refused.body["code"].as_str().expect("a code"));
    assert!(!span.attributes["portico.reason"].is_empty());
    assert_eq!(span.attributes["http.response.status_code"], "401");
    assert!(!collector.knows("a-bad-token") && !collector.knows("a-secret"));
}

#[tokio::test]
async fn bytes_that_are_no_request_have_a_span_too() {
    let collector = Collector::start().await;
    let suite = suite(collector.config(1.0)).await;

    let refused = suite.raw("GET /v1/open/echo HTTP/1.1\nHost: a\nBad Header: x").await;

    assert_eq!(refused.status, 400);
    let span = collector.span(|span| span.attributes.contains_key("portico.reason")).await;
    assert_eq!(span.name, "HTTP");
    assert_eq!(span.attributes["http.request.method"], "_OTHER");
}

#[tokio::test]
async fn a_client_cannot_choose_that_it_is_traced() {
    let collector = Collector::start().await;
    let suite = suite(collector.config(0.0)).await;

    let reply = get_as_traced(&suite.client(), "/v1/open/echo", "01").await;
    stop(suite).await;

    assert!(passed_on(&reply).starts_with(&format!("00-{TRACE}-")), "it keeps its trace");
    assert!(passed_on(&reply).ends_with("-00"), "{}", passed_on(&reply));
    assert_eq!(collector.spans(), []);
}

#[tokio::test]
async fn a_caller_that_is_trusted_chooses() {
    let collector = Collector::start().await;
    let trusts = ProxyConfig { trust_traceparent: true, ..ProxyConfig::default() };
    let suite = Suite::with_traces(collector.config(1.0), trusts).await;

    let chosen = get_as_traced(&suite.client(), "/v1/open/echo", "01").await;
    let left_out = get_as_traced(&suite.client(), "/v1/open/echo", "00").await;
    stop(suite).await;

    let span = span_of(&collector, &chosen).await;
    assert_eq!((span.trace_id.as_str(), span.parent_id.as_str()), (TRACE, CALLER));
    assert!(passed_on(&left_out).ends_with("-00"));
    assert_eq!(collector.spans(), [span]);
}

#[tokio::test]
async fn without_a_collector_the_flag_is_passed_on_as_it_came() {
    let suite = Suite::start().await;

    for flags in ["00", "01"] {
        let reply = get_as_traced(&suite.client(), "/v1/open/echo", flags).await;
        assert!(passed_on(&reply).ends_with(&format!("-{flags}")));
    }
}

#[tokio::test]
async fn a_collector_that_is_away_fails_or_hangs_changes_no_answer_and_holds_no_process() {
    let (fails, hangs) = (Collector::with_mood(Mood::Fails).await, Collector::with_mood(Mood::Hangs).await);
    for address in [portico_testkit::closed_port(), fails.address, hangs.address] {
        let suite = suite(traces_to(address)).await;

        for _ in 0..20 {
            assert_eq!(suite.client().get("/v1/open/echo").await.status, StatusCode::OK);
        }
        let metrics = Client::new(suite.gateway.internal).get("/metrics").await;

        assert!(String::from_utf8_lossy(&metrics.bytes).contains("portico_gateway_trace_spans_lost "));
        let begun = Instant::now();
        stop(suite).await;
        assert!(begun.elapsed() < Duration::from_secs(10), "{address}: {:?}", begun.elapsed());
    }
}
