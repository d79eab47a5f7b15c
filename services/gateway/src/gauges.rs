//! What scrapes are told of upstreams that the upstreams themselves know.

use std::sync::Arc;
use std::time::Instant;

use crate::gateway::{Gateway, counted};
use crate::upstream::Upstream;

impl Gateway {
    /// Lets metrics tell how upstreams are.
    pub fn publish_upstream_gauges(self: &Arc<Self>) {
        self.publish_of_upstreams(
            "portico_gateway_upstream_endpoints_usable",
            "Endpoints that are not left out, by their health, their wish or how they did.",
            |upstream| upstream.endpoints.usable(Instant::now()),
        );
        self.publish_of_upstreams(
            "portico_gateway_upstream_concurrency_limit",
            "How many requests an upstream may have at once.",
            |upstream| upstream.gate.limit(),
        );
        self.publish_of_upstreams(
            "portico_gateway_upstream_requests_in_flight",
            "How many it has, up to the heads of their answers.",
            |upstream| upstream.gate.in_flight(),
        );
    }

    /// Lets metrics tell whether traces arrive.
    pub fn publish_trace_gauges(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        self.metrics.gauge(
            "portico_gateway_trace_spans_lost",
            "Spans that the collector of traces did not take, since the start.",
            move || gateway.traces.lost().map(counted),
        );
    }

    fn publish_of_upstreams(self: &Arc<Self>, name: &'static str, help: &'static str, read: fn(&Upstream) -> usize) {
        let gateway = Arc::clone(self);
        self.metrics.upstream_gauge(name, help, move || {
            let routing = gateway.routing.load();
            routing.table.upstreams().iter().map(|upstream| (upstream.label, read(upstream))).collect()
        });
    }
}
