//! The settings of traces, by the names that OpenTelemetry gives them where it has one.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow, ensure};
use http::{HeaderName, HeaderValue};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::{Secret, share};

const PAIRS: &str = "must be NAME=VALUE,NAME=VALUE, percent-encoded where needed";

/// What is exported of requests, and where to. An empty setting is none.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Traces")]
pub struct TraceConfig {
    /// A collector that speaks OTLP over HTTP, such as `http://collector:4318`; without one nothing is exported.
    #[arg(long = "otel-exporter-otlp-endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub collector: Option<String>,
    /// The same with the path of its traces, where that is not `/v1/traces`.
    #[arg(long = "otel-exporter-otlp-traces-endpoint", env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    pub traces_collector: Option<String>,
    /// Headers for the collector, such as a key, as `NAME=VALUE,…`.
    #[arg(
        long = "otel-exporter-otlp-headers",
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        value_name = "PAIRS",
        hide_env_values = true
    )]
    pub collector_headers: Option<Secret>,
    /// What this service is called in traces, instead of its own name.
    #[arg(long = "otel-service-name", env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    pub traced_as: Option<String>,
    /// What else is said of this process, as `NAME=VALUE,…`.
    #[arg(long = "otel-resource-attributes", env = "OTEL_RESOURCE_ATTRIBUTES", value_name = "PAIRS")]
    pub resource_attributes: Option<String>,
    /// Which share of the traces that begin here is exported, 0 to 1; those that came with a request go by what its caller decided.
    #[arg(long, env = "TRACES_SAMPLE", value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    pub traces_sample: f64,
}

impl Default for TraceConfig {
    fn default() -> Self {
        Self {
            collector: None,
            traces_collector: None,
            collector_headers: None,
            traced_as: None,
            resource_attributes: None,
            traces_sample: 0.1,
        }
    }
}

/// What the settings say, read.
pub(super) struct Target {
    pub url: Url,
    pub headers: HashMap<String, String>,
    pub resource: Resource,
}

impl TraceConfig {
    /// Checks what the parser of the command line cannot, or must not repeat.
    ///
    /// # Errors
    /// A setting cannot be used; the error names its variable.
    pub fn check(&self) -> anyhow::Result<()> {
        self.target("").map(drop)
    }

    /// Where the spans of `service` go, if anywhere.
    pub(super) fn target(&self, service: &'static str) -> anyhow::Result<Option<Target>> {
        let Some(url) = self.url()? else { return Ok(None) };
        let headers = self.collector_headers.as_ref().map_or("", Secret::expose);
        let headers = headers_of(headers).context("OTEL_EXPORTER_OTLP_HEADERS")?;
        Ok(Some(Target { url, headers, resource: self.resource(service)? }))
    }

    fn url(&self) -> anyhow::Result<Option<Url>> {
        if let Some(whole) = given(self.traces_collector.as_ref()) {
            return http_url(whole).context("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").map(Some);
        }
        let Some(base) = given(self.collector.as_ref()) else { return Ok(None) };
        let mut url = http_url(base).context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Some(url))
    }

    fn resource(&self, service: &'static str) -> anyhow::Result<Resource> {
        let name = given(self.traced_as.as_ref()).unwrap_or(service).to_owned();
        let more =
            pairs(self.resource_attributes.as_deref().unwrap_or_default()).context("OTEL_RESOURCE_ATTRIBUTES")?;
        // Of two alike the later one wins.
        let own = [
            ("service.namespace", "portico".to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.name", service.to_owned()),
        ];
        let own = own.map(|(key, value)| KeyValue::new(key, value));
        let resource = Resource::builder_empty().with_attributes(own);
        let resource = resource.with_attributes(more.into_iter().map(|(key, value)| KeyValue::new(key, value)));
        Ok(if name == service { resource } else { resource.with_attribute(KeyValue::new("service.name", name)) }
            .build())
    }
}

fn given(setting: Option<&String>) -> Option<&str> {
    setting.map(String::as_str).filter(|text| !text.is_empty())
}

/// The parser's own message would be of no help, and the address may hold a password.
fn http_url(raw: &str) -> anyhow::Result<Url> {
    let url = raw.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| anyhow!("must be an http or https address"))
}

fn headers_of(raw: &str) -> anyhow::Result<HashMap<String, String>> {
    let pairs = pairs(raw)?;
    for (name, value) in &pairs {
        ensure!(name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok(), PAIRS);
    }
    Ok(pairs.into_iter().collect())
}

fn pairs(raw: &str) -> anyhow::Result<Vec<(String, String)>> {
    let pairs = raw.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair_of(pair).ok_or_else(|| anyhow!(PAIRS))).collect()
}

fn pair_of(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_owned(), value.into_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        traces: TraceConfig,
    }

    fn config(args: &[&str]) -> TraceConfig {
        Program::try_parse_from([&["service"], args].concat()).unwrap().traces
    }

    fn url(args: &[&str]) -> Option<String> {
        config(args).url().unwrap().map(String::from)
    }

    #[test]
    fn without_an_address_nothing_is_exported() {
        assert_eq!(url(&[]), None);
        assert_eq!(url(&["--otel-exporter-otlp-endpoint="]), None);
        assert_eq!(format!("{:?}", config(&[])), format!("{:?}", TraceConfig::default()));
    }

    #[test]
    fn traces_have_a_path_of_their_own_unless_all_of_it_is_given() {
        let base = "--otel-exporter-otlp-endpoint=http://collector:4318/otlp/";

        assert_eq!(url(&[base]).unwrap(), "http://collector:4318/otlp/v1/traces");
        let whole = "--otel-exporter-otlp-traces-endpoint=https://elsewhere/api";
        assert_eq!(url(&[base, whole]).unwrap(), "https://elsewhere/api");
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named_and_not_repeated() {
        for (setting, name) in [
            ("--otel-exporter-otlp-endpoint=ftp://hunter2", "OTEL_EXPORTER_OTLP_ENDPOINT"),
            ("--otel-exporter-otlp-traces-endpoint=hunter2", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
            ("--otel-exporter-otlp-headers=hunter2", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("--otel-exporter-otlp-headers=x key=hunter2", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("--otel-exporter-otlp-headers=key=hunter2%0a", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("--otel-resource-attributes=hunter2", "OTEL_RESOURCE_ATTRIBUTES"),
        ] {
            let mut config = config(&[setting]);
            config.collector.get_or_insert_with(|| "http://collector:4318".to_owned());

            let refusal = format!("{:#}", config.check().unwrap_err());

            assert!(refusal.starts_with(name), "{setting}: {refusal}");
            assert!(!refusal.contains("hunter2"), "{setting}: {refusal}");
        }
    }

    #[test]
    fn pairs_are_percent_decoded() {
        let headers = headers_of("authorization=Bearer%20abc%3D, x-tenant=7,").unwrap();

        assert_eq!(headers["authorization"], "Bearer abc=");
        assert_eq!(headers["x-tenant"], "7");
    }

    #[test]
    fn the_name_of_the_service_can_be_another() {
        let name = |args: &[&str]| {
            let resource = config(args).resource("user").unwrap();
            resource.get(&"service.name".into()).unwrap().to_string()
        };

        assert_eq!(name(&[]), "user");
        assert_eq!(name(&["--otel-resource-attributes=service.name=people"]), "people");
        assert_eq!(name(&["--otel-resource-attributes=service.name=people", "--otel-service-name=folk"]), "folk");
    }
}
