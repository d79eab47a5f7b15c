//! The layout of frames: sizes, padding, the streams they may be on, and what belongs together (sections 4 and 6).

use super::case::{Case, Expect, play};
use super::frame::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, FRAME_SIZE_ERROR, Frame, GOAWAY, HEADERS, PADDED, PING,
    PRIORITISED, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, get, post,
};

const ECHO: &str = "/v1/open/echo";
const LARGEST: usize = 16_384;

fn open_post() -> Frame {
    Frame::head(1, post("/v1/open/hang", &[]))
}

#[tokio::test]
async fn a_frame_of_a_wrong_size_is_an_error() {
    let size = |name, frames: Vec<Frame>| Case::connection_error(name, FRAME_SIZE_ERROR, frames);
    let of = |kind, stream, length| Frame::new(kind, 0, stream, vec![0; length]);
    let cases = vec![
        size("DATA above SETTINGS_MAX_FRAME_SIZE", vec![open_post(), of(DATA, 1, LARGEST + 1)]).arriving(1),
        size("HEADERS above it", vec![of(HEADERS, 1, LARGEST + 1)]),
        size("an unknown frame above it", vec![of(0xfe, 0, LARGEST + 1)]),
        size("SETTINGS of 5 bytes", vec![of(SETTINGS, 0, 5)]),
        size("an acknowledgement of SETTINGS that says something", vec![Frame::new(SETTINGS, ACK, 0, [0; 6])]),
        size("PING of 7 bytes", vec![of(PING, 0, 7)]),
        size("PING of 9 bytes", vec![of(PING, 0, 9)]),
        size("PING of none", vec![of(PING, 0, 0)]),
        size("RST_STREAM of 3 bytes", vec![open_post(), of(RST_STREAM, 1, 3)]).arriving(1),
        size("RST_STREAM of 5 bytes", vec![open_post(), of(RST_STREAM, 1, 5)]).arriving(1),
        size("WINDOW_UPDATE of 3 bytes", vec![of(WINDOW_UPDATE, 0, 3)]),
        size("WINDOW_UPDATE of 5 bytes", vec![of(WINDOW_UPDATE, 0, 5)]),
        size("GOAWAY of 7 bytes", vec![of(GOAWAY, 0, 7)]),
        size("HEADERS too short for its priority", vec![Frame::new(HEADERS, END_HEADERS | PRIORITISED, 1, [0; 3])]),
        size("DATA without the length of its padding", vec![open_post(), Frame::new(DATA, PADDED, 1, [])]).arriving(1),
        Case::stream_error("PRIORITY of 4 bytes", FRAME_SIZE_ERROR, [of(PRIORITY, 1, 4)]),
        Case::stream_error("PRIORITY of 6 bytes", FRAME_SIZE_ERROR, [of(PRIORITY, 1, 6)]),
        Case::good(
            "DATA of the largest size",
            [Frame::head(1, post(ECHO, &[])), Frame::last_data(1, vec![b'x'; LARGEST])],
        ),
    ];

    play(cases).await;
}

#[tokio::test]
async fn a_frame_on_a_wrong_stream_is_an_error() {
    let wrong = |name, frames: Vec<Frame>| Case::connection_error(name, PROTOCOL_ERROR, frames);
    let cases = vec![
        wrong("DATA on the connection", vec![Frame::data(0, "x")]),
        wrong("HEADERS on the connection", vec![Frame::request(0, get(ECHO))]),
        wrong("PRIORITY on the connection", vec![Frame::priority(0, 3)]),
        wrong("RST_STREAM on the connection", vec![Frame::reset(0)]),
        wrong("CONTINUATION on the connection", vec![Frame::new(CONTINUATION, END_HEADERS, 0, get(ECHO))]),
        wrong("SETTINGS on a stream", vec![Frame::new(SETTINGS, 0, 1, [])]),
        wrong("PING on a stream", vec![Frame::new(PING, 0, 1, [0; 8])]),
        wrong("GOAWAY on a stream", vec![Frame::new(GOAWAY, 0, 1, [0; 8])]),
        wrong("HEADERS on a stream of the server's", vec![Frame::request(2, get(ECHO))]),
        wrong(
            "a promise of the client's",
            vec![open_post(), Frame::new(PUSH_PROMISE, END_HEADERS, 1, [&[0, 0, 0, 2][..], &get(ECHO)].concat())],
        )
        .arriving(1),
    ];

    play(cases).await;
}

