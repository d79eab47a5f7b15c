//! What a collector of traces is told, and what it can do to those who tell it: nothing.

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::get;
use portico_common::middleware::{TraceContext, standard, trace_context_from};
use portico_common::server::ServerConfig;
use portico_common::telemetry::{Decider, EndedRequest, TraceConfig, Traces};
use portico_testkit::{Client, Collector, Mood, Reply, closed_port, traces_to};
use tokio::time::timeout;

use crate::client::{SOON, Server};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

struct Traced {
    server: Server,
    traces: Traces,
}

impl Traced {
    async fn start(config: &TraceConfig) -> Self {
        let traces = Traces::start(config, "things").unwrap();
        let ids = |trace: axum::Extension<TraceContext>| async move { trace.span_id().to_string() };
        let router = Router::new().route("/things/{id}", get(ids)).route("/health/ready", get(|| async {}));
        let config = ServerConfig::local();
        let server = Server::start(standard(router, "things", &config, &traces), config).await;
        Self { server, traces }
    }

    async fn get(&self, path: &str, flags: &str) -> Reply {
        let client = Client::new(self.server.public).with_token("a-token");
        let request = client.request(reqwest::Method::GET, path);
        client.send(request.header("traceparent", format!("00-{TRACE}-{CALLER}-{flags}"))).await
    }
}

/// A request that has ended.
fn tell(traces: &Traces) {
    let headers = HeaderMap::new();
    let span = traces.begin(&mut trace_context_from(&headers), &headers, Decider::Ourselves).unwrap();
    let request = EndedRequest {
        method: &Method::GET,
        route: None,
        path: None,
        status: Some(StatusCode::OK),
        took: Duration::from_millis(1),
    };
    span.end(&request, []);
}

#[tokio::test]
async fn a_request_is_told_under_the_ids_it_has_in_the_log() {
    let collector = Collector::start().await;
    let traced = Traced::start(&collector.config(0.0)).await;

    let reply = traced.get("/things/7?q=a-secret", "01").await;

    let span = collector.span(|_| true).await;
    assert_eq!(span.service, "things");
    assert_eq!(span.name, "GET /things/{id}");
    assert_eq!((span.trace_id.as_str(), span.parent_id.as_str()), (TRACE, CALLER));
    assert_eq!(span.span_id.as_bytes(), reply.bytes);
    assert_eq!(span.attributes["http.request.method"], "GET");
    assert_eq!(span.attributes["http.route"], "/things/{id}");
    assert_eq!(span.attributes["http.response.status_code"], "200");
    assert!(!collector.knows("a-secret") && !collector.knows("a-token"));
}

#[tokio::test]
async fn what_its_caller_did_not_choose_and_health_checks_are_not_told() {
    let collector = Collector::start().await;
    let traced = Traced::start(&collector.config(1.0)).await;

    traced.get("/things/1", "00").await;
    traced.get("/health/ready", "01").await;
    traced.get("/nothing", "01").await;
    traced.traces.finish().await;

    let spans = collector.spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    assert_eq!(spans[0].name, "GET", "a path that is no route is no name");
    assert_eq!(spans[0].attributes["url.path"], "/nothing");
}

#[tokio::test]
async fn what_is_queued_when_the_process_leaves_is_told() {
    let collector = Collector::start().await;
    let traces = Traces::start(&collector.config(1.0), "things").unwrap();

    (0..1_000).for_each(|_| tell(&traces));
    traces.finish().await;

    assert_eq!(collector.spans().len(), 1_000);
    assert_eq!(traces.lost(), Some(0));
}

#[tokio::test]
async fn of_the_traces_that_begin_here_a_share_is_told() {
    let collector = Collector::start().await;
    let traces = Traces::start(&collector.config(0.25), "things").unwrap();
    let headers = HeaderMap::new();

    let begun = (0..1_000).filter_map(|_| {
        let mut trace = trace_context_from(&headers);
        let span = traces.begin(&mut trace, &headers, Decider::Caller);
        assert_eq!(span.is_some(), trace.is_sampled());
        span
    });

    assert!((150..350).contains(&begun.count()));
}

#[tokio::test]
async fn a_collector_that_is_away_fails_or_hangs_changes_nothing() {
    let (fails, hangs) = (Collector::with_mood(Mood::Fails).await, Collector::with_mood(Mood::Hangs).await);
    for address in [closed_port(), fails.address, hangs.address] {
        let traced = Traced::start(&traces_to(address)).await;

        let replies = [traced.get("/things/1", "01").await, traced.get("/things/2", "01").await];

        assert!(replies.iter().all(|reply| reply.status == StatusCode::OK));
        let begun = Instant::now();
        timeout(SOON, traced.traces.finish()).await.expect("an end in time");
        assert!(begun.elapsed() < Duration::from_secs(10), "{address}: {:?}", begun.elapsed());
        let lost = async {
            while traced.traces.lost() != Some(2) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SOON, lost).await.expect("both spans are counted as lost");
    }
}

#[tokio::test]
async fn what_finds_no_room_is_lost_and_never_waited_for() {
    let collector = Collector::with_mood(Mood::Hangs).await;
    let traces = Traces::start(&collector.config(1.0), "things").unwrap();

    (0..5_000).for_each(|_| tell(&traces));

    let lost = traces.lost().unwrap();
    // The queue, and what the thread has taken from it already.
    assert!((5_000 - 2_048 - 2 * 512..=5_000 - 2_048).contains(&lost), "{lost}");
}
