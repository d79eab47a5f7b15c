//! Requests that never come to their end: the client leaves, or stays and says no more.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, interval};

use super::case::{Case, Expect, From, chunked, get, given_up, own, post};
use super::judge::judge;
use super::stage::{Stage, play};

/// Too late, if it is said at all.
const LATE: &[u16] = &[400, 408];

#[tokio::test]
async fn a_client_that_leaves_within_a_request_has_not_made_it() {
    let requests = [
        ("a GET", get("Accept: b\r\n")),
        ("a POST with a length", post("Content-Length: 11\r\n", "hello world")),
        ("a POST with chunks", chunked("5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n")),
    ];
    let cases = requests.iter().flat_map(|(name, bytes)| {
        (1..bytes.len()).map(move |length| {
            Case::new(format!("{name}, cut off after {length} bytes"), &bytes[..length], given_up(LATE)).leaving()
        })
    });

    play(cases.collect()).await;
}

#[tokio::test]
async fn a_client_that_says_no_more_is_let_go() {
    let stage = Stage::with_patience(Duration::from_secs(1)).await;
    let cases = stalls();

    let heard = join_all(cases.iter().map(|case| stage.hear(case))).await;

    let judged = cases.iter().zip(heard).map(|(case, heard)| (case, heard.and_then(|heard| judge(case, &heard, &[]))));
    let failures: Vec<_> =
        judged.filter_map(|(case, result)| Some(format!("- {}: {:#}", case.name, result.err()?))).collect();
    assert!(failures.is_empty(), "{} went wrong:\n{}\n", failures.len(), failures.join("\n"));
    assert!(stage.upstream.since(0).iter().all(|arrival| !arrival.is_whole));
    assert_eq!(stage.upstream.complaints(), Vec::<String>::new());
}

/// What is said before the silence.
fn stalls() -> Vec<Case> {
    let heads = [
        "",
        "\r\n",
        "G",
        "GET",
        "GET ",
        "GET /v1/open/x",
        "GET /v1/open/x ",
        "GET /v1/open/x HTTP/1.1",
        "GET /v1/open/x HTTP/1.1\r",
        "GET /v1/open/x HTTP/1.1\r\n",
        "GET /v1/open/x HTTP/1.1\r\nHo",
        "GET /v1/open/x HTTP/1.1\r\nHost:",
        "GET /v1/open/x HTTP/1.1\r\nHost: a",
        "GET /v1/open/x HTTP/1.1\r\nHost: a\r",
        "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n",
        "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n\r",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
    ];
    let heads = heads.map(|bytes| Case::new(format!("{bytes:?}"), bytes, given_up(LATE)).alone());
    let quick = |bytes: &str| bytes.replacen("/open/", "/quick/", 1);
    let bodies = [
        ("a body without a byte", quick(&post("Content-Length: 5\r\n", ""))),
        ("half a body", quick(&post("Content-Length: 5\r\n", "he"))),
        ("chunks without a size", quick(&chunked(""))),
        ("half a size", quick(&chunked("5"))),
        ("a size without LF", quick(&chunked("5\r"))),
        ("half a chunk", quick(&chunked("5\r\nhe"))),
        ("a chunk without its end", quick(&chunked("5\r\nhello"))),
        ("no last chunk", quick(&chunked("5\r\nhello\r\n"))),
        ("half a last chunk", quick(&chunked("5\r\nhello\r\n0"))),
        ("no empty line", quick(&chunked("5\r\nhello\r\n0\r\n"))),
        ("half a trailer", quick(&chunked("5\r\nhello\r\n0\r\nX-Su"))),
        ("a trailer without an empty line", quick(&chunked("5\r\nhello\r\n0\r\nX-Sum: 7\r\n"))),
        ("an unfinished extension", quick(&chunked("5;a"))),
    ];
    let bodies = bodies.map(|(name, bytes)| {
        let expect = Expect { may_break: true, ..own(&[408]) };
        Case::new(name, bytes, expect).alone()
    });
    heads.into_iter().chain(bodies).collect()
}

#[tokio::test]
async fn a_client_that_stops_within_its_second_request_is_let_go() {
    let stage = Stage::with_patience(Duration::from_secs(1)).await;
    let rests = ["G", "GET /v1/open/y HTTP/1.1\r\nHost: a", "POST /v1/open/y HTTP/1.1\r\nHost: a\r\n\r"];
    let mut expect = given_up(LATE);
    expect.answers.insert(0, From::Upstream);

    for rest in rests {
        let case = Case::new(rest, get("") + rest, expect.clone()).alone();
        let before = stage.upstream.count();
        let heard = stage.hear(&case).await.unwrap();

        let arrivals: Vec<_> = stage.upstream.since(before).into_iter().zip(before..).map(|(a, n)| (n, a)).collect();
        judge(&case, &heard, &arrivals).unwrap();
    }
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_let_go() {
    let stage = Stage::with_patience(Duration::from_secs(1)).await;
    let begun = Instant::now();
    let mut client = crate::helpers::Connection::open(stage.gateway.public).await;
    let mut pace = interval(Duration::from_millis(50));

    let endless = b"GET /v1/open/x HTTP/1.1\r\nHost: a\r\n".iter().chain(b"X-Filler: x\r\n".iter().cycle());
    let mut written = 0;
    for byte in endless {
        pace.tick().await;
        if client.try_write(&[*byte]).await.is_err() {
            break;
        }
        written += 1;
        assert!(begun.elapsed() < Duration::from_secs(5), "still open after {written} bytes");
    }

    assert_eq!(stage.upstream.count(), 0);
}
