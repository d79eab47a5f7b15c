//! One text of what all workers counted.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::Metrics;
use super::counter::{Counter, HistogramTotal};
use super::exposition::Exposition;
use super::labels::{METHODS, STATUSES};
use super::process;
use super::recorder::{
    CacheResult, Counts, MirrorResult, Outcome, Protocol, Retry, RouteCounts, TokenCache, UpstreamCounts,
};

/// A label value, and what each recorder counted for it.
type Parts<'a, T> = Vec<(&'static str, Vec<&'a T>)>;

impl Metrics {
    /// The text of a scrape.
    pub fn render(&self) -> String {
        let recorders = self.recorders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let recorders: Vec<&Counts> = recorders.iter().map(Arc::as_ref).collect();
        let mut text = Exposition::default();
        write_routes(&mut text, &parts(&self.routes.all(), &recorders, Counts::route));
        write_refusals(&mut text, &recorders);
        write_upstreams(&mut text, &parts(&self.upstreams.all(), &recorders, Counts::upstream));
        write_connections(&mut text, &recorders);
        self.write_reloads(&mut text);
        self.write_gauges(&mut text);
        self.write_upstream_gauges(&mut text);
        text.gauge("portico_gateway_build_info", "Which build this is.")
            .value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        process::write(&mut text);
        text.into_text()
    }

    fn write_reloads(&self, text: &mut Exposition) {
        let (succeeded, failed) = (&self.reloads.succeeded, &self.reloads.failed);
        text.counter("portico_gateway_reloads_total", "Configurations read again while running.")
            .value(&[("result", "succeeded")], succeeded.load(Ordering::Relaxed))
            .value(&[("result", "failed")], failed.load(Ordering::Relaxed));
        let is_good = self.is_reload_good();
        text.gauge("portico_gateway_config_last_reload_successful", "Whether the last configuration read is in force.")
            .value(&[], u8::from(is_good));
    }

    fn write_gauges(&self, text: &mut Exposition) {
        for gauge in self.gauges.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(value) = (gauge.read)() {
                text.gauge(gauge.name, gauge.help).value(&[], value);
            }
        }
    }

    fn write_upstream_gauges(&self, text: &mut Exposition) {
        for gauge in self.upstream_gauges.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let mut values = BTreeMap::<_, usize>::new();
            for (upstream, value) in (gauge.read)() {
                *values.entry(upstream.name()).or_default() += value;
            }
            text.gauge(gauge.name, gauge.help);
            for (upstream, value) in values {
                text.value(&[("upstream", upstream)], value);
            }
        }
    }
}

