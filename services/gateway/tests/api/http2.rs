//! HTTP/2 without TLS, by prior knowledge (RFC 9113 section 3.3), to services that speak HTTP/1.1.

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portico_testkit::User;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::helpers::{PATIENCE, Suite};

/// One connection, on which all streams of a test are.
pub async fn connect(suite: &Suite) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(suite.gateway.public).await.expect("a connection");
    let shaken = handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = timeout(PATIENCE, shaken).await.expect("settings in time").expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

pub async fn exchange(mut sender: SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let answered = async {
        let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
        Response::from_parts(head, body.collect().await.expect("a whole body").to_bytes())
    };
    timeout(PATIENCE, answered).await.expect("an answer in time")
}

#[tokio::test]
async fn many_streams_of_one_connection_are_answered_each_by_itself() {
    let suite = Suite::start().await;
    let sender = connect(&suite).await;
    let token = suite.issuer.token(&User::customer());

    let streams = (0..50).map(|number| {
        let request = Request::post(format!("http://a/v1/closed/echo?{number}"))
            .header("authorization", format!("Bearer {token}"))
            .header("x-user-id", "forged")
            .body(Full::from(format!("body {number}")));
        exchange(sender.clone(), request.unwrap())
    });
    let answers = join_all(streams).await;

    for (number, answer) in answers.iter().enumerate() {
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
        let seen: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(seen["target"], format!("/v1/closed/echo?{number}"));
        assert_eq!(seen["body"], format!("body {number}"));
        assert!(!seen["headers"].to_string().contains("forged"));
    }
    assert_eq!(suite.upstream.hits(), 50);
}

#[tokio::test]
async fn a_refused_stream_does_not_end_the_others() {
    let suite = Suite::start().await;
    let sender = connect(&suite).await;
    let get = |path: &str| Request::get(format!("http://a{path}")).body(Full::default()).unwrap();

    let refused = exchange(sender.clone(), get("/v1/closed/echo")).await;
    let let_in = exchange(sender, get("/v1/open/echo")).await;

    assert_eq!((refused.status(), let_in.status()), (StatusCode::UNAUTHORIZED, StatusCode::OK));
    assert_eq!(suite.upstream.hits(), 1);
}
