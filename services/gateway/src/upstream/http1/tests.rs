use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use portico_common::middleware::{request_id_from, trace_context_from};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::{AnswerHead, Connection, Fault, RequestHead, Transfer};
use crate::body::RequestBody;
use crate::headers::{Forwarded, Peer, RequestHeaders, Stamp};

/// A connection, and the service's end of it.
async fn connect() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connection = Connection::open(address, Duration::from_secs(5), &Rc::default()).await.unwrap();
    (connection, listener.accept().await.unwrap().0)
}

fn request(method: Method) -> RequestHead {
    let client = HeaderMap::from_iter([
        (header::HOST, HeaderValue::from_static("elsewhere")),
        (header::CONTENT_LENGTH, HeaderValue::from_static("7")),
        (header::ACCEPT, HeaderValue::from_static("text/plain")),
    ]);
    let forwarded = Forwarded::read(&client, &Peer::new(Ipv4Addr::LOCALHOST.into(), "http"), None, 0);
    let stamp = Stamp {
        id: &request_id_from(&client),
        trace: &trace_context_from(&client),
        forwarded: &forwarded,
        upstream_host: &HeaderValue::from_static("shop"),
        version: Version::HTTP_11,
        wants_websocket: false,
    };
    let headers = RequestHeaders::new(client, &stamp);
    RequestHead { method, target: "/things?a=b".parse().unwrap(), headers, wants_websocket: false, deadline: None }
}

/// What came of an answer.
struct Read {
    head: AnswerHead,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
    is_reusable: bool,
}

/// What is made of an answer that comes in pieces, and is the last thing the service says.
async fn ask(method: Method, pieces: &[&[u8]]) -> Result<Read, String> {
    let (connection, mut service) = connect().await;
    let mut transfer = Transfer::new(connection, &request(method), RequestBody::default(), Vec::new(), Instant::now());
    let serve = async {
        service.readable().await.unwrap();
        for piece in pieces {
            service.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        service.shutdown().await.unwrap();
    };
    let read = async {
        let head = transfer.head().await.map_err(|fault| fault.into_error().to_string())?;
        let (mut body, mut trailers) = (Vec::new(), None);
        while let Some(frame) = poll_fn(|context| transfer.poll_frame(context)).await {
            match frame.map_err(|error| error.to_string())?.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        Ok(Read { head, body, trailers, is_reusable: transfer.into_idle().is_some() })
    };
    tokio::join!(serve, read).1
}

async fn get(answer: &str) -> Result<Read, String> {
    ask(Method::GET, &[answer.as_bytes()]).await
}

/// What the service sees of a request without a body.
async fn written(method: Method) -> String {
    let (connection, mut service) = connect().await;
    let mut transfer = Transfer::new(connection, &request(method), RequestBody::default(), Vec::new(), Instant::now());
    let mut written = [0; 1024];
    let length = tokio::select! {
        _ = transfer.head() => unreachable!("nobody answers"),
        length = service.read(&mut written) => length.unwrap(),
    };
    str::from_utf8(&written[..length]).unwrap().to_owned()
}

#[tokio::test]
async fn a_request_is_written_in_one_piece_with_a_length_of_our_own() {
    let written = written(Method::GET).await;

    assert!(written.starts_with("GET /things?a=b HTTP/1.1\r\nhost: shop\r\n"), "{written}");
    assert!(written.ends_with("\r\naccept: text/plain\r\n\r\n"), "{written}");
    assert!(!written.contains("content-length") && !written.contains("elsewhere"), "{written}");
}

#[tokio::test]
async fn a_post_without_a_body_says_so() {
    let written = written(Method::POST).await;

    assert!(written.ends_with("\r\ncontent-length: 0\r\n\r\n"), "{written}");
}

#[tokio::test]
async fn a_body_ends_where_its_framing_says() {
    for (answer, body, is_reusable) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "abc", true),
        ("HTTP/1.1 200\r\ncontent-length: 3\r\nconnection: keep-alive, Close\r\n\r\nabc", "abc", false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc", "abc", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", true),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", "", true),
        ("HTTP/1.1 200 OK\r\n\r\nabc", "abc", false),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", "abc", true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
            "x",
            true,
        ),
        // What nobody asked for does not become the answer to the next request.
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n", "abc", false),
        ("HTTP/1.1 204 No Content\r\n\r\nabc", "", false),
    ] {
        let read = get(answer).await.unwrap_or_else(|error| panic!("{answer}: {error}"));

        assert_eq!((str::from_utf8(&read.body), read.is_reusable), (Ok(body), is_reusable), "{answer}");
    }
}