#[tokio::test]
async fn padding_must_fit_into_its_frame_and_is_no_content() {
    let padded = |kind, flags, content: &[u8], padding: u8| {
        let payload = [&[padding][..], content, &vec![0; usize::from(padding)]].concat();
        Frame::new(kind, flags | PADDED, 1, payload)
    };
    let too_much = |content: &[u8]| [&[u8::try_from(content.len() + 1).unwrap_or(u8::MAX)][..], content].concat();
    let echo = Frame::head(1, post(ECHO, &[("content-length", "4")]));
    let cases = vec![
        Case::connection_error(
            "padding longer than DATA",
            PROTOCOL_ERROR,
            [open_post(), Frame::new(DATA, PADDED, 1, too_much(b"body"))],
        )
        .arriving(1),
        Case::connection_error(
            "padding longer than HEADERS",
            PROTOCOL_ERROR,
            [Frame::new(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, too_much(&get(ECHO)))],
        ),
        Case::good("padded DATA", [echo.clone(), padded(DATA, END_STREAM, b"body", 200)]),
        Case::good("DATA padded by nothing", [echo, padded(DATA, END_STREAM, b"body", 0)]),
        Case::good("padded HEADERS", [padded(HEADERS, END_HEADERS | END_STREAM, &get(ECHO), 99)]),
        Case::good(
            "HEADERS with a priority",
            [Frame::new(
                HEADERS,
                END_HEADERS | END_STREAM | PRIORITISED,
                1,
                [&[0, 0, 0, 3, 15][..], &get(ECHO)].concat(),
            )],
        ),
        Case::good(
            "padded HEADERS with a priority",
            [padded(
                HEADERS,
                END_HEADERS | END_STREAM | PRIORITISED,
                &[&[0x80, 0, 0, 3, 255][..], &get(ECHO)].concat(),
                1,
            )],
        ),
    ];

    play(cases).await;
}

#[tokio::test]
async fn nothing_comes_between_the_frames_of_a_header_block() {
    let part = |from, to| get(ECHO)[from..to].to_vec();
    let begin = || Frame::new(HEADERS, END_STREAM, 1, part(0, 9));
    let more = |flags, stream, from, to| Frame::new(CONTINUATION, flags, stream, part(from, to));
    let end = get(ECHO).len();
    let broken = |name, frames: Vec<Frame>| Case::connection_error(name, PROTOCOL_ERROR, frames);
    let bytewise = (9..end - 1).step_by(12).map(|at| more(0, 1, at, (at + 12).min(end - 1)));
    let cases = vec![
        broken("DATA within it", vec![begin(), Frame::data(1, "x"), more(END_HEADERS, 1, 9, end)]),
        broken("PING within it", vec![begin(), Frame::ping(&[0; 8]), more(END_HEADERS, 1, 9, end)]),
        broken("SETTINGS within it", vec![begin(), Frame::settings(&[]), more(END_HEADERS, 1, 9, end)]),
        broken("an unknown frame within it", vec![begin(), Frame::new(0xfe, 0, 1, "x"), more(END_HEADERS, 1, 9, end)]),
        broken("HEADERS of another stream", vec![begin(), Frame::request(3, get(ECHO))]),
        broken("HEADERS of the same stream", vec![begin(), Frame::request(1, get(ECHO))]),
        broken("the rest on another stream", vec![begin(), more(END_HEADERS, 3, 9, end)]),
        broken("a rest of nothing", vec![Frame::new(CONTINUATION, END_HEADERS, 1, get(ECHO))]),
        broken(
            "a rest of a whole block",
            vec![
                Frame::head(1, post("/v1/open/hang", &[])),
                Frame::new(CONTINUATION, END_HEADERS, 1, block([("a", "b")])),
            ],
        )
        .arriving(1),
        Case::good("in two frames", [begin(), more(END_HEADERS, 1, 9, end)]),
        Case::good("with an empty frame", [begin(), more(0, 1, 9, 9), more(END_HEADERS, 1, 9, end)]),
        Case::good(
            "in many frames",
            [begin()].into_iter().chain(bytewise).chain([more(END_HEADERS, 1, end - 1, end)]).collect::<Vec<_>>(),
        )
        .or(Expect::Connection(super::frame::ENHANCE_YOUR_CALM)),
    ];

    play(cases).await;
}

#[tokio::test]
async fn what_is_unknown_is_ignored() {
    let mut reserved = Frame::request(1, get(ECHO));
    reserved.stream |= 0x8000_0000;
    let cases = vec![
        Case::ignored("an unknown frame on the connection", [Frame::new(0xfe, 0xff, 0, "anything")]),
        Case::ignored("an unknown frame on an idle stream", [Frame::new(0xfe, 0, 1, "anything")]),
        Case::ignored("an unknown frame of the largest size", [Frame::new(0xfe, 0, 0, vec![0; LARGEST])]),
        Case::ignored("unknown flags of PING", [Frame::new(PING, 0xfe, 0, *b"and then")]),
        Case::ignored("a pong nobody waits for", [Frame::new(PING, ACK, 0, [7; 8])]),
        Case::good("unknown flags of HEADERS", [Frame::new(HEADERS, END_HEADERS | END_STREAM | 0xd2, 1, get(ECHO))])
            .or(Expect::Connection(PROTOCOL_ERROR)),
        Case::good("the reserved bit of a stream's number", [reserved]),
        Case::good("an unknown frame between requests", [Frame::new(0x0b, 0, 1, "x"), Frame::request(1, get(ECHO))]),
    ];

    play(cases).await;
}
