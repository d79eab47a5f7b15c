//! One client's connection, from its first byte to its last, with a limit on every wait.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _};

use super::ServerConfig;

/// Room for the headers of a request, and for the chunks of its body. More headers are answered with 431.
const READ_BUFFER_BYTES: usize = 64 * 1024;
const H2_HEADER_BYTES: u32 = 32 * 1024;
const H2_STREAMS: u32 = 100;
const H2_STREAM_WINDOW: u32 = 64 * 1024;
const H2_CONNECTION_WINDOW: u32 = 512 * 1024;
/// Streams reset by the client before we saw them, and by us for its faults (CVE-2023-44487 and its kin).
const H2_RESETS: usize = 20;
const H2_PING_EVERY: Duration = Duration::from_secs(20);
const H2_PONG_TIMEOUT: Duration = Duration::from_secs(10);

/// What a listener serves: an `axum::Router`, or any tower service that always has an answer.
///
/// Requests carry `ConnectInfo<SocketAddr>`, the peer, in their extensions.
pub trait HttpService:
    Service<Request<Incoming>, Response = Response<Self::ResponseBody>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
    /// The body of its answers.
    type ResponseBody: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    type ResponseBody = B;
}

/// Serves requests until the client leaves, is too slow, or `leaving` lets it go after the current one.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    service: impl HttpService,
    config: ServerConfig,
    leaving: CancellationToken,
) {
    let patience =
        Patience { header_timeout: config.header_timeout, idle_timeout: config.idle_timeout, begun: Arc::default() };
    let begun = patience.begun.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        begun.fetch_add(1, Ordering::Relaxed);
        request.extensions_mut().insert(ConnectInfo(peer));
        service.clone().oneshot(request)
    });
    let http = protocols(&config);
    let mut connection = pin!(http.serve_connection(transport(stream, &config), service));

    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = patience.silent() => Err("no request in time".into()),
        () = either(leaving.cancelled(), patience.idle()) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error, "connection cut");
    }
}

/// Fails when the client reads nothing of what is written to it for too long.
fn transport(stream: TcpStream, config: &ServerConfig) -> TokioIo<Pin<Box<TimeoutStream<TcpStream>>>> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection keeps its delay");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(config.write_timeout));
    TokioIo::new(Box::pin(stream))
}

async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}

/// The waits that hyper does not limit: for the first request, and of HTTP/2 between requests.
struct Patience {
    header_timeout: Duration,
    idle_timeout: Duration,
    /// How many requests have begun.
    begun: Arc<AtomicUsize>,
}

impl Patience {
    /// Ends if the headers of the first request have not arrived in time.
    async fn silent(&self) {
        sleep(self.header_timeout).await;
        if self.begun.load(Ordering::Relaxed) > 0 {
            pending::<()>().await;
        }
    }

    /// Ends when no request has begun for one to two times the limit.
    async fn idle(&self) {
        let mut seen = usize::MAX;
        loop {
            sleep(self.idle_timeout).await;
            let begun = self.begun.load(Ordering::Relaxed);
            if begun == seen {
                return;
            }
            seen = begun;
        }
    }
}

/// HTTP/1 and, with prior knowledge, HTTP/2.
///
/// hyper's header timeout also runs while a connection waits for its next request, so it is the
/// idle timeout: a slow second request gains nothing over an idle connection.
fn protocols(config: &ServerConfig) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(config.idle_timeout).max_buf_size(READ_BUFFER_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(H2_PING_EVERY)
        .keep_alive_timeout(H2_PONG_TIMEOUT)
        .max_concurrent_streams(H2_STREAMS)
        .max_header_list_size(H2_HEADER_BYTES)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(H2_RESETS)
        .max_local_error_reset_streams(H2_RESETS);
    http
}
