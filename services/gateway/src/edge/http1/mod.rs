//! HTTP/1.1 with a client (RFC 9112), one request after the other.
//!
//! `framing` below lets through only bytes that have one reading, so that what is left to do is to take them apart.
//! A connection is one task without any others: the loop here polls the answer to a request and looks after the client
//! meanwhile (docs/adr/0010).

mod request;
mod response;
mod socket;

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use tokio::time::timeout;

use super::connection::{ClientConnection, Ended};
use super::conversation::ClientStream;
use super::framing::{Refusal, StrictIo};
use super::{Worker, refusal};
use crate::body::{ClientBody, ReplyBody};
use crate::metrics::Protocol;
use request::Asked;
use response::Answer;

pub(crate) use socket::ClientSocket;

/// So long, and so much, the rest of a body is read that nobody wants.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 64 << 20;

/// What a client sends next.
enum Next {
    Request(Box<Parts>, Asked),
    /// Bytes that are not passed on.
    Refused(Refusal),
    /// Nothing: it has left, or should.
    Nothing,
}

/// What becomes of a connection behind an answer.
enum After {
    Kept,
    Closed,
    Tunnel,
}

/// Serves requests until there are no more, or the connection becomes something else.
pub(super) async fn serve(
    stream: ClientStream,
    read: Bytes,
    client: &Rc<ClientConnection>,
    worker: &Rc<Worker>,
) -> Ended {
    let _connected = worker.recorder.connected(Protocol::Http1);
    let stream = StrictIo::new(stream, read, Rc::clone(&client.wire));
    let socket = Rc::new(ClientSocket::new(stream, Rc::clone(&worker.buffers)));
    loop {
        match next(&socket, client).await? {
            Next::Nothing => return close(&socket, client, worker).await,
            Next::Refused(refused) => {
                let Some(socket) = Rc::into_inner(socket) else { return Ok(()) };
                // Larger than all the rest, and seldom needed.
                let refusing = refusal::answer(socket.into_stream().into_inner().0, refused, worker);
                return Ok(Box::pin(refusing).await?);
            }
            Next::Request(head, asked) => match exchange(head, asked, &socket, client, worker).await? {
                After::Kept => {}
                After::Closed => return close(&socket, client, worker).await,
                After::Tunnel => return Box::pin(tunnel(socket, client, worker)).await,
            },
        }
    }
}

async fn next(socket: &ClientSocket, client: &ClientConnection) -> std::io::Result<Next> {
    let head = poll_fn(|context| match socket.poll_head(context) {
        Poll::Ready(Ok(Some((head, asked)))) => Poll::Ready(Ok(Next::Request(head, asked))),
        Poll::Ready(Ok(None)) => Poll::Ready(Ok(Next::Nothing)),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Pending => client.wire.refusal().map_or(Poll::Pending, |refused| Poll::Ready(Ok(Next::Refused(refused)))),
    });
    Ok(client.unless_ended(head).await?.unwrap_or(Next::Nothing))
}

/// Has a request answered, and writes the answer.
async fn exchange(
    head: Box<Parts>,
    asked: Asked,
    socket: &Rc<ClientSocket>,
    client: &Rc<ClientConnection>,
    worker: &Rc<Worker>,
) -> Result<After, Box<dyn std::error::Error + Send + Sync>> {
    let _open = client.begin();
    let asks_for_tunnel = client.wire.accept_request();
    let Some(response) = answered(head, socket, client, worker).await? else {
        return Ok(After::Closed);
    };
    let is_tunnel = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if asks_for_tunnel && !is_tunnel {
        client.wire.no_tunnel();
    }
    let may_keep = asked.is_kept && !worker.is_leaving() && socket.can_go_on();
    let mut answer = Answer::new(response, asked, may_keep, worker);
    let mut dropped = 0;
    client
        .unless_cut(poll_fn(|context| {
            drop_body(socket, &mut dropped, context);
            if let Poll::Ready(sent) = answer.poll_send(socket, context) {
                return Poll::Ready(sent);
            }
            socket.poll_gone(context).map(|()| Err("the client left before the end of its answer".into()))
        }))
        .await?;
    let is_kept = answer.is_kept;
    answer.finish(worker);
    if is_tunnel {
        return Ok(After::Tunnel);
    }
    Ok(if is_kept && is_ready_for_more(socket, dropped).await { After::Kept } else { After::Closed })
}

/// The answer to a request; none if its client leaves before.
async fn answered(
    head: Box<Parts>,
    socket: &Rc<ClientSocket>,
    client: &Rc<ClientConnection>,
    worker: &Rc<Worker>,
) -> Result<Option<Response<ReplyBody>>, &'static str> {
    let mut answer = pin!(worker.gateway.answer(head, ClientBody::http1(socket), client, worker));
    poll_fn(|context| {
        if let Poll::Ready(reason) = client.poll_cut(context) {
            return Poll::Ready(Err(reason));
        }
        if let Poll::Ready(response) = answer.as_mut().poll(context) {
            return Poll::Ready(Ok(Some(response)));
        }
        socket.poll_gone(context).map(|()| Ok(None))
    })
    .await
}

/// Reads on what nobody wants of a body, as far as it has come.
fn drop_body(socket: &ClientSocket, dropped: &mut usize, context: &mut Context<'_>) {
    while *dropped < LINGER_BYTES
        && !socket.is_body_over()
        && let Poll::Ready(Ok(bytes)) = socket.poll_drop_body(context)
    {
        *dropped += bytes;
    }
}

/// Whether the next request can be read: the body before it is over, if need be after a while.
async fn is_ready_for_more(socket: &ClientSocket, mut dropped: usize) -> bool {
    if socket.is_body_over() {
        return true;
    }
    let over = poll_fn(|context| {
        drop_body(socket, &mut dropped, context);
        let is_hopeless = dropped >= LINGER_BYTES || !socket.can_go_on();
        if socket.is_body_over() || is_hopeless { Poll::Ready(socket.is_body_over()) } else { Poll::Pending }
    });
    timeout(LINGER, over).await.unwrap_or(false)
}

/// Says goodbye where there is something to say: without TLS, closing the socket is all.
async fn close(socket: &ClientSocket, client: &ClientConnection, worker: &Worker) -> Ended {
    if worker.gateway.tls.is_none() {
        return Ok(());
    }
    client.unless_cut(poll_fn(|context| socket.poll_shutdown(context).map_err(Into::into))).await
}

/// Passes the bytes of a connection that speaks another protocol from now on.
async fn tunnel(socket: Rc<ClientSocket>, client: &Rc<ClientConnection>, worker: &Rc<Worker>) -> Ended {
    let (Some(socket), Some(tunnel)) = (Rc::into_inner(socket), client.tunnel.take()) else {
        return Ok(());
    };
    let _open = client.begin();
    let _tunnelled = worker.recorder.connected(Protocol::Upgraded);
    client.wire.tunnel();
    client.unless_cut(tunnel.run(socket.into_stream())).await
}
