//! Many requests on one connection: each is answered in its turn, up to the first that is not one.

use super::case::{BAD, Case, From, answers, chunked, cut, cut_in_body, forwarded, get, last, post};
use super::stage::play;

const NOBODY: &str = "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n";
const CLOSED: &str = "GET /v1/closed/x HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn requests_are_answered_in_their_order() {
    let (get, post) = (get(""), post("Content-Length: 5\r\n", "hello"));
    let chunks = chunked("5\r\nhello\r\n0\r\n\r\n");
    let head = get.replacen("GET", "HEAD", 1);
    let same = [2, 3, 10, 100].map(|count| Case::new(format!("{count} alike"), get.repeat(count), forwarded(count)));
    let bodies = [2, 10].map(|count| Case::new(format!("{count} with lengths"), post.repeat(count), forwarded(count)));
    let chunked =
        [2, 10].map(|count| Case::new(format!("{count} with chunks"), chunks.repeat(count), forwarded(count)));
    let mixed = [
        Case::new("a body between", [get.as_str(), &post, &get].concat(), forwarded(3)),
        Case::new("chunks between", [get.as_str(), &chunks, &get].concat(), forwarded(3)),
        Case::new("all kinds", [get.as_str(), &post, &chunks, &post, &chunks, &get].concat(), forwarded(6)),
        Case::new("HEAD first", [head.as_str(), &get].concat(), forwarded(2)),
        Case::new(
            "HEAD with a body first",
            head.replacen("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhello", 1) + &get,
            forwarded(2),
        ),
    ];
    let own = [
        Case::new(
            "one to nobody between",
            [get.as_str(), NOBODY, &get].concat(),
            answers(&[From::Upstream, From::Gateway(&[404]), From::Upstream]),
        ),
        Case::new(
            "one without a token between",
            [get.as_str(), CLOSED, &post].concat(),
            answers(&[From::Upstream, From::Gateway(&[401]), From::Upstream]),
        ),
        Case::new(
            "refused ones only",
            [NOBODY, CLOSED, NOBODY].concat(),
            answers(&[From::Gateway(&[404]), From::Gateway(&[401]), From::Gateway(&[404])]),
        ),
        Case::new(
            "one of the gateway's own first",
            ["OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &get].concat(),
            answers(&[From::Gateway(&[204]), From::Upstream]),
        ),
    ];

    play(same.into_iter().chain(bodies).chain(chunked).chain(mixed).chain(own).collect()).await;
}

#[tokio::test]
async fn nothing_is_answered_behind_a_request_that_closes() {
    let options =
        ["close", "Close", "CLOSE", " close ", "keep-alive, close", "close, keep-alive", "close,", "x, close"];
    let first = options.map(|option| {
        let bytes = get(&format!("Connection: {option}\r\n")) + &get("");
        Case::new(format!("{option:?}"), bytes, last(1))
    });
    let two =
        Case::new("in a second field", get("Connection: keep-alive\r\nConnection: close\r\n") + &get(""), last(1));
    let second = Case::new("the second closes", get("") + &get("Connection: close\r\n") + &get(""), last(2));
    let body =
        Case::new("with a body", post("Connection: close\r\nContent-Length: 5\r\n", "hello") + &get(""), last(1));
    let garbage = Case::new("before garbage", get("Connection: close\r\n") + "\0\0\0\0", last(1));
    let old = Case::new("HTTP/1.0", get("").replacen("/1.1", "/1.0", 1) + &get(""), last(1));
    let kept = get("Connection: keep-alive\r\n").replacen("/1.1", "/1.0", 1);
    let kept = Case::new("HTTP/1.0 that is kept alive", kept, answers(&[From::Upstream]));

    play(first.into_iter().chain([two, second, body, garbage, old, kept]).collect()).await;
}

#[tokio::test]
async fn requests_before_a_fault_are_answered_and_none_behind_it() {
    let heads = [
        ("two ends", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        ("two lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")),
        ("an unknown coding", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")),
        ("LF", get("").replace("\r\n", "\n")),
        ("a fold", get("Accept: a\r\n b\r\n")),
        ("a space before a colon", get("Accept : a\r\n")),
        ("NUL", get("Accept: \0\r\n")),
        ("no version", "GET /v1/open/x\r\nHost: a\r\n\r\n".to_owned()),
        ("garbage", "\x16\x03\x01\r\n\r\n".to_owned()),
    ];
    let bodies = [
        ("a chunk without a size", chunked("\r\nhello\r\n0\r\n\r\n")),
        ("a chunk that is longer than said", chunked("4\r\nhello\r\n0\r\n\r\n")),
        ("LF behind a chunk size", chunked("5\nhello\r\n0\r\n\r\n")),
        ("a trailer with a space", chunked("5\r\nhello\r\n0\r\nX : y\r\n\r\n")),
    ];
    let heads = heads.into_iter().map(|(name, bytes)| (name, bytes, cut(BAD)));
    let bodies = bodies.into_iter().map(|(name, bytes)| (name, bytes, cut_in_body(BAD)));
    let before = [
        ("one", get(""), 1),
        ("five", get("").repeat(5), 5),
        ("one with a length", post("Content-Length: 5\r\n", "hello"), 1),
        ("one with chunks", chunked("5\r\nhello\r\n0\r\n\r\n"), 1),
        ("all kinds", get("") + &post("Content-Length: 5\r\n", "hello") + &chunked("5\r\nhello\r\n0\r\n\r\n"), 3),
    ];
    let cases = heads.chain(bodies).flat_map(|(name, fault, expect)| {
        before.clone().map(|(how_many, first, count)| {
            let bytes = [first.as_str(), &fault, &get("")].concat();
            Case::new(format!("{name} behind {how_many}"), bytes, expect.clone().after(count))
        })
    });

    play(cases.collect()).await;
}