/// The counts of every name that has any.
fn parts<'a, T>(
    names: &[&'static str],
    recorders: &[&'a Counts],
    find: impl Fn(&'a Counts, usize) -> Option<&'a T>,
) -> Parts<'a, T> {
    let of_place = |place| recorders.iter().filter_map(|counts| find(counts, place)).collect();
    let all = names.iter().enumerate().map(|(place, name)| (*name, of_place(place)));
    all.filter(|(_, counts): &(_, Vec<_>)| !counts.is_empty()).collect()
}

/// Adds up one counter of several recorders.
fn sum<T>(parts: &[&T], counter: impl Fn(&T) -> &Counter) -> u64 {
    parts.iter().map(|part| counter(part).get()).sum()
}

fn write_routes(text: &mut Exposition, routes: &Parts<'_, RouteCounts>) {
    text.counter("portico_gateway_requests_total", "Requests; status 499: the client left before the answer.");
    for (route, parts) in routes {
        write_requests(text, route, parts);
    }
    let help = "Time from the head of a request to the head of its answer.";
    text.histogram("portico_gateway_request_duration_seconds", help);
    for (route, parts) in routes {
        let total = HistogramTotal::of(parts.iter().map(|route| &route.duration));
        text.buckets(("route", route), &total);
    }
    text.counter("portico_gateway_received_bytes_total", "Bytes of the bodies of requests.");
    for (route, parts) in routes {
        text.value_if_any(&[("route", route)], sum(parts, |route| &route.received_bytes));
    }
    text.counter("portico_gateway_sent_bytes_total", "Bytes of the bodies of answers.");
    for (route, parts) in routes {
        text.value_if_any(&[("route", route)], sum(parts, |route| &route.sent_bytes));
    }
    text.counter("portico_gateway_cache_total", "Requests on routes with a cache, by what it did.");
    for (route, parts) in routes {
        for (place, result) in CacheResult::NAMES.iter().enumerate() {
            let count = sum(parts, |route| &route.cache[place]);
            text.value_if_any(&[("route", route), ("result", result)], count);
        }
    }
    text.counter("portico_gateway_mirrored_total", "Copies of requests for mirrors, by what became of them.");
    for (route, parts) in routes {
        for (place, result) in MirrorResult::NAMES.iter().enumerate() {
            let count = sum(parts, |route| &route.mirrored[place]);
            text.value_if_any(&[("route", route), ("result", result)], count);
        }
    }
}

fn write_requests(text: &mut Exposition, route: &str, parts: &[&RouteCounts]) {
    for (m, method) in METHODS.iter().enumerate() {
        for (s, status) in STATUSES.iter().enumerate() {
            let count = sum(parts, |route| &route.requests[m][s]);
            text.value_if_any(&[("route", route), ("method", method), ("status", status)], count);
        }
    }
}

fn write_refusals(text: &mut Exposition, recorders: &[&Counts]) {
    let mut totals = BTreeMap::<_, u64>::new();
    for refusal in recorders.iter().flat_map(|counts| counts.refusals.iter()) {
        *totals.entry((refusal.code, refusal.reason)).or_default() += refusal.count.get();
    }
    text.counter("portico_gateway_refusals_total", "Requests the gateway answered with a problem of its own.");
    for ((code, reason), count) in totals {
        text.value_if_any(&[("code", code), ("reason", reason)], count);
    }
}

fn write_upstreams(text: &mut Exposition, upstreams: &Parts<'_, UpstreamCounts>) {
    text.counter("portico_gateway_upstream_requests_total", "Attempts at an upstream, by how they ended.");
    for (upstream, parts) in upstreams {
        for (place, outcome) in Outcome::NAMES.iter().enumerate() {
            let count = sum(parts, |upstream| &upstream.requests[place]);
            text.value_if_any(&[("upstream", upstream), ("outcome", outcome)], count);
        }
    }
    let help = "Time from sending a request to the first byte of the upstream's answer.";
    text.histogram("portico_gateway_upstream_first_byte_seconds", help);
    for (upstream, parts) in upstreams {
        let total = HistogramTotal::of(parts.iter().map(|upstream| &upstream.first_byte));
        text.buckets(("upstream", upstream), &total);
    }
    text.counter("portico_gateway_retries_total", "Second and later attempts, made or refused.");
    for (upstream, parts) in upstreams {
        for (place, result) in Retry::NAMES.iter().enumerate() {
            let count = sum(parts, |upstream| &upstream.retries[place]);
            text.value_if_any(&[("upstream", upstream), ("result", result)], count);
        }
    }
}

fn write_connections(text: &mut Exposition, recorders: &[&Counts]) {
    text.counter("portico_gateway_connections_accepted_total", "Connections of clients let in.")
        .value(&[], sum(recorders, |counts| &counts.accepted));
    text.gauge("portico_gateway_connections", "Connections of clients open now.");
    for (place, protocol) in Protocol::NAMES.iter().enumerate() {
        let count = sum(recorders, |counts| &counts.connections[place]);
        text.value(&[("protocol", protocol)], count);
    }
    text.gauge("portico_gateway_requests_in_flight", "Requests begun and not ended.")
        .value(&[], sum(recorders, |counts| &counts.in_flight));
    text.counter("portico_gateway_token_cache_total", "Tokens looked up among those checked before.");
    for (place, result) in TokenCache::NAMES.iter().enumerate() {
        let count = sum(recorders, |counts| &counts.token_cache[place]);
        text.value(&[("result", result)], count);
    }
}
