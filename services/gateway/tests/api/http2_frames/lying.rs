//! Bodies that are not what was said of them, and trailers (sections 8.1 and 8.1.1).

use super::case::{Case, Expect, play};
use super::frame::{CANCEL, Frame, block, get_with, literal, post};
use super::session::{Seen, Session};
use crate::helpers::{ROUTES, RawUpstream, Suite};

const ECHO: &str = "/v1/open/echo";

/// The service may see the beginning; never a whole request. The answer can be its own refusal.
fn lies(name: &'static str, frames: Vec<Frame>) -> Case {
    Case::malformed(name, frames).or(Expect::Stream(CANCEL)).arriving(1)
}

#[tokio::test]
async fn a_body_must_have_the_length_that_was_said() {
    let length = |value: &'static str| Frame::head(1, post(ECHO, &[("content-length", value)]));
    let not_at_all = |value: &'static str| {
        let frame = Frame::request(1, get_with(ECHO, &[("content-length", value)]));
        Case::malformed(format!("{value:?} of none"), [frame])
    };
    let cases = vec![
        lies("shorter", vec![length("10"), Frame::last_data(1, "half")]),
        lies("longer", vec![length("2"), Frame::last_data(1, "more")]),
        lies("longer, in two pieces", vec![length("4"), Frame::data(1, "body"), Frame::last_data(1, "x")]),
        lies("none of it, at the end", vec![length("4"), Frame::last_data(1, "")]),
        lies(
            "shorter, before trailers",
            vec![length("10"), Frame::data(1, "half"), Frame::request(1, block([("x", "y")]))],
        ),
        not_at_all("4"),
        not_at_all("-1"),
        not_at_all("x"),
        not_at_all("0x0"),
        not_at_all("+0"),
        not_at_all("99999999999999999999999"),
        not_at_all("0, 4"),
        Case::malformed(
            "two that differ",
            [Frame::head(1, post(ECHO, &[("content-length", "4"), ("content-length", "5")]))],
        ),
        Case::good("as it was said", [length("4"), Frame::last_data(1, "body")]),
        Case::good(
            "in pieces and an empty one",
            [length("4"), Frame::data(1, "bo"), Frame::data(1, "dy"), Frame::last_data(1, "")],
        ),
        Case::good("none of none", [Frame::request(1, get_with(ECHO, &[("content-length", "0")]))]),
        Case::good("nothing said", [Frame::head(1, post(ECHO, &[])), Frame::last_data(1, "body")]),
    ];

    play(cases).await;
}

#[tokio::test]
async fn trailers_end_the_request() {
    let head = || Frame::head(1, post(ECHO, &[]));
    let trailers = |name: &'static str, value: &'static str| Frame::request(1, block([(name, value)]));
    let cases = vec![
        lies("more headers that do not end it", vec![head(), Frame::head(1, block([("x", "y")]))]),
        lies("trailers in upper case", vec![head(), Frame::request(1, literal(0, b"X-Sum", b"7"))]),
        lies("trailers with a line break", vec![head(), Frame::request(1, literal(0, b"x-sum", b"7\r\nx: y"))]),
        Case::good("trailers", [head(), Frame::data(1, "body"), trailers("x-sum", "7")]),
        Case::good("trailers of nothing else", [head(), trailers("x-sum", "7")]),
        Case::good("empty trailers", [head(), Frame::data(1, "body"), Frame::request(1, [])]),
    ];

    play(cases).await;
}

#[tokio::test]
async fn a_request_that_lies_never_arrives_whole() {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    let mut session = Session::open(suite.gateway.public).await;

    session.send(&[Frame::head(1, post("/v1/open/x", &[]))]).await.unwrap();
    let (mut service, head) = upstream.next_request().await;
    session.send(&[Frame::data(1, "half"), Frame::head(1, block([("x", "y")]))]).await.unwrap();
    let rest = service.read_to_end().await;

    assert!(head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked\r\n"), "{head}");
    assert!(!String::from_utf8_lossy(&rest).contains("\r\n0\r\n"), "no last chunk: {}", rest.escape_ascii());
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    let mut session = Session::open(suite.gateway.public).await;

    let head = Frame::head(1, post("/v1/open/x", &[("te", "trailers")]));
    session
        .send(&[head, Frame::data(1, "hi"), Frame::request(1, block([("x-sum", "7"), ("x-user-id", "forged")]))])
        .await
        .unwrap();
    let (mut service, _) = upstream.next_request().await;
    let body = service.read(b"2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n".len()).await;
    service
        .write(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 8\r\n\r\n",
        )
        .await;
    let mut heads = Vec::new();
    while heads.len() < 2 {
        let frame = session.next().await.expect("an answer with trailers");
        heads.extend((frame.kind == super::frame::HEADERS).then_some(frame));
    }

    assert_eq!(body.to_ascii_lowercase(), b"2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n");
    assert_eq!(heads[0].status(), Some(200));
    assert_eq!(heads[1].flags & super::frame::END_STREAM, super::frame::END_STREAM);
}

#[tokio::test]
async fn the_answer_to_head_has_no_body() {
    let suite = Suite::start().await;

    for path in ["/healthz", "/v1/closed/echo", "/nowhere", "/v1/open/teapot"] {
        let mut session = Session::open(suite.gateway.public).await;
        let head = super::frame::with_method("HEAD", path, &[]);
        session.send(&[Frame::request(1, head), Frame::request(3, super::frame::get("/healthz"))]).await.unwrap();
        let mut seen = Seen::default();
        session.read_until(&mut seen, |seen| seen.answer(1).is_some() && seen.answer(3).is_some()).await;
        session.send(&[Frame::ping(b"the end?")]).await.unwrap();
        session.read_until(&mut seen, |seen| !seen.pongs.is_empty()).await;

        assert_eq!(seen.body(1), b"", "{path}");
    }
}
