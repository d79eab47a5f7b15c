//! A question of the gateway's own to a service, beside the clients' requests.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Upstream;

/// Reads the document at `path`, of at most `largest` bytes, on a connection of its own.
///
/// # Errors
/// The service cannot be reached, breaks off, answers with a server error or with more.
pub(crate) async fn fetch(upstream: &Upstream, path: &PathAndQuery, largest: usize) -> anyhow::Result<Bytes> {
    if upstream.endpoints.len() == 0 {
        upstream.resolve_first().await;
    }
    let exchange = upstream.endpoints.pick(&[], false, Instant::now()).context("its name has no address")?;
    ask(exchange.address(), &upstream.host, path, async |answer| {
        let status = answer.status();
        ensure!(!status.is_server_error(), "{path} answers {status}");
        let body = Limited::new(answer.into_body(), largest).collect().await;
        Ok(body.map_err(|error| anyhow!(error))?.to_bytes())
    })
    .await
}

/// Asks for `path` on a connection of its own, which ends when the answer was read.
///
/// # Errors
/// There is no answer, or `read` does not like it.
pub(super) async fn ask<T>(
    address: SocketAddr,
    host: &HeaderValue,
    path: &PathAndQuery,
    read: impl AsyncFnOnce(Response<Incoming>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = Uri::from(path.clone());
    request.headers_mut().insert(header::HOST, host.clone());
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let answer = async { read(sender.send_request(request).await?).await };
    tokio::pin!(connection);
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            answer.await
        }
    }
}
