//! A service behind the gateway, and how it is asked.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use anyhow::Context as _;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use portico_common::error::{ApiError, kinds};
use url::Url;

use crate::body::RequestBody;
use crate::config::ProxyConfig;
use crate::problems;

/// Shorter than the services' own idle timeout (75 s), so that they seldom close a connection we are about to use.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 256;
const ANSWER_HEAD_BYTES: usize = 64 * 1024;

/// The connections to all services; clones share them.
pub(crate) type Client = legacy::Client<HttpConnector, RequestBody>;

/// Makes the client: HTTP/1.1, kept-alive connections, nothing followed and nothing decoded.
///
/// A request that was not written yet when its connection closed is sent again; no other is.
pub(crate) fn client(proxy: &ProxyConfig) -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(proxy.connect_timeout));
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .http1_max_buf_size(ANSWER_HEAD_BYTES)
        .set_host(false)
        .build(connector)
}

/// One service, or one guest.
pub(crate) struct Upstream {
    /// A service's name, or a guest's prefix.
    pub name: String,
    /// The `Host` it is asked by.
    pub host: HeaderValue,
    authority: Authority,
    client: Client,
}

/// Why there is no answer of the service; each is somebody's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("`{upstream}` cannot be reached")]
    Unreachable { upstream: String, source: legacy::Error },
    #[error("`{upstream}` broke off its answer")]
    Broken { upstream: String, source: anyhow::Error },
    #[error("`{upstream}` took too long")]
    TimedOut { upstream: String },
    #[error("the body is larger than the {limit} bytes this path takes")]
    BodyTooLarge { limit: u64 },
    #[error("the body stopped arriving")]
    BodyTooSlow,
    #[error("the body is not well-formed or broke off")]
    BodyBroken,
}

impl From<UpstreamError> for ApiError {
    fn from(error: UpstreamError) -> Self {
        let detail = error.to_string();
        match error {
            UpstreamError::Unreachable { .. } => {
                Self::new(&problems::UPSTREAM_UNREACHABLE, detail).retry_after(1).with_cause(error)
            }
            UpstreamError::Broken { .. } => Self::new(&problems::UPSTREAM_BROKEN, detail).with_cause(error),
            UpstreamError::TimedOut { .. } => Self::new(&problems::UPSTREAM_TIMEOUT, detail),
            UpstreamError::BodyTooLarge { .. } => Self::new(&kinds::BODY_TOO_LARGE, detail),
            UpstreamError::BodyTooSlow => Self::new(&kinds::BODY_TOO_SLOW, detail),
            UpstreamError::BodyBroken => Self::new(&problems::INVALID_REQUEST, detail),
        }
    }
}

impl Upstream {
    pub fn new(name: &str, url: &Url, client: Client) -> anyhow::Result<Self> {
        let host = url.host_str().with_context(|| format!("{name}: {url} names no host"))?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            name: name.to_owned(),
            host: HeaderValue::try_from(&authority).context("the host of a URL")?,
            authority: authority.try_into().context("the host of a URL")?,
            client,
        })
    }

    /// The address of `target` at this service.
    pub fn uri(&self, target: PathAndQuery) -> Uri {
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
            .expect("three checked parts make an address")
    }

    /// Asks, and waits for the head of the answer. Dropping the future ends the request.
    pub async fn send(&self, request: Request<RequestBody>) -> Result<Response<Incoming>, UpstreamError> {
        let response = self.client.request(request).await.map_err(|source| self.failed(source))?;
        // Nothing was asked to be upgraded, so this is not an answer to the request.
        if response.status().is_informational() {
            let source = anyhow::anyhow!("unexpected {}", response.status());
            return Err(UpstreamError::Broken { upstream: self.name.clone(), source });
        }
        Ok(response)
    }

    pub fn timed_out(&self) -> UpstreamError {
        UpstreamError::TimedOut { upstream: self.name.clone() }
    }

    fn failed(&self, source: legacy::Error) -> UpstreamError {
        let upstream = self.name.clone();
        if !source.is_connect() {
            return UpstreamError::Broken { upstream, source: source.into() };
        }
        if is_timeout(&source) {
            return UpstreamError::TimedOut { upstream };
        }
        UpstreamError::Unreachable { upstream, source }
    }
}

fn is_timeout(error: &legacy::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}
