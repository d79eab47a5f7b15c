//! The preface, settings and pings (sections 3.4, 6.5 and 6.7).

use super::case::{Case, play};
use super::frame::{ACK, FLOW_CONTROL_ERROR, Frame, PREFACE, PROTOCOL_ERROR, SETTINGS, get};
use super::session::{Seen, Session};
use crate::helpers::Suite;

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;
const ENABLE_CONNECT_PROTOCOL: u16 = 8;

#[tokio::test]
async fn a_setting_that_makes_no_sense_ends_the_connection() {
    let wrong = |id: u16, value: u32| {
        let code = if id == INITIAL_WINDOW_SIZE { FLOW_CONTROL_ERROR } else { PROTOCOL_ERROR };
        Case::connection_error(format!("setting {id} of {value}"), code, [Frame::settings(&[(id, value)])])
    };
    let hang = Frame::request(1, get("/v1/open/hang"));
    let overflow = [hang, Frame::window_update(1, 0x7fff_0000), Frame::settings(&[(INITIAL_WINDOW_SIZE, 0x7fff_ffff)])];
    let cases = vec![
        wrong(ENABLE_PUSH, 2),
        wrong(ENABLE_PUSH, u32::MAX),
        wrong(INITIAL_WINDOW_SIZE, 0x8000_0000),
        wrong(INITIAL_WINDOW_SIZE, u32::MAX),
        wrong(MAX_FRAME_SIZE, 0),
        wrong(MAX_FRAME_SIZE, 16_383),
        wrong(MAX_FRAME_SIZE, 1 << 24),
        wrong(ENABLE_CONNECT_PROTOCOL, 2),
        Case::connection_error("a window that overflows", FLOW_CONTROL_ERROR, overflow).arriving(1),
    ];

    play(cases).await;
}

#[tokio::test]
async fn settings_that_make_sense_are_acknowledged_each() {
    let suite = Suite::start().await;
    let fine = [
        vec![],
        vec![(HEADER_TABLE_SIZE, 0)],
        vec![(HEADER_TABLE_SIZE, u32::MAX)],
        vec![(ENABLE_PUSH, 0)],
        vec![(ENABLE_PUSH, 1)],
        vec![(MAX_CONCURRENT_STREAMS, 0)],
        vec![(INITIAL_WINDOW_SIZE, 0), (INITIAL_WINDOW_SIZE, 0x7fff_ffff)],
        vec![(INITIAL_WINDOW_SIZE, 65_535)],
        vec![(MAX_FRAME_SIZE, 16_384)],
        vec![(MAX_FRAME_SIZE, (1 << 24) - 1)],
        vec![(MAX_HEADER_LIST_SIZE, 1 << 16)],
        vec![(0, 1), (0xfefe, u32::MAX)],
    ];
    let mut session = Session::open(suite.gateway.public).await;

    for settings in &fine {
        session.send(&[Frame::settings(settings)]).await.unwrap();
    }
    session.send(&[Frame::request(1, get("/v1/open/echo"))]).await.unwrap();

    let mut seen = Seen::default();
    session
        .read_until(&mut seen, |seen| seen.acknowledged_settings == fine.len() + 1 && !seen.answers.is_empty())
        .await;
    assert_eq!((seen.answer(1), seen.is_closed), (Some(200), false), "{seen:?}");
}

#[tokio::test]
async fn an_acknowledgement_of_nothing_does_no_harm() {
    // Nothing forbids it; the library takes it for a fault of the client.
    let case = Case::ignored("SETTINGS", [Frame::new(SETTINGS, ACK, 0, [])]);

    play(vec![case.or(super::case::Expect::Connection(PROTOCOL_ERROR))]).await;
}

#[tokio::test]
async fn a_ping_is_answered_with_what_it_carries() {
    let suite = Suite::start().await;
    let mut session = Session::open(suite.gateway.public).await;

    session.send(&[Frame::ping(b"12345678"), Frame::ping(b"abcdefgh")]).await.unwrap();

    let mut seen = Seen::default();
    session.read_until(&mut seen, |seen| seen.pongs.len() == 2).await;
    assert_eq!(seen.pongs, [b"12345678", b"abcdefgh"]);
}

#[tokio::test]
async fn a_connection_that_does_not_begin_as_it_should_is_ended() {
    let suite = Suite::start().await;
    let broken = PREFACE.to_vec().into_iter().rev().collect::<Vec<u8>>();
    let openings = [
        ("another last line", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec()),
        ("no last line", b"PRI * HTTP/2.0\r\n\r\n\r\n\r\n\r\n\r\n".to_vec()),
        ("the preface in another order", broken),
        ("a frame before the preface", Frame::settings(&[]).bytes()),
        ("DATA as the first frame", [PREFACE, &Frame::data(1, "x").bytes()].concat()),
        ("noise behind the preface", [PREFACE, &[0xff; 64]].concat()),
    ];

    for (name, opening) in openings {
        let mut session = Session::connect(suite.gateway.public).await;
        let _closed = session.write(&opening).await;
        let (mut read, _write) = session.split();
        let mut answer = Vec::new();
        let reading = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer);
        let _cut = tokio::time::timeout(crate::helpers::PATIENCE, reading).await.unwrap_or_else(|_| panic!("{name}"));
    }
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn who_says_farewell_still_gets_the_answers_to_what_was_asked() {
    let suite = Suite::start().await;
    let mut session = Session::open(suite.gateway.public).await;

    let farewell = Frame::new(super::frame::GOAWAY, 0, 0, [0; 8]);
    session.send(&[Frame::request(1, get("/v1/open/echo")), farewell]).await.unwrap();

    let seen = session.closed().await;
    assert_eq!(seen.answer(1), Some(200), "{seen:?}");
}
