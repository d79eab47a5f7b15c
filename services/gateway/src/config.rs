//! The gateway's settings: its own, and where the list of services and routes is.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use portico_common::config::seconds;
use portico_common::server::ServerConfig;
use portico_common::telemetry::{Decider, TelemetryConfig};
use portico_common::token::TokenConfig;
use url::Url;

use crate::access_log::AccessLogConfig;
use crate::cache::CacheConfig;
use crate::limit::StoreConfig;
use crate::routes::{RouteEntry, RouteFile};

/// Everything the gateway is told from outside; its routes are in the file that [`RoutesConfig`] names.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// The two listeners.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Whose tokens are let through.
    #[command(flatten)]
    pub tokens: TokenConfig,
    /// Which log lines are written, and how.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// The list of services and routes.
    #[command(flatten)]
    pub routes: RoutesConfig,
    /// What is believed of the network around.
    #[command(flatten)]
    pub proxy: ProxyConfig,
    /// How clients are served.
    #[command(flatten)]
    pub edge: EdgeConfig,
    /// Of which requests there is a log line.
    #[command(flatten)]
    pub access_log: AccessLogConfig,
    /// Where requests are counted together with other gateways.
    #[command(flatten)]
    pub store: StoreConfig,
    /// How much is kept of what services answered.
    #[command(flatten)]
    pub cache: CacheConfig,
}

/// Where the list of services and routes is read from.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Routes")]
pub struct RoutesConfig {
    /// The file that lists services and routes.
    #[arg(long, env = "PORTICO_TOML", value_name = "FILE", default_value = "portico.toml")]
    pub routes: PathBuf,
    /// Addresses to use instead of those in the file, such as `auth=http://127.0.0.1:8081,user=…`.
    #[arg(long, env = "UPSTREAMS", value_name = "NAME=URL", value_delimiter = ',', value_parser = upstream)]
    pub upstreams: Vec<(String, Url)>,
    /// How often the file is looked at for a change.
    #[arg(long = "routes-reload-ms", env = "ROUTES_RELOAD_MS", value_name = "MILLISECONDS", default_value = "1000", value_parser = reload_interval)]
    pub reload_every: Duration,
    /// Routes beside those of the file, such as of guests that the development runner has started.
    #[arg(skip)]
    pub added: Vec<RouteEntry>,
}

impl Default for RoutesConfig {
    fn default() -> Self {
        Self {
            routes: "portico.toml".into(),
            upstreams: Vec::new(),
            reload_every: Duration::from_secs(1),
            added: Vec::new(),
        }
    }
}

impl RoutesConfig {
    /// Reads and checks the file, with the addresses of `UPSTREAMS` put in and what is added.
    ///
    /// # Errors
    /// The file cannot be read or is wrong; the error names the file and the key at fault.
    pub fn read(&self) -> anyhow::Result<RouteFile> {
        let mut file = RouteFile::read(&self.routes)?;
        for (service, url) in &self.upstreams {
            file.set_url(service, url.clone())?;
        }
        file.add(&self.added)?;
        Ok(file)
    }
}

/// How clients are served.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Clients")]
pub struct EdgeConfig {
    /// How many threads serve requests (default: as many as there are cores).
    #[arg(long, env = "WORKERS", value_name = "COUNT")]
    pub workers: Option<NonZeroUsize>,
    /// How many connections one address may hold (IPv6: one /64); leave it out behind a load balancer.
    #[arg(long, env = "MAX_CONNECTIONS_PER_CLIENT", value_name = "COUNT")]
    pub max_connections_per_client: Option<usize>,
    /// The certificate chain of the public listener, as PEM; with it, TLS is spoken there.
    #[arg(long, env = "TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate, as PEM. Both files are read again when they change.
    #[arg(long, env = "TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// What is believed of those in front, and how services behind are reached.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Proxy")]
pub struct ProxyConfig {
    /// How many proxies of our own are in front (an ALB is 1); `X-Forwarded-*` of anyone else is not believed.
    #[arg(long, env = "TRUSTED_HOPS", value_name = "COUNT", default_value_t = 0)]
    pub trusted_hops: usize,
    /// Go by the `sampled` flag of `traceparent`; only where no client can send one, for a load balancer passes it on.
    #[arg(long, env = "TRUST_TRACEPARENT")]
    pub trust_traceparent: bool,
    /// How long connecting to a service may take.
    #[arg(long = "connect-timeout-secs", env = "CONNECT_TIMEOUT_SECS", value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub connect_timeout: Duration,
    /// How long a service may take to begin its answer, where its route does not say (`timeout_secs`).
    #[arg(long = "upstream-timeout-secs", env = "UPSTREAM_TIMEOUT_SECS", value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub upstream_timeout: Duration,
    /// How long a service may pause within its answer, where its route does not say (`idle_timeout_secs`).
    #[arg(long = "upstream-idle-timeout-secs", env = "UPSTREAM_IDLE_TIMEOUT_SECS", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub upstream_idle_timeout: Duration,
}

impl ProxyConfig {
    /// Whose word counts on whether a trace is exported.
    pub(crate) fn decider(&self) -> Decider {
        if self.trust_traceparent { Decider::Caller } else { Decider::Ourselves }
    }
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            trusted_hops: 0,
            trust_traceparent: false,
            connect_timeout: Duration::from_secs(2),
            upstream_timeout: Duration::from_secs(20),
            upstream_idle_timeout: Duration::from_mins(1),
        }
    }
}

fn reload_interval(raw: &str) -> Result<Duration, String> {
    match raw.parse() {
        Ok(milliseconds @ 10..=60_000) => Ok(Duration::from_millis(milliseconds)),
        _ => Err("must be from 10 to 60000 milliseconds".to_owned()),
    }
}

fn upstream(raw: &str) -> Result<(String, Url), String> {
    let (name, url) = raw.split_once('=').ok_or("must be NAME=URL")?;
    let url = url.parse().map_err(|error| format!("{url}: {error}"))?;
    Ok((name.trim().to_owned(), url))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        routes: RoutesConfig,
        #[command(flatten)]
        proxy: ProxyConfig,
    }

    #[test]
    fn the_defaults_of_the_command_line_are_those_of_code() {
        let Program { routes, proxy } = Program::try_parse_from(["gateway"]).unwrap();

        assert_eq!(format!("{proxy:?}"), format!("{:?}", ProxyConfig::default()));
        assert_eq!(format!("{routes:?}"), format!("{:?}", RoutesConfig::default()));
    }

    #[test]
    fn upstreams_are_read_as_name_and_address() {
        let given = "auth=http://127.0.0.1:1,user=http://127.0.0.1:2";

        let upstreams = Program::try_parse_from(["gateway", "--upstreams", given]).unwrap().routes.upstreams;

        let names: Vec<_> = upstreams.iter().map(|(name, url)| (name.as_str(), url.port())).collect();
        assert_eq!(names, [("auth", Some(1)), ("user", Some(2))]);
        assert!(Program::try_parse_from(["gateway", "--upstreams", "auth"]).is_err());
        assert!(Program::try_parse_from(["gateway", "--upstreams", "auth=nowhere"]).is_err());
    }
}
