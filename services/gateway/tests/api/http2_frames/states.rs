//! The states of a stream, and which frames they take (section 5.1).

use super::case::{Case, Expect, play};
use super::frame::{CANCEL, CONTINUATION, END_HEADERS, Frame, PROTOCOL_ERROR, STREAM_CLOSED, block, get, post};
use super::session::{Seen, Session};
use crate::helpers::Suite;

const ECHO: &str = "/v1/open/echo";
const HANG: &str = "/v1/open/hang";

#[tokio::test]
async fn an_idle_stream_takes_only_headers_and_priority() {
    let wrong = |name, frame| Case::connection_error(name, PROTOCOL_ERROR, [frame]);
    let cases = vec![
        wrong("DATA", Frame::data(1, "x")),
        wrong("RST_STREAM", Frame::reset(1)),
        wrong("WINDOW_UPDATE", Frame::window_update(1, 1)),
        wrong("CONTINUATION", Frame::new(CONTINUATION, END_HEADERS, 1, get(ECHO))),
        wrong("RST_STREAM of the server's", Frame::reset(2)),
        wrong("WINDOW_UPDATE of the server's", Frame::window_update(2, 1)),
        Case::ignored("PRIORITY", [Frame::priority(1, 3)]),
        Case::good("PRIORITY and then HEADERS", [Frame::priority(1, 3), Frame::request(1, get(ECHO))]),
    ];

    play(cases).await;
}

#[tokio::test]
async fn a_stream_whose_request_has_ended_takes_no_more_of_it() {
    let request = || Frame::request(1, get(HANG));
    let wrong = |name, frame| Case::stream_error(name, STREAM_CLOSED, [request(), frame]).arriving(1);
    let fine = |name, frame| Case::ignored(name, [request(), frame]).arriving(1);
    let cases = vec![
        wrong("DATA", Frame::data(1, "x")),
        wrong("empty DATA", Frame::last_data(1, "")),
        wrong("HEADERS", Frame::request(1, get(HANG))),
        wrong("trailers", Frame::request(1, block([("x-sum", "7")]))),
        wrong("CONTINUATION", Frame::new(CONTINUATION, END_HEADERS, 1, get(HANG))),
        fine("WINDOW_UPDATE", Frame::window_update(1, 100)),
        fine("PRIORITY", Frame::priority(1, 3)),
        fine("RST_STREAM", Frame::reset(1)),
    ];

    play(cases).await;
}

#[tokio::test]
async fn a_stream_the_client_has_reset_takes_nothing() {
    let then = |frame| vec![Frame::head(1, post(HANG, &[])), Frame::reset(1), frame];
    let late = |name, frame| {
        let case = Case::stream_error(name, STREAM_CLOSED, then(frame)).or(Expect::Stream(CANCEL));
        case.arriving(1)
    };
    let cases = vec![
        late("DATA", Frame::data(1, "x")),
        late("HEADERS", Frame::request(1, get(HANG))),
        late("CONTINUATION", Frame::new(CONTINUATION, END_HEADERS, 1, get(HANG))),
        // Section 5.1: those that may have crossed the end of a stream are ignored.
        Case::ignored("WINDOW_UPDATE", then(Frame::window_update(1, 1))).arriving(1),
        Case::ignored("RST_STREAM", then(Frame::reset(1))).arriving(1),
        Case::ignored("PRIORITY", then(Frame::priority(1, 3))).arriving(1),
    ];

    play(cases).await;
}

/// What comes of `frames` on stream 1 once its answer has ended.
async fn after_an_answer(suite: &Suite, frame: Frame) -> Seen {
    let mut session = Session::open(suite.gateway.public).await;
    session.send(&[Frame::request(1, get("/v1/open/teapot"))]).await.expect("a gateway that reads");
    let mut seen = Seen::default();
    session.read_until(&mut seen, |seen| seen.body(1) == b"short and stout").await;
    let _closed = session.send(&[frame, Frame::request(3, get("/healthz"))]).await;
    session.read_until(&mut seen, |seen| seen.answer(3).is_some()).await;
    seen
}

#[tokio::test]
async fn a_stream_that_is_over_takes_nothing() {
    let suite = Suite::start().await;

    for frame in [Frame::data(1, "x"), Frame::request(1, get(ECHO)), Frame::request(1, block([("a", "b")]))] {
        let seen = after_an_answer(&suite, frame.clone()).await;
        let is_error = seen.is_closed || seen.reset(1).is_some();
        assert!(is_error, "{frame:?}: {seen:?}");
    }
    for frame in [Frame::window_update(1, 1), Frame::reset(1), Frame::priority(1, 3)] {
        let seen = after_an_answer(&suite, frame.clone()).await;
        assert_eq!((seen.answer(3), seen.reset(1)), (Some(200), None), "{frame:?}");
    }

    assert_eq!(suite.upstream.hits(), 6);
}

#[tokio::test]
async fn the_numbers_of_streams_only_grow() {
    let wrong = |name, frames: Vec<Frame>| Case::connection_error(name, PROTOCOL_ERROR, frames);
    let cases = vec![
        wrong("a lower one", vec![Frame::request(5, get(HANG)), Frame::request(3, get(HANG))]).arriving(1),
        wrong("an even one", vec![Frame::request(4, get(HANG))]),
        Case::good("a high one", [Frame::request(0x7fff_ffef, get(ECHO))]).on(0x7fff_ffef),
        Case::good("one with a gap before", [Frame::request(1, get(HANG)), Frame::request(99, get(ECHO))])
            .on(99)
            .arriving(2),
    ];

    play(cases).await;
}

#[tokio::test]
async fn a_stream_cannot_depend_on_itself() {
    let dependent = [&1_u32.to_be_bytes()[..], &[15], &get(ECHO)].concat();
    let flags = super::frame::END_STREAM | END_HEADERS | super::frame::PRIORITISED;
    // Section 5.3.2 has taken priorities out of use: to ignore them is as good.
    let cases = vec![
        Case::stream_error("PRIORITY", PROTOCOL_ERROR, [Frame::priority(1, 1)]).or(Expect::Nothing),
        Case::stream_error("HEADERS", PROTOCOL_ERROR, [Frame::new(super::frame::HEADERS, flags, 1, dependent)])
            .or(Expect::Answer(200)),
    ];

    play(cases).await;
}

#[tokio::test]
async fn a_stream_above_the_number_allowed_is_refused_and_the_others_go_on() {
    const REFUSED_STREAM: u32 = 7;
    let suite = Suite::start().await;
    let mut session = Session::open(suite.gateway.public).await;
    let requests: Vec<Frame> = (0..100).map(|number| Frame::request(number * 2 + 1, get(HANG))).collect();
    session.send(&requests).await.unwrap();

    session.send(&[Frame::request(201, get(ECHO)), Frame::request(203, get(ECHO))]).await.unwrap();
    let mut seen = Seen::default();
    session.read_until(&mut seen, |seen| seen.resets.len() == 2).await;
    session.send(&[Frame::reset(1), Frame::reset(3), Frame::request(205, get(ECHO))]).await.unwrap();
    session.read_until(&mut seen, |seen| seen.answer(205).is_some()).await;

    assert_eq!(seen.resets, [(201, REFUSED_STREAM), (203, REFUSED_STREAM)]);
    assert_eq!(seen.answers, [(205, 200)]);
    assert!(suite.upstream.hits() <= 101, "{}", suite.upstream.hits());
}
