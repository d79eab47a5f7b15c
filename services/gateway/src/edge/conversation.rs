//! The requests of one connection, in whichever HTTP the client speaks.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, header};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::connection::{ClientConnection, Ended, Ending};
use super::door::Accepted;
use super::frames::CountedIo;
use super::framing::{Refusal, StrictIo};
use super::worker::Watched;
use super::{Worker, http1, refusal, tls};
use crate::body::{ClientBody, Reply, ReplyBody};
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

/// Serves requests until the client leaves, is too slow, or the worker lets it go.
pub(super) async fn serve(accepted: Accepted, client: Rc<ClientConnection>, _watched: Watched, worker: Rc<Worker>) {
    let Accepted { stream, peer, slot: _slot } = accepted;
    if let Err(error) = converse(stream, &client, &worker).await {
        tracing::debug!(%peer, error, "connection cut");
    }
}

async fn converse(mut stream: TcpStream, client: &Rc<ClientConnection>, worker: &Rc<Worker>) -> Ended {
    stream.set_nodelay(true)?;
    if let Some(tls) = &worker.gateway.tls {
        // Larger than all that follows, and seldom needed.
        return Box::pin(converse_over_tls(stream, tls, client, worker)).await;
    }
    let Some(read) = client.unless_ended(read_opening(&mut stream)).await? else {
        return Ok(());
    };
    let stream = Either::Left(stream);
    match &read[..] {
        [] => Ok(()),
        bytes if bytes.starts_with(H2_PREFACE) => serve_http2(stream, read, client, worker).await,
        _ => http1::serve(stream, read, client, worker).await,
    }
}

async fn converse_over_tls(
    stream: TcpStream,
    tls: &tls::Tls,
    client: &Rc<ClientConnection>,
    worker: &Rc<Worker>,
) -> Ended {
    match client.unless_ended(tls::begins_handshake(&stream)).await? {
        None => return Ok(()),
        Some(true) => {}
        Some(false) => {
            refusal::answer(stream, Refusal::Framing("this port speaks HTTP over TLS only: https://"), worker).await?;
            return Ok(());
        }
    }
    let Some(stream) = client.unless_ended(tls.accept(stream)).await? else {
        return Ok(());
    };
    let has_chosen_http2 = tls::has_chosen_http2(&stream);
    let stream = Either::Right(stream);
    if has_chosen_http2 {
        return serve_http2(stream, Bytes::new(), client, worker).await;
    }
    http1::serve(stream, Bytes::new(), client, worker).await
}

/// A client's socket, or what TLS makes of it: one type, so that there is one copy of HTTP.
pub(super) type ClientStream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

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

async fn serve_http2(stream: ClientStream, read: Bytes, client: &Rc<ClientConnection>, worker: &Rc<Worker>) -> Ended {
    let _connected = worker.recorder.connected(Protocol::Http2);
    client.is_http2.set(true);
    client.wire.pass_unread();
    let (served, working) = (Rc::clone(client), Rc::clone(worker));
    let service = service_fn(move |request: Request<Incoming>| {
        let (client, worker) = (Rc::clone(&served), Rc::clone(&working));
        async move {
            let open = client.begin();
            let is_head = request.method() == Method::HEAD;
            let (head, body) = request.into_parts();
            let answer = worker.gateway.answer(Box::new(head), ClientBody::http2(body), &client, &worker).await;
            let answer = if is_head { without_content(answer) } else { answer };
            Ok::<_, Infallible>(answer.map(|body| Reply::new(body, open)))
        }
    });
    let io = TokioIo::new(CountedIo::new(StrictIo::new(stream, read, Rc::clone(&client.wire)), client));
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

/// The answer to HEAD, which hyper does not know by itself in HTTP/2.
fn without_content(mut answer: Response<ReplyBody>) -> Response<ReplyBody> {
    if let Some(length) = answer.body().size_hint().exact().filter(|length| *length > 0) {
        answer.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    answer.map(|_| ReplyBody::empty())
}

/// Runs the streams of HTTP/2 on the worker's own thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(stream);
    }
}
