//! One client's connection, from its first byte to its last.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use portico_common::server::ServerConfig;
use portico_common::token::{GoodToken, Verifier};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;

use super::framing::{Phase, StrictIo, Wire};
use super::{Accepted, Tunnel, Worker, refusal};
use crate::body::Reply;
use crate::frame;
use crate::headers::Peer;
use crate::metrics::Protocol;

const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const H2_HEADER_BYTES: u32 = 32 * 1024;
const H2_STREAMS: u32 = 100;
const H2_STREAM_WINDOW: u32 = 64 * 1024;
const H2_CONNECTION_WINDOW: u32 = 512 * 1024;
/// Streams reset by the client before we saw them, and by us for its faults (CVE-2023-44487 and its kin).
const H2_RESETS: usize = 20;
const H2_PING_EVERY: Duration = Duration::from_secs(20);
const H2_PONG_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may stay silent once it should go.
///
/// Closed at once, it could cross a request that is on its way.
const SILENCE_BEFORE_LEAVING: Duration = Duration::from_secs(1);

/// What is known of a client's connection; shared by its requests and by who watches its time.
pub(crate) struct ClientConnection {
    pub peer: Peer,
    /// The credentials of the last request: most connections send the same ones again and again.
    credentials: RefCell<Option<(HeaderValue, GoodToken)>>,
    wire: Rc<Wire>,
    is_http2: Cell<bool>,
    /// Requests begun, and those of them whose answers have not ended.
    begun: Cell<u64>,
    open: Cell<usize>,
    wait: Cell<(Wait, Instant)>,
    ending: Cell<Option<Ending>>,
    /// The client wants no answer after that of its current request.
    has_said_goodbye: Cell<bool>,
    /// Where its bytes go once the answer that says so is written.
    tunnel: RefCell<Option<Tunnel>>,
    waker: RefCell<Option<Waker>>,
}

/// A request that has not ended; counted until it is dropped.
pub(crate) struct OpenRequest(Rc<ClientConnection>);

/// Why a connection should not go on.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// It may end what it is at.
    Leave,
    /// It was too slow.
    Cut(&'static str),
}

/// What a connection waits for. Two of the same kind are one long wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Its first request.
    First,
    /// The rest of the head of the request of this number.
    Head(u64),
    /// Another request after so many.
    Next(u64),
    /// The client to read more than so many bytes.
    Reader(u64),
    /// The gateway or a service.
    Us,
}

impl ClientConnection {
    fn new(peer: SocketAddr) -> Self {
        Self {
            peer: Peer::new(peer.ip()),
            credentials: RefCell::default(),
            wire: Rc::default(),
            is_http2: Cell::new(false),
            begun: Cell::new(0),
            open: Cell::new(0),
            wait: Cell::new((Wait::First, Instant::now())),
            ending: Cell::new(None),
            has_said_goodbye: Cell::new(false),
            tunnel: RefCell::default(),
            waker: RefCell::default(),
        }
    }