#[tokio::test]
async fn the_answer_to_head_has_no_body() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";

    let read = ask(Method::HEAD, &[answer]).await.unwrap();

    assert!(read.body.is_empty() && read.is_reusable);
    assert_eq!(read.head.headers["content-length"], "9");
}

#[tokio::test]
async fn an_answer_may_come_byte_by_byte() {
    let answer =
        b"HTTP/1.1 201 Created\r\na: 1\r\na: 2\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n";
    let pieces: Vec<&[u8]> = answer.chunks(1).collect();

    let read = ask(Method::GET, &pieces).await.unwrap();

    assert_eq!((read.head.status.as_u16(), &read.body[..], read.is_reusable), (201, &b"abc"[..], true));
    assert_eq!(read.head.headers.get_all("a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(read.trailers.unwrap()["x"], "y");
}

#[tokio::test]
async fn what_has_two_readings_or_none_is_no_answer() {
    for answer in [
        "",
        "hello\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 099 Low\r\n\r\n",
        "HTTP/1.1 200 OK\na: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\n",
        "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
    ] {
        assert!(get(answer).await.is_err(), "{answer}");
    }
}

#[tokio::test]
async fn what_has_no_end_is_given_up() {
    let endless_head = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(20_000));
    let many_fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    let announced = "HTTP/1.1 102 Processing\r\n\r\n".repeat(20);
    let trailers = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n{}", "a: b\r\n".repeat(20_000));

    for answer in [endless_head, many_fields, announced, trailers] {
        assert!(get(&answer).await.is_err(), "{}", &answer[..60]);
    }
}

#[tokio::test]
async fn a_connection_that_ends_without_a_word_is_told_from_one_that_broke_off() {
    for (said, is_unanswered) in [("", true), ("HTTP/1.1 2", false), ("HTTP/1.1 100 Continue\r\n\r\n", false)] {
        let (connection, mut service) = connect().await;
        let mut transfer =
            Transfer::new(connection, &request(Method::GET), RequestBody::default(), Vec::new(), Instant::now());

        service.write_all(said.as_bytes()).await.unwrap();
        service.shutdown().await.unwrap();
        let fault = transfer.head().await.unwrap_err();

        assert_eq!(matches!(fault, Fault::Unanswered(_)), is_unanswered, "{said:?}: {fault:?}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_or_spoke_unasked_is_not_quiet() {
    let (quiet, _service) = connect().await;
    let (closed, service) = connect().await;
    drop(service);
    let (spoke, mut service) = connect().await;
    service.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();

    while closed.is_quiet() || spoke.is_quiet() {
        tokio::task::yield_now().await;
    }

    assert!(quiet.is_quiet());
}

#[tokio::test]
async fn the_bytes_behind_a_switch_of_protocols_belong_to_the_other_one() {
    let (connection, mut service) = connect().await;
    let mut transfer =
        Transfer::new(connection, &request(Method::GET), RequestBody::default(), Vec::new(), Instant::now());

    service.write_all(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nfirst").await.unwrap();
    let head = transfer.head().await.unwrap();
    let (mut stream, already_read) = transfer.into_connection().into_inner();
    service.write_all(b"second").await.unwrap();
    let mut then = [0; 6];
    stream.read_exact(&mut then).await.unwrap();

    assert_eq!((head.status.as_u16(), already_read, &then), (101, Bytes::from_static(b"first"), b"second"));
}
