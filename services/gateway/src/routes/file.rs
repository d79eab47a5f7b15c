//! `portico.toml`: the one list of services and routes.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Deserializer, Serialize, de};
use url::Url;

use super::{SplitEntry, covers};
use crate::cors::CorsEntry;
use crate::limit::LimitEntry;

const LONGEST_TIMEOUT_SECONDS: f64 = 86_400.0;

/// The list of services and routes. One that was [`parse`](Self::parse)d is consistent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteFile {
    /// Our own services, by name.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceEntry>,
    /// Whether answers are made smaller for clients that take them so.
    #[serde(default)]
    pub compression: bool,
    /// Which pages may call from a browser; without it none.
    pub cors: Option<CorsEntry>,
    /// Rate limits, by name.
    #[serde(default)]
    pub limits: BTreeMap<String, LimitEntry>,
    /// Which paths go where.
    #[serde(default)]
    pub routes: Vec<RouteEntry>,
}

/// A service of the suite.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceEntry {
    /// Where its public listener is reached: `http://host:port`.
    pub url: Url,
    /// The places it is at (`host:port`), if those are not the one of the URL.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// The port of its public listener.
    pub port: u16,
    /// The port of its internal listener, to which no route may lead.
    pub internal_port: u16,
    /// The Postgres schema it owns, if it owns one.
    pub schema: Option<String>,
    /// The path that each of its places is asked at to see whether it is well, if they are asked.
    pub health: Option<String>,
    /// The port that is asked, if it is not that of the place.
    pub health_port: Option<NonZeroU16>,
}

/// A prefix of paths and who answers them: a service of the suite, or a guest at any address.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// The path, with all that is below it; of several that fit, the longest counts.
    pub prefix: String,
    /// The service that answers, by its name.
    pub service: Option<String>,
    /// The address of the guest that answers: `http://host:port`.
    pub url: Option<Url>,
    /// The places the guest is at (`host:port`), if those are not the one of the URL.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// The path that each place of the guest is asked at to see whether it is well, if they are asked.
    pub health: Option<String>,
    /// The port that is asked, if it is not that of the place.
    pub health_port: Option<NonZeroU16>,
    /// What is asked of the caller's token.
    pub token: TokenRule,
    /// Where a guest publishes its OpenAPI 3.1 document, if it does.
    pub openapi: Option<String>,
    /// How long the service may take to begin its answer once the request has stopped moving.
    #[serde(default, rename = "timeout_secs", deserialize_with = "seconds")]
    pub timeout: Option<Duration>,
    /// How long the service may pause within its answer.
    #[serde(default, rename = "idle_timeout_secs", deserialize_with = "seconds")]
    pub idle_timeout: Option<Duration>,
    /// How long the whole exchange may take, from the request's headers to the answer's last byte.
    #[serde(default, rename = "total_timeout_secs", deserialize_with = "seconds")]
    pub total_timeout: Option<Duration>,
    /// Whether requests are held against the service's OpenAPI document before they are passed on.
    #[serde(default)]
    pub validate: bool,
    /// The rate limits that must all allow a request, by name.
    #[serde(default)]
    pub limits: Vec<String>,
    /// Whether public answers are kept for those who ask next.
    #[serde(default)]
    pub cache: bool,
    /// Whether its requests count among those the service has at once.
    #[serde(default = "yes")]
    pub limit_concurrency: bool,
    /// The largest request body that is passed on.
    pub body_limit_bytes: Option<u64>,
    /// Who answers a share of the requests instead.
    pub canary: Option<SplitEntry>,
    /// Who gets a copy of a share of the requests.
    pub mirror: Option<SplitEntry>,
}

/// What a route asks of the caller's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRule {
    /// A good one, or 401.
    Required,
    /// None, or a good one; a bad one is 401.
    Optional,
    /// `Authorization` is passed on unread: the guest has credentials of its own.
    Ignored,
}

impl RouteFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// It cannot be read, or is wrong; the error names the file and the key at fault.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} (PORTICO_TOML) cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} (PORTICO_TOML) is wrong", path.display()))
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    /// It is not TOML, has unknown keys, or does not agree with itself; the error names the key.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: Self = toml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().trim_end()))?;
        file.check()?;
        Ok(file)
    }

    /// The route that a path takes: of those that cover it, the one with the longest prefix.
    pub fn route_of(&self, path: &str) -> Option<&RouteEntry> {
        self.routes.iter().filter(|route| covers(&route.prefix, path)).max_by_key(|route| route.prefix.len())
    }

    /// Adds routes that are not in the file.
    ///
    /// # Errors
    /// One does not agree with what is there; the error names the key.
    pub fn add(&mut self, routes: &[RouteEntry]) -> anyhow::Result<()> {
        self.routes.extend_from_slice(routes);
        self.check()
    }

    /// Says where a service really is, as only the one who started it knows.
    ///
    /// Where it is at another port, so may be the one its health is asked at; then it is not asked.
    ///
    /// # Errors
    /// No service has that name, or the address is not `http://host:port`.
    pub fn set_url(&mut self, service: &str, url: Url) -> anyhow::Result<()> {
        let known = self.services.keys().cloned().collect::<Vec<_>>().join(", ");
        let entry = self
            .services
            .get_mut(service)
            .with_context(|| format!("services.{service}: there is no such service, only {known}"))?;
        if entry.health_port.is_some() && url.port_or_known_default() != Some(entry.port) {
            (entry.health, entry.health_port) = (None, None);
        }
        entry.url = url;
        entry.endpoints.clear();
        self.check()
    }
}

fn yes() -> bool {
    true
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    if !(seconds > 0.0 && seconds <= LONGEST_TIMEOUT_SECONDS) {
        return Err(de::Error::custom("must be more than 0 and at most 86400 seconds"));
    }
    Duration::try_from_secs_f64(seconds).map(Some).map_err(de::Error::custom)
}
