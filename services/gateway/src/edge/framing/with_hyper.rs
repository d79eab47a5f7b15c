//! How whoever drives a connection ends HTTP on it: behind a refusal, and with a tunnel.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::portions::refused;
use super::{Refusal, StrictIo, Wire};

#[tokio::test]
async fn a_refusal_is_answered_behind_the_request_in_flight() {
    let (near, mut client) = tokio::io::duplex(1 << 16);
    let wire = Rc::new(Wire::default());
    let is_refused = Notify::new();
    let io = TokioIo::new(StrictIo::new(near, Bytes::new(), Rc::clone(&wire)));
    let slow = service_fn(async |_: Request<Incoming>| {
        is_refused.notified().await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let mut connection = http1::Builder::new().serve_connection(io, slow);
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\nhost: a\r\n\r\n").await.unwrap();

    let refusal = tokio::select! {
        ended = &mut connection => panic!("ended before the refusal was told: {ended:?}"),
        refusal = refused(&wire) => refusal,
    };
    is_refused.notify_one();
    Pin::new(&mut connection).graceful_shutdown();
    (&mut connection).await.unwrap();
    let io = connection.into_parts().io.into_inner();
    let (mut stream, _) = io.into_inner();
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    drop(stream);

    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    assert!(matches!(refusal, Refusal::Framing(_)));
    let (first, second) = answers.split_once("\r\n\r\n").unwrap();
    assert!(first.starts_with("HTTP/1.1 200 OK"), "{first}");
    assert!(second.starts_with("HTTP/1.1 400"), "{second}");
}

#[tokio::test]
async fn a_tunnel_is_taken_over_with_all_that_came_early() {
    let (near, mut client) = tokio::io::duplex(1 << 16);
    let wire = Rc::new(Wire::default());
    let io = TokioIo::new(StrictIo::new(near, Bytes::new(), Rc::clone(&wire)));
    let switch = service_fn(async |_: Request<Incoming>| {
        assert!(wire.accept_request());
        wire.tunnel();
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        Ok::<_, Infallible>(response)
    });
    let mut connection = http1::Builder::new().serve_connection(io, switch);
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: x\r\n\r\nearly\n").await.unwrap();

    (&mut connection).await.unwrap();
    let parts = connection.into_parts();
    let (_, kept) = parts.io.into_inner().into_inner();

    assert_eq!([parts.read_buf, kept].concat(), b"early\n");
}

#[tokio::test]
async fn a_connection_closes_unless_it_is_kept_open() {
    for is_kept_open in [false, true] {
        let (near, mut client) = tokio::io::duplex(1 << 16);
        let wire = Rc::new(Wire::default());
        let io = TokioIo::new(StrictIo::new(near, Bytes::new(), Rc::clone(&wire)));
        let never = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
        let mut connection = http1::Builder::new().serve_connection(io, never);
        if is_kept_open {
            wire.keep_open();
        }

        Pin::new(&mut connection).graceful_shutdown();
        (&mut connection).await.unwrap();

        let end = futures_util::poll!(Box::pin(client.read(&mut [0; 9])));
        assert_eq!(end.is_pending(), is_kept_open);
    }
}