    /// The token of these credentials, if it was found good on this connection or another and still is.
    pub fn recall_token(&self, headers: &HeaderMap, verifier: &Verifier) -> Option<GoodToken> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (given.next()?, given.next());
        if let Some((credentials, good)) = &*self.credentials.borrow()
            && second.is_none()
            && credentials == first
            && verifier.is_still_good(good)
        {
            return Some(good.clone());
        }
        let good = verifier.recall(headers)?;
        self.credentials.replace(Some((first.clone(), good.clone())));
        Some(good)
    }

    /// Has its bytes passed through `tunnel` when the answer is written.
    pub fn switch_to(&self, tunnel: Tunnel) {
        self.tunnel.replace(Some(tunnel));
    }

    fn begin(self: &Rc<Self>) -> OpenRequest {
        self.begun.set(self.begun.get() + 1);
        self.open.set(self.open.get() + 1);
        OpenRequest(Rc::clone(self))
    }

    /// Lets it go soon. One of HTTP/2 is told; one of HTTP/1 hears it with its next answer.
    pub(super) fn leave(&self) {
        if self.is_http2.get() {
            self.end(Ending::Leave);
        }
    }

    /// Ends the connection if it has waited for too long.
    pub(super) fn look(&self, now: Instant, settings: &ServerConfig, is_leaving: bool) {
        let (before, since) = self.wait.get();
        let wait = self.waits_for();
        if wait != before {
            self.wait.set((wait, now));
            return;
        }
        let (limit, ending) = match wait {
            Wait::Us => return,
            Wait::Reader(_) => (settings.write_timeout, Ending::Cut("the client reads nothing")),
            Wait::Head(_) => (settings.header_timeout, Ending::Cut("no whole head in time")),
            Wait::First | Wait::Next(_) if is_leaving => (SILENCE_BEFORE_LEAVING, Ending::Leave),
            Wait::First => (settings.header_timeout, Ending::Cut("no request in time")),
            Wait::Next(_) => (settings.idle_timeout, Ending::Leave),
        };
        if now.saturating_duration_since(since) >= limit {
            self.end(ending);
        }
    }

    fn waits_for(&self) -> Wait {
        if self.wire.is_write_pending() {
            return Wait::Reader(self.wire.written());
        }
        match self.wire.phase() {
            // While a request is at work nobody reads on, and the rest of a next head is not late.
            Phase::Head if self.open.get() == 0 && self.wire.is_read_pending() => Wait::Head(self.wire.requests()),
            Phase::Idle | Phase::Tunnel if self.open.get() == 0 => match self.begun.get() {
                0 => Wait::First,
                begun => Wait::Next(begun),
            },
            Phase::Idle | Phase::Head | Phase::Body | Phase::Tunnel => Wait::Us,
        }
    }

    fn end(&self, ending: Ending) {
        self.ending.set(Some(ending));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Does something before the first request; nothing is read of a client that should leave.
    async fn unless_ended(&self, reading: impl Future<Output = io::Result<Bytes>>) -> io::Result<Bytes> {
        let mut reading = pin!(reading);
        poll_fn(|context| match self.poll_ending(context) {
            Poll::Ready(Ending::Leave) => Poll::Ready(Ok(Bytes::new())),
            Poll::Ready(Ending::Cut(reason)) => Poll::Ready(Err(io::Error::other(reason))),
            Poll::Pending => reading.as_mut().poll(context),
        })
        .await
    }

    /// Does something that has no place to stop at, so that letting the connection go means nothing to it.
    async fn unless_cut(&self, doing: impl Future<Output = Ended>) -> Ended {
        let mut doing = pin!(doing);
        poll_fn(|context| {
            while let Poll::Ready(ending) = self.poll_ending(context) {
                if let Ending::Cut(reason) = ending {
                    return Poll::Ready(Err(reason.into()));
                }
            }
            doing.as_mut().poll(context)
        })
        .await
    }

    fn poll_ending(&self, context: &Context<'_>) -> Poll<Ending> {
        if let Some(ending) = self.ending.take() {
            return Poll::Ready(ending);
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

/// Serves requests until the client leaves, is too slow, or the worker lets it go.
pub(super) async fn serve(accepted: Accepted, worker: Rc<Worker>) {
    let Accepted { stream, peer, slot: _slot } = accepted;
    let client = Rc::new(ClientConnection::new(peer));
    let _watched = worker.watch(&client);
    let ended = match TcpStream::from_std(stream) {
        Ok(stream) => converse(stream, &client, &worker).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error, "connection cut");
    }
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn converse(mut stream: TcpStream, client: &Rc<ClientConnection>, worker: &Rc<Worker>) -> Ended {
    stream.set_nodelay(true)?;
    let read = client.unless_ended(read_opening(&mut stream)).await?;
    if read.is_empty() {
        return Ok(());
    }
    if read.starts_with(H2_PREFACE) {
        return serve_http2(stream, read, client, worker).await;
    }
    serve_http1(stream, read, client, worker).await
}

/// Reads until it is clear which HTTP is spoken; nothing if the client leaves before.
async fn read_opening(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let mut read = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(Bytes::new());
        }
        let compared = read.len().min(H2_PREFACE.len());
        if compared == H2_PREFACE.len() || read[..compared] != H2_PREFACE[..compared] {
            return Ok(read.freeze());
        }
    }
}

async fn serve_http1<S>(stream: S, read: Bytes, client: &Rc<ClientConnection>, worker: &Rc<Worker>) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let _connected = worker.recorder.connected(Protocol::Http1);
    let service = service_fn(|request| answer(request, client, worker));
    let io = TokioIo::new(StrictIo::new(stream, read, Rc::clone(&client.wire)));
    let mut http = http1::Builder::new().serve_connection(io, service);

    let mut is_refused = false;
    let ended = poll_fn(|context| {
        let polled = poll_unless_ended(Pin::new(&mut http), client, context);
        if polled.is_ready() || is_refused || client.wire.refusal().is_none() {
            return polled;
        }
        // What came before the refused head is still answered.
        is_refused = true;
        Pin::new(&mut http).graceful_shutdown();
        poll_unless_ended(Pin::new(&mut http), client, context)
    })
    .await;
    if ended.is_ok()
        && !client.has_said_goodbye.get()
        && let Some(refused) = client.wire.refusal()
    {
        let (stream, _) = http.into_parts().io.into_inner().into_inner();
        refusal::answer(stream, refused, worker).await?;
        return Ok(());
    }
    let Some(tunnel) = client.tunnel.take() else {
        return ended;
    };
    ended?;
    let _open = client.begin();
    let _tunnelled = worker.recorder.connected(Protocol::Upgraded);
    client.wire.tunnel();
    let stream = http.into_parts().io.into_inner();
    client.unless_cut(tunnel.run(stream)).await
}

