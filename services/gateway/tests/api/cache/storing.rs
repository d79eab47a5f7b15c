//! What is stored and for how long, and what never is.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::Method;
use tokio::time::timeout;

use super::origin::{Origin, numbered};
use super::{ROUTES, ask, status, suite, text};
use crate::helpers::{PATIENCE, RawUpstream, Suite};

const LARGE: usize = (1 << 20) + 1;

#[tokio::test]
async fn an_answer_is_given_again_with_its_age() {
    let origin =
        Origin::counting(&[("cache-control", "max-age=60"), ("x-own", "1"), ("access-control-allow-origin", "*")])
            .await;
    let suite = suite(&origin).await;
    let client = suite.client();

    let (first, again) = (client.get("/v1/public/x").await, client.get("/v1/public/x").await);

    for reply in [&first, &again] {
        assert_eq!((reply.header("x-own"), reply.header("content-length"), text(reply).as_str()), ("1", "1", "1"));
        assert!(reply.header("age").parse::<u32>().is_ok_and(|age| age < 60), "{}", reply.header("age"));
        assert!(!reply.headers.contains_key("access-control-allow-origin"));
    }
    assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
    assert_eq!(status(&first), "portico; fwd=miss; stored");
    assert!(status(&again).starts_with("portico; hit; ttl="), "{}", status(&again));
}

#[tokio::test]
async fn an_answer_is_asked_for_again_when_it_is_stale() {
    let origin = Origin::counting(&[("cache-control", "max-age=1")]).await;
    let suite = suite(&origin).await;
    let client = suite.client();
    client.get("/v1/public/x").await;

    let is_asked_again = async { while text(&client.get("/v1/public/x").await) == "1" {} };

    timeout(PATIENCE, is_asked_again).await.expect("another answer in time");
}

/// Each by itself a reason to store nothing.
const UNSTORABLE: [&[(&str, &str)]; 10] = [
    &[("cache-control", "no-store")],
    &[("cache-control", "max-age=60, private")],
    &[("cache-control", "max-age=60"), ("cache-control", "No-Cache")],
    &[("cache-control", "max-age=60"), ("set-cookie", "a=b")],
    &[("cache-control", "max-age=60"), ("vary", "*")],
    &[("cache-control", "max-age=60"), ("vary", "x-forwarded-for")],
    &[("cache-control", "max-age=60"), ("age", "61")],
    &[("cache-control", "public")],
    &[("last-modified", "Wed, 21 Oct 2015 07:28:30 GMT")],
    &[],
];

#[tokio::test]
async fn what_may_not_be_stored_is_asked_for_each_time() {
    let origin = Origin::start(|head, number| {
        let case: usize = head.uri.path().rsplit('/').next().unwrap().parse().unwrap();
        numbered(UNSTORABLE[case], number)
    })
    .await;
    let suite = suite(&origin).await;
    let client = suite.client();

    for (case, headers) in UNSTORABLE.iter().enumerate() {
        let path = format!("/v1/public/{case}");

        let (first, second) = (client.get(&path).await, client.get(&path).await);

        assert_ne!(text(&first), text(&second), "{headers:?}");
    }
}

#[tokio::test]
async fn errors_and_parts_are_not_stored_and_what_is_not_there_is() {
    let origin = Origin::start(|head, number| {
        let status: u16 = head.uri.path().rsplit('/').next().unwrap().parse().unwrap();
        let mut response = numbered(&[("cache-control", "max-age=60")], number);
        *response.status_mut() = status.try_into().unwrap();
        response
    })
    .await;
    let suite = suite(&origin).await;
    let client = suite.client();

    for (code, is_stored) in
        [(200, true), (301, true), (404, true), (410, true), (206, false), (302, false), (403, false), (500, false)]
    {
        let path = format!("/v1/public/{code}");
        let (first, second) = (client.get(&path).await, client.get(&path).await);

        assert_eq!((first.status.as_u16(), second.status.as_u16()), (code, code));
        assert_eq!(text(&first) == text(&second), is_stored, "{code}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_passed_on_whole_and_not_stored() {
    fn pieces(total: usize) -> Body {
        let sizes = (0..total).step_by(100_000).map(move |at| 100_000.min(total - at));
        let pieces = sizes.map(|size| Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; size])));
        Body::from_stream(futures_util::stream::iter(pieces.collect::<Vec<_>>()))
    }
    let origin = Origin::start(|head, _| {
        let body = if head.uri.path().ends_with("pieces") { pieces(LARGE) } else { Body::from(vec![b'a'; LARGE]) };
        ([("cache-control", "max-age=60")], body).into_response()
    })
    .await;
    let suite = suite(&origin).await;
    let client = suite.client();

    for (n, path) in ["/v1/public/pieces", "/v1/public/whole"].into_iter().enumerate() {
        let (first, second) = (client.get(path).await, client.get(path).await);

        assert!([&first, &second].iter().all(|reply| reply.bytes == vec![b'a'; LARGE]), "{path}");
        assert_eq!(origin.asked(), 2 * (n + 1), "{path}");
    }
}

