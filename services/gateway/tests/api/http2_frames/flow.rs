//! Windows: what they may grow by, and that nobody writes beyond them (sections 5.2 and 6.9).

use super::case::{Case, play};
use super::frame::{DATA, FLOW_CONTROL_ERROR, Frame, PROTOCOL_ERROR, get, post};
use super::session::{Seen, Session};
use crate::helpers::{ROUTES, RawUpstream, Suite};

const INITIAL_WINDOW_SIZE: u16 = 4;

#[tokio::test]
async fn a_window_grows_by_something_and_not_beyond_its_limit() {
    let hang = || Frame::request(1, get("/v1/open/hang"));
    let most = 0x7fff_ffff;
    let cases = vec![
        Case::connection_error("that of the connection by nothing", PROTOCOL_ERROR, [Frame::window_update(0, 0)]),
        Case::connection_error(
            "that of the connection too far",
            FLOW_CONTROL_ERROR,
            [Frame::window_update(0, most), Frame::window_update(0, most)],
        ),
        Case::stream_error("that of a stream by nothing", PROTOCOL_ERROR, [hang(), Frame::window_update(1, 0)])
            .arriving(1),
        Case::stream_error("that of a stream too far", FLOW_CONTROL_ERROR, [hang(), Frame::window_update(1, most)])
            .arriving(1),
        Case::ignored("as far as it can", [hang(), Frame::window_update(1, most - 65_535)]).arriving(1),
        Case::ignored("with the reserved bit", [hang(), Frame::window_update(1, 0x8000_0001)]).arriving(1),
    ];

    play(cases).await;
}

#[tokio::test]
async fn an_answer_is_sent_as_far_as_there_is_room() {
    let suite = Suite::start().await;
    let mut session = Session::open_with(suite.gateway.public, &[(INITIAL_WINDOW_SIZE, 5)]).await;
    session.send(&[Frame::request(1, get("/v1/open/teapot"))]).await.unwrap();

    let mut seen = Seen::default();
    session.read_until(&mut seen, |seen| seen.bytes == 5).await;
    session.send(&[Frame::ping(b"no more?")]).await.unwrap();
    session.read_until(&mut seen, |seen| !seen.pongs.is_empty()).await;
    assert_eq!(seen.body(1), b"short");
    session.send(&[Frame::settings(&[(INITIAL_WINDOW_SIZE, 9)])]).await.unwrap();
    session.read_until(&mut seen, |seen| seen.bytes == 9).await;
    session.send(&[Frame::window_update(1, 100)]).await.unwrap();
    session.read_until(&mut seen, |seen| seen.bytes == 15).await;

    assert_eq!(seen.body(1), b"short and stout");
}

#[tokio::test]
async fn a_client_that_writes_beyond_the_window_is_stopped() {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &upstream.address.to_string())).await;
    let mut session = Session::open(suite.gateway.public).await;
    session.send(&[Frame::head(1, post("/v1/large/x", &[]))]).await.unwrap();
    let (_service_that_does_not_read, _) = upstream.next_request().await;

    // More than the sockets and the gateway hold for one that does not read.
    let (mut read, mut write) = session.split();
    let flood = async {
        let piece = Frame::new(DATA, 0, 1, vec![0; 16_384]).bytes();
        while tokio::io::AsyncWriteExt::write_all(&mut write, &piece).await.is_ok() {}
    };
    let reading = async {
        let mut answer = Vec::new();
        let _cut = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer).await;
        answer
    };
    let is_reset = |answer: &[u8]| answer.windows(4).any(|code| code == FLOW_CONTROL_ERROR.to_be_bytes());
    let ended = tokio::time::timeout(crate::helpers::PATIENCE, async { tokio::join!(flood, reading) }).await;

    let ((), answer) = ended.expect("the connection to end");
    assert!(is_reset(&answer) || answer.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn windows_are_given_back_as_the_service_takes_what_came() {
    let suite = Suite::start().await;
    let mut session = Session::open(suite.gateway.public).await;
    session.send(&[Frame::head(1, post("/v1/large/count", &[]))]).await.unwrap();
    let (mut left, mut sent, mut seen) = (60_000_usize, 0_usize, Seen::default());

    while sent < 4 << 20 {
        if left < 16_384 {
            let before = seen.window(1);
            session.read_until(&mut seen, |seen| seen.window(1) > before).await;
            left += usize::try_from(seen.window(1) - before).unwrap();
        }
        session.send(&[Frame::data(1, vec![0; 16_384])]).await.unwrap();
        (left, sent) = (left - 16_384, sent + 16_384);
    }
    session.send(&[Frame::last_data(1, "")]).await.unwrap();
    session.read_until(&mut seen, |seen| seen.body(1).len() == 7).await;

    assert_eq!(seen.body(1), sent.to_string().as_bytes());
}