async fn serve_http2<S>(stream: S, read: Bytes, client: &Rc<ClientConnection>, worker: &Rc<Worker>) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let _connected = worker.recorder.connected(Protocol::Http2);
    client.is_http2.set(true);
    client.wire.pass_unread();
    let (served, working) = (Rc::clone(client), Rc::clone(worker));
    let service = service_fn(move |request| {
        let (client, worker) = (Rc::clone(&served), Rc::clone(&working));
        async move { answer(request, &client, &worker).await }
    });
    let io = TokioIo::new(StrictIo::new(stream, read, Rc::clone(&client.wire)));
    let mut http = pin!(http2_settings().serve_connection(io, service));
    if worker.is_leaving() {
        http.as_mut().graceful_shutdown();
    }
    poll_fn(|context| poll_unless_ended(http.as_mut(), client, context)).await
}

fn http2_settings() -> http2::Builder<LocalExecutor> {
    let mut settings = http2::Builder::new(LocalExecutor);
    settings
        .timer(TokioTimer::new())
        .keep_alive_interval(H2_PING_EVERY)
        .keep_alive_timeout(H2_PONG_TIMEOUT)
        .max_concurrent_streams(H2_STREAMS)
        .max_header_list_size(H2_HEADER_BYTES)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(H2_RESETS)
        .max_local_error_reset_streams(H2_RESETS);
    settings
}

/// Polls a connection, which may be told to leave or cut meanwhile.
fn poll_unless_ended<C>(mut http: Pin<&mut C>, client: &ClientConnection, context: &mut Context<'_>) -> Poll<Ended>
where
    C: GracefulConnection<Error: std::error::Error + Send + Sync + 'static>,
{
    match client.poll_ending(context) {
        Poll::Ready(Ending::Cut(reason)) => return Poll::Ready(Err(reason.into())),
        Poll::Ready(Ending::Leave) => {
            http.as_mut().graceful_shutdown();
            let _ = client.poll_ending(context);
        }
        Poll::Pending => {}
    }
    http.poll(context).map_err(Into::into)
}

async fn answer(
    request: Request<Incoming>,
    client: &Rc<ClientConnection>,
    worker: &Rc<Worker>,
) -> Result<http::Response<Reply>, Infallible> {
    let open = client.begin();
    client.has_said_goodbye.set(frame::is_last(&request));
    let answer = worker.gateway.answer(request, client, worker);
    if client.is_http2.get() {
        return Ok(answer.await.map(|body| Reply::new(body, open)));
    }
    let asks_for_tunnel = client.wire.accept_request();
    let mut response = answer.await.map(|body| Reply::new(body, open));
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    if asks_for_tunnel {
        client.wire.no_tunnel();
    }
    if worker.is_leaving() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Runs the streams of HTTP/2 on the worker's own thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(stream);
    }
}