#[tokio::test]
async fn what_is_just_small_enough_is_stored() {
    let origin = Origin::start(|_, _| ([("cache-control", "max-age=60")], vec![b'a'; 1 << 20]).into_response()).await;
    let suite = suite(&origin).await;
    let client = suite.client();

    let (first, second) = (client.get("/v1/public/x").await, client.get("/v1/public/x").await);

    assert_eq!((first.bytes.len(), second.bytes.len(), origin.asked()), (1 << 20, 1 << 20, 1));
}

/// A suite in front of a service that the test writes.
async fn raw_suite() -> (RawUpstream, Suite) {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("ORIGIN", &upstream.address.to_string())).await;
    (upstream, suite)
}

#[tokio::test]
async fn half_an_answer_is_no_answer_and_not_stored() {
    let (upstream, suite) = raw_suite().await;
    let client = suite.client();

    for (n, body) in
        ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"].into_iter().enumerate()
    {
        let path = format!("/v1/public/{n}");
        let half = format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n{body}");
        let whole = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";

        let (broken, _) = tokio::join!(client.get(&path), upstream.answer(&half));
        let (good, _) = tokio::join!(client.get(&path), upstream.answer(whole));

        broken.assert_problem(502, "upstream_broken");
        assert_eq!((text(&good).as_str(), status(&good)), ("abc", "portico; fwd=miss; stored"));
        assert_eq!(text(&client.get(&path).await), "abc");
    }
}

#[tokio::test]
async fn an_answer_whose_end_is_unclear_or_that_has_trailers_is_not_stored() {
    let (upstream, suite) = raw_suite().await;
    let client = suite.client();

    for (n, rest) in
        ["\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"].into_iter().enumerate()
    {
        let path = format!("/v1/public/{n}");
        let answer = format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\n{rest}");

        for _ in 0..2 {
            let (reply, _) = tokio::join!(client.get(&path), upstream.answer(&answer));

            assert_eq!((text(&reply).as_str(), status(&reply)), ("abc", "portico; fwd=miss"), "{rest}");
        }
    }
}

#[tokio::test]
async fn what_trickles_is_passed_on_as_it_comes() {
    let (upstream, suite) = raw_suite().await;
    let mut client = suite.connect().await;
    client.write("GET /v1/hasty/x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (mut service, _) = upstream.next_request().await;

    service.write("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 6\r\n\r\nabc").await;
    let head = client.read_head().await;
    let first = client.read(3).await;
    service.write("def").await;
    let rest = client.read(3).await;

    assert!(head.to_ascii_lowercase().contains("cache-status: portico; fwd=miss\r\n"), "{head}");
    assert_eq!((&first[..], &rest[..]), (&b"abc"[..], &b"def"[..]));
}

#[tokio::test]
async fn each_variant_is_stored_for_those_who_ask_for_it() {
    fn answer(head: &http::request::Parts, number: usize) -> Response {
        let coding = if head.headers.contains_key("accept-encoding") { "gzip" } else { "identity" };
        // The second header is what a service must say, and forgets.
        numbered(&[("cache-control", "max-age=60"), ("content-encoding", coding)], number)
    }
    let origin = Origin::start(answer).await;
    let suite = suite(&origin).await;
    let client = suite.client();
    let gzip = [("accept-encoding", "gzip")];

    let zipped = [text(&ask(&client, "/v1/public/x", &gzip).await), text(&ask(&client, "/v1/public/x", &gzip).await)];
    let plain = [text(&client.get("/v1/public/x").await), text(&client.get("/v1/public/x").await)];

    assert_eq!((zipped, plain), (["1", "1"].map(str::to_owned), ["2", "2"].map(str::to_owned)));
}

#[tokio::test]
async fn a_body_that_is_made_smaller_on_its_way_out_is_stored_as_it_is() {
    let origin = Origin::start(|_, _| {
        ([("cache-control", "max-age=60"), ("content-type", "text/plain")], "a".repeat(5_000)).into_response()
    })
    .await;
    let routes = ROUTES.replace("ORIGIN", &origin.address.to_string());
    let suite = Suite::with_routes(&format!("compression = true\n{routes}")).await;
    let client = suite.client();

    let small = ask(&client, "/v1/public/x", &[("accept-encoding", "gzip")]).await;
    let plain = client.send(client.request(Method::GET, "/v1/public/x")).await;

    assert_eq!((small.header("content-encoding"), plain.header("content-encoding")), ("gzip", ""));
    assert!(small.bytes.len() < 500);
    assert_eq!((plain.bytes.len(), origin.asked()), (5_000, 1));
}
