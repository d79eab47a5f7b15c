//! Health: whether the process lives, and whether requests should be sent to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::lifecycle::Lifecycle;

const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
const READY_PATH: &str = "/health/ready";

/// Something a process cannot serve without, asked at each readiness probe.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    run: Arc<dyn Fn() -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>,
}

impl Check {
    /// A check that fails with an error, or by taking longer than a second.
    pub fn new<F>(name: &'static str, run: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self { name, run: Arc::new(move || run().boxed()) }
    }

    /// Its name, if it fails.
    async fn failing(&self) -> Option<&'static str> {
        let error = match timeout(CHECK_TIMEOUT, (self.run)()).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => format!("{error:#}"),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::warn!(check = self.name, error, "readiness check failed");
        Some(self.name)
    }
}

/// The body of a readiness answer.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Readiness {
    Ready,
    Starting,
    Stopping,
    Failing { failing: Vec<&'static str> },
}

impl IntoResponse for Readiness {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Ready => StatusCode::OK,
            Self::Starting | Self::Stopping | Self::Failing { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, [(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}

/// The routes of every internal listener: `/health/live` and `/health/ready`.
///
/// Not ready is 503 with `status` `starting`, `stopping`, or `failing` with the names of the failing
/// checks and of background tasks that panicked.
pub fn internal_router(lifecycle: &Lifecycle, checks: Vec<Check>) -> Router {
    Router::new()
        .route("/health/live", get(|| async { Json(serde_json::json!({ "status": "live" })) }))
        .route(READY_PATH, get(ready))
        .with_state((lifecycle.clone(), Arc::from(checks)))
}

async fn ready(State((lifecycle, checks)): State<(Lifecycle, Arc<[Check]>)>) -> Readiness {
    if lifecycle.is_stopping() {
        return Readiness::Stopping;
    }
    if !lifecycle.is_started() {
        return Readiness::Starting;
    }
    let mut failing = lifecycle.lost();
    failing.extend(join_all(checks.iter().map(Check::failing)).await.into_iter().flatten());
    if failing.is_empty() { Readiness::Ready } else { Readiness::Failing { failing } }
}

/// Asks the process that listens on `internal` whether it is ready; the `health` sub-command.
///
/// # Errors
/// It is not ready, does not answer within two seconds, or is not there.
pub async fn probe(internal: SocketAddr) -> anyhow::Result<()> {
    let address = reachable(internal);
    timeout(PROBE_TIMEOUT, ask(address))
        .await
        .with_context(|| format!("{address} does not answer"))?
        .with_context(|| format!("{address} is not ready"))
}

async fn ask(address: SocketAddr) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request =
        Request::get(READY_PATH).header(header::HOST, address.to_string()).body(Empty::<bytes::Bytes>::new())?;
    let response = client.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    if status != StatusCode::OK {
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}

/// A listener on every address is asked on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    address.set_ip(match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    });
    address
}
