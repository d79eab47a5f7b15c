//! Clients that have much done for little: each is cut, and the others are served.

use std::time::Duration;

use portico_common::server::ServerConfig;
use portico_testkit::Issuer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::frame::{ACK, CONTINUATION, DATA, Frame, HEADERS, PADDED, PING, SETTINGS, get, literal, post};
use super::session::{Seen, Session};
use crate::helpers::{PATIENCE, Process, ROUTES, Suite, Upstream};

const HANG: &str = "/v1/open/hang";
const INITIAL_WINDOW_SIZE: u16 = 4;

/// What it is called, and its frames by number or stream.
type Flood = (&'static str, fn(u32) -> Frame);

/// Writes these frames again and again until the gateway closes; gives up after 100 MB. Tells how many bytes it took.
async fn flood(session: Session, frames: impl Fn(u32) -> Vec<Frame>) -> usize {
    let (mut read, mut write) = session.split();
    let writing = async {
        let mut written = 0;
        for number in 0.. {
            let bytes: Vec<u8> =
                (number * 100..(number + 1) * 100).flat_map(&frames).flat_map(|frame| frame.bytes()).collect();
            if write.write_all(&bytes).await.is_err() {
                return written;
            }
            written += bytes.len();
            assert!(written < 100_000_000, "the gateway takes what it is flooded with");
        }
        written
    };
    // What is answered is read: a client that does not is cut for that.
    let reading = async {
        let mut buffer = vec![0; 64 * 1024];
        while read.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    let (written, ()) = timeout(PATIENCE, async { tokio::join!(writing, reading) }).await.expect("the end of a flood");
    written
}

/// Floods a connection behind `opening`; the others are served, and at most so many requests arrive.
async fn assert_cut(name: &str, opening: &[Frame], most_arrive: usize, frames: impl Fn(u32) -> Vec<Frame>) {
    let suite = Suite::start().await;
    let other = suite.client();
    let mut session = Session::open(suite.gateway.public).await;
    session.send(opening).await.expect("a gateway that reads");

    let served = async {
        for _ in 0..5 {
            assert_eq!(other.get("/healthz").await.status, 200, "{name}");
        }
    };
    let (written, ()) = tokio::join!(flood(session, frames), served);

    assert_eq!(other.get("/healthz").await.status, 200, "{name}, after {written} bytes");
    let arrived = suite.upstream.hits();
    assert!(arrived <= most_arrive, "{name}: {arrived} requests arrived");
}

#[tokio::test]
async fn frames_that_carry_nothing() {
    let hang = [Frame::request(1, get(HANG))];
    let cases: [Flood; 8] = [
        ("PING", |_| Frame::ping(&[0; 8])),
        ("pongs", |_| Frame::new(PING, ACK, 0, [0; 8])),
        ("SETTINGS", |_| Frame::settings(&[])),
        ("SETTINGS that say something", |number| Frame::settings(&[(INITIAL_WINDOW_SIZE, 65_535 - number % 2); 50])),
        ("PRIORITY", |number| Frame::priority(number * 2 + 3, 1)),
        ("WINDOW_UPDATE", |_| Frame::window_update(1, 1)),
        ("WINDOW_UPDATE of the connection", |_| Frame::window_update(0, 1)),
        ("unknown frames", |_| Frame::new(0xfe, 0, 0, [0; 100])),
    ];

    for (name, frame) in cases {
        assert_cut(name, &hang, 1, |number| vec![frame(number)]).await;
    }
    assert_cut("acknowledgements", &hang, 1, |_| vec![Frame::new(SETTINGS, ACK, 0, [])]).await;
    assert_cut("RST_STREAM", &[hang[0].clone(), Frame::reset(1)], 1, |_| vec![Frame::reset(1)]).await;
}

#[tokio::test]
async fn empty_frames_of_a_body() {
    let opening = [Frame::head(1, post(HANG, &[]))];

    assert_cut("empty DATA", &opening, 1, |_| vec![Frame::new(DATA, 0, 1, [])]).await;
    assert_cut("DATA of padding", &opening, 1, |_| vec![Frame::new(DATA, PADDED, 1, vec![0])]).await;
}

#[tokio::test]
async fn a_header_block_without_an_end() {
    let begin = [Frame::new(HEADERS, 0, 1, get(HANG))];

    assert_cut("empty CONTINUATION", &begin, 0, |_| vec![Frame::new(CONTINUATION, 0, 1, [])]).await;
    assert_cut("CONTINUATION of a byte", &begin, 0, |_| vec![Frame::new(CONTINUATION, 0, 1, [0])]).await;
    let field = literal(0, b"x", &[b'y'; 10_000]);
    assert_cut("CONTINUATION of fields", &begin, 0, |_| vec![Frame::new(CONTINUATION, 0, 1, field.clone())]).await;
    let value = [&[0, 1, b'x', 0x7f, 0xff, 0xff, 0xff, 0x7f][..], &[b'y'; 10_000]].concat();
    assert_cut("CONTINUATION of one value", &[Frame::new(HEADERS, 0, 1, value)], 0, |_| {
        vec![Frame::new(CONTINUATION, 0, 1, [b'y'; 16_000])]
    })
    .await;
}

#[tokio::test]
async fn a_header_block_that_is_never_sent_to_its_end() {
    let suite =
        Suite::with_server(|server| ServerConfig { header_timeout: Duration::from_millis(400), ..server }).await;
    let mut session = Session::open(suite.gateway.public).await;

    session.send(&[Frame::new(HEADERS, 0, 1, get(HANG))]).await.unwrap();

    assert_eq!(session.closed().await.answers, []);
    assert_eq!(suite.upstream.hits(), 0);
}

/// CVE-2023-44487: a stream that is reset makes room for another one at once.
#[tokio::test]
async fn requests_that_are_reset_at_once() {
    let (open, closed) = (get(HANG), get("/v1/closed/echo"));
    let rapid = |block: &[u8], number: u32| vec![Frame::request(number * 2 + 1, block), Frame::reset(number * 2 + 1)];

    assert_cut("of an open route", &[], 200, |number| rapid(&open, number)).await;
    assert_cut("of a closed route", &[], 0, |number| rapid(&closed, number)).await;
}

/// The same, by a client that waits until each request has cost something.
#[tokio::test]
async fn requests_that_are_reset_when_they_have_arrived() {
    let suite = Suite::start().await;
    let mut session = Session::open(suite.gateway.public).await;

    let mut given_up = 0;
    let resetting = async {
        for stream in (1..2_001).step_by(2) {
            if session.send(&[Frame::request(stream, get(HANG))]).await.is_err() {
                return;
            }
            if timeout(Duration::from_secs(2), suite.upstream.arrived()).await.is_err() {
                return;
            }
            let _closed = session.send(&[Frame::reset(stream)]).await;
            given_up += 1;
        }
    };
    timeout(PATIENCE, resetting).await.expect("the end of the flood");

    assert!((100..400).contains(&given_up), "{given_up} requests were given up");
    assert!(session.closed().await.is_closed);
    assert_eq!(suite.client().get("/v1/open/echo").await.status, 200);
}

/// CVE-2025-8671: the client has the server reset the streams.
#[tokio::test]
async fn requests_that_the_gateway_is_made_to_reset() {
    let block = get(HANG);
    let faults: [Flood; 3] = [
        ("a window that grows by nothing", |stream| Frame::window_update(stream, 0)),
        ("a window that overflows", |stream| Frame::window_update(stream, 0x7fff_ffff)),
        ("a body behind the end", |stream| Frame::data(stream, "x")),
    ];

    for (name, fault) in faults {
        assert_cut(name, &[], 200, |number| {
            let stream = number * 2 + 1;
            vec![Frame::request(stream, block.clone()), fault(stream)]
        })
        .await;
    }
}

/// CVE-2019-9517: answers are asked for, and there is no window for them.
#[tokio::test]
async fn answers_that_are_left_lying() {
    let suite = Suite::with_server(|server| ServerConfig { write_timeout: Duration::from_millis(400), ..server }).await;
    for (window, path) in [(0, "/v1/open/9000000/zeros"), (1, "/v1/open/9000000/zeros"), (0, "/v1/open/teapot")] {
        let mut session = Session::open_with(suite.gateway.public, &[(INITIAL_WINDOW_SIZE, window)]).await;
        let requests: Vec<Frame> = (0..50).map(|number| Frame::request(number * 2 + 1, get(path))).collect();
        session.send(&requests).await.unwrap();
        let mut seen = Seen::default();
        session.read_until(&mut seen, |seen| seen.answers.len() == 50).await;

        // It lives otherwise, and that does not help it.
        let pinging = async {
            while session.send(&[Frame::ping(&[0; 8])]).await.is_ok() {
                if session.next().await.is_none() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };

        timeout(PATIENCE, pinging)
            .await
            .unwrap_or_else(|_| panic!("{path} waits for a window of {window} without end"));
    }
    assert_eq!(suite.client().get("/v1/open/echo").await.status, 200);
}

/// What the gateway has handed over to the end can still lie in the connection.
#[tokio::test]
async fn ends_of_answers_that_are_left_lying() {
    let brief = Duration::from_millis(400);
    let suite = Suite::with_server(|server| ServerConfig { write_timeout: brief, idle_timeout: brief, ..server }).await;
    let mut session = Session::open_with(suite.gateway.public, &[(INITIAL_WINDOW_SIZE, 5)]).await;

    session.send(&[Frame::request(1, get("/v1/open/teapot"))]).await.unwrap();

    let seen = session.closed().await;
    assert_eq!(seen.body(1), b"short");
}

#[tokio::test]
async fn a_client_that_takes_its_answer_slowly_but_surely_is_not_cut() {
    let patience = Duration::from_millis(400);
    let suite = Suite::with_server(|server| ServerConfig { write_timeout: patience, ..server }).await;
    let mut session = Session::open_with(suite.gateway.public, &[(INITIAL_WINDOW_SIZE, 40_000)]).await;
    session.send(&[Frame::request(1, get("/v1/open/4000000/zeros"))]).await.unwrap();
    let mut seen = Seen::default();

    for round in 1..15 {
        session.read_until(&mut seen, |seen| seen.bytes == round * 40_000).await;
        tokio::time::sleep(patience / 4).await;
        session.send(&[Frame::window_update(1, 40_000), Frame::window_update(0, 40_000)]).await.unwrap();
    }

    assert!(!seen.is_closed && seen.resets.is_empty(), "{:?}", (seen.farewells, seen.resets));
}

#[tokio::test]
async fn many_answers_that_are_taken_are_no_flood() {
    let suite = Suite::start().await;
    let mut session = Session::open(suite.gateway.public).await;

    for number in 0..1_200 {
        let stream = number * 2 + 1;
        // Some clients send a ping and an update for each.
        let frames = [Frame::request(stream, get("/healthz")), Frame::ping(&[0; 8]), Frame::window_update(0, 100)];
        session.send(&frames).await.unwrap();

        assert_eq!(session.status(stream).await, 200, "the request of number {number}");
    }
}

/// The same against the binary, of which the memory can be seen from outside.
#[tokio::test]
async fn what_floods_leave_behind() {
    const MOST_GROWTH: u64 = 20 << 20;
    let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
    let routes = ROUTES.replace("UPSTREAM", &upstream.address.to_string());
    let gateway = Process::start(&routes, &issuer, &[]).await;
    let (hang, field) = (get(HANG), literal(0x40, b"x-bomb", &[b'y'; 4_000]));
    let floods: [&dyn Fn(u32) -> Vec<Frame>; 5] = [
        &|_| vec![Frame::ping(&[0; 8])],
        &|_| vec![Frame::settings(&[])],
        &|number| vec![Frame::request(number * 2 + 1, hang.clone()), Frame::reset(number * 2 + 1)],
        &|number| vec![Frame::new(if number == 0 { HEADERS } else { CONTINUATION }, 0, 1, field.clone())],
        &|number| vec![Frame::request(number * 2 + 1, [&get("/healthz")[..], &field, &[0xbe; 100]].concat())],
    ];
    for flood_with in floods {
        flood(Session::open(gateway.public).await, flood_with).await;
    }
    let before = gateway.resident_bytes();

    for _ in 0..10 {
        for flood_with in floods {
            flood(Session::open(gateway.public).await, flood_with).await;
        }
    }

    assert_eq!(gateway.client().get("/v1/open/echo").await.status, 200);
    let growth = gateway.resident_bytes().zip(before).map(|(after, before)| after.saturating_sub(before));
    assert!(growth.is_none_or(|growth| growth < MOST_GROWTH), "{growth:?} bytes more");
}
