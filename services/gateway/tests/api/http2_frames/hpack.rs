//! Header blocks that cannot be read, and ones that are only unusual (RFC 7541).

use super::case::{Case, Expect, play};
use super::frame::{COMPRESSION_ERROR, ENHANCE_YOUR_CALM, Frame, block, get, integer, literal};
use super::session::{Seen, Session};
use crate::helpers::Suite;

const ECHO: &str = "/v1/open/echo";
/// The field that was put into the table last.
const NEWEST: u8 = 0x80 + 62;
/// "www.example.com" in the code of appendix B (C.4.1).
const EXAMPLE: [u8; 12] = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];

/// A good request, and these bytes behind it.
fn followed_by(bytes: &[u8]) -> Frame {
    Frame::request(1, [&get(ECHO)[..], bytes].concat())
}

/// The same with bytes in front.
fn after(bytes: &[u8]) -> Frame {
    Frame::request(1, [bytes, &get(ECHO)].concat())
}

/// A field "x" with a value of these bytes, which are said to be in the code of appendix B.
fn coded(value: &[u8]) -> Vec<u8> {
    [&[0, 1, b'x'][..], &integer(0x80, 7, value.len()), value].concat()
}

#[tokio::test]
async fn a_block_that_cannot_be_read_ends_the_connection() {
    let unreadable = |name, frame| Case::connection_error(name, COMPRESSION_ERROR, [frame]);
    let cases = vec![
        unreadable("index 0", followed_by(&[0x80])),
        unreadable("an index behind the tables", followed_by(&[NEWEST])),
        unreadable("a name behind the tables", followed_by(&[&integer(0x40, 6, 62)[..], &[1, b'x']].concat())),
        unreadable("the highest index of one byte", followed_by(&[0xff, 0])),
        unreadable("an index that overflows", followed_by(&[0xff; 12])),
        unreadable("an integer without an end", followed_by(&[0xff, 0x80, 0x80])),
        unreadable("a string longer than the block", followed_by(&[0, 1, b'x', 10, b'y'])),
        unreadable("a name longer than the block", followed_by(&[0, 10, b'x'])),
        unreadable("a literal without its value", followed_by(&[0, 1, b'x'])),
        unreadable("only the first byte of a literal", followed_by(&[0x40])),
        unreadable("the end of strings within a string", followed_by(&coded(&[0xff, 0xff, 0xff, 0xff]))),
        unreadable("padding of more than seven bits", followed_by(&coded(&[0x1f, 0xff]))),
        unreadable("padding of zeroes", followed_by(&coded(&[0x18]))),
        unreadable("a larger table than was agreed", after(&integer(0x20, 5, 4_097))),
        unreadable("a table of a gigabyte", after(&integer(0x20, 5, 1 << 30))),
        unreadable("a new table size behind a field", followed_by(&[0x20])),
        unreadable("a new table size within the block", after(&[&literal(0, b"x", b"y")[..], &[0x20]].concat()))
            .or(Expect::Stream(super::frame::PROTOCOL_ERROR)),
    ];

    play(cases).await;
}

#[tokio::test]
async fn a_block_that_is_only_unusual_is_read() {
    let indexed = [&[0x82, 0x86][..], &block([(":authority", "a"), (":path", ECHO)])].concat();
    let authority = [&[0x82, 0x86, 0x41, 0x8c][..], &EXAMPLE, &block([(":path", ECHO)])].concat();
    let cases = vec![
        Case::good("indexed fields", [Frame::request(1, indexed)]),
        Case::good("a coded value", [Frame::request(1, authority)]),
        Case::good("a field that is never to be indexed", [followed_by(&literal(0x10, b"x", b"y"))]),
        Case::good("a field that is kept", [followed_by(&literal(0x40, b"x", b"y"))]),
        Case::good("a field that is larger than the table", [followed_by(&literal(0x40, b"x", &[b'y'; 5_000]))]),
        Case::good(
            "a kept field used in its own block",
            [followed_by(&[&literal(0x40, b"x", b"y")[..], &[NEWEST]].concat())],
        ),
        Case::good("an empty value", [followed_by(&literal(0, b"x", b""))]),
        Case::good("an empty coded value", [followed_by(&coded(&[]))]),
        Case::good(
            "an integer with needless bytes",
            [followed_by(&[0, 1, b'x', 0x7f, 0x80, 0x00].iter().chain(&[b'y'; 127]).copied().collect::<Vec<u8>>())],
        )
        .or(Expect::Connection(COMPRESSION_ERROR)),
        Case::good("a new table size", [after(&[0x20])]),
        Case::good("two new table sizes", [after(&[&[0x20][..], &integer(0x20, 5, 4_096)].concat())]),
    ];

    play(cases).await;
}

#[tokio::test]
async fn the_table_is_that_of_the_connection() {
    let suite = Suite::start().await;
    let mut session = Session::open(suite.gateway.public).await;
    let kept = literal(0x40, b"x-kept", b"value of the first");

    session.send(&[Frame::request(1, [get("/v1/closed/echo"), kept].concat())]).await.unwrap();
    session.send(&[Frame::request(3, [&get(ECHO)[..], &[NEWEST]].concat())]).await.unwrap();

    let mut seen = Seen::default();
    session.read_until(&mut seen, |seen| seen.answer(1).is_some() && seen.body(3).ends_with(b"}")).await;
    assert_eq!(seen.answer(1), Some(401));
    assert!(String::from_utf8_lossy(&seen.body(3)).contains(r#"["x-kept","value of the first"]"#), "{seen:?}");
}

#[tokio::test]
async fn a_small_block_that_stands_for_a_large_head_is_refused() {
    let bomb = |references: usize| {
        let kept = literal(0x40, b"x-bomb", &[b'x'; 4_000]);
        Frame::request(1, [get(ECHO), kept, vec![NEWEST; references]].concat())
    };
    let refused = |references: usize| {
        let allowed = [Expect::Answer(431), Expect::Connection(ENHANCE_YOUR_CALM)];
        Case::new(format!("{references} references"), [bomb(references)], &allowed)
    };
    let many = |count: usize| {
        let fields: Vec<u8> = (0..count).flat_map(|_| literal(0, b"x", b"y")).collect();
        Case::new(
            format!("{count} fields"),
            [Frame::request(1, [get(ECHO), fields].concat())],
            &[Expect::Answer(431), Expect::Connection(ENHANCE_YOUR_CALM)],
        )
    };

    play(vec![Case::good("a few references", [bomb(4)]), refused(20), refused(1_000), refused(12_000), many(2_000)])
        .await;
}
