//! The same bytes are the same request, in whatever pieces they come.

use super::case::{BAD, Case, chunked, cut, cut_in_body, forwarded, get, post};
use super::stage::play;

#[tokio::test]
async fn it_does_not_matter_where_a_lawful_request_is_cut() {
    let chunks = "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n";
    let cases = [
        Case::new("a GET", get("Accept: b\r\n"), forwarded(1)),
        Case::new("a GET behind an empty line", format!("\r\n{}", get("")), forwarded(1)),
        Case::new("a POST with a length", post("Content-Length: 5\r\n", "hello"), forwarded(1).body("hello")),
        Case::new("a POST with chunks", chunked(chunks), forwarded(1).body("hello world")),
        Case::new(
            "chunks that look like chunks",
            chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
            forwarded(1).body("0\r\n\r\n"),
        ),
        Case::new("two requests", post("Content-Length: 2\r\n", "\r\n") + &get(""), forwarded(2).body("\r\n")),
    ];

    play(cases.map(Case::cut_everywhere).into()).await;
}

#[tokio::test]
async fn it_does_not_matter_where_a_fault_is_cut() {
    let cases = [
        Case::new("LF", "GET /v1/open/x HTTP/1.1\nHost: a\r\n\r\n", cut(BAD)),
        Case::new("LF as the empty line", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n\n", cut(BAD)),
        Case::new("CR CR LF", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\r\n\r\n", cut(BAD)),
        Case::new("a fold", get("Accept: b\r\n c\r\n"), cut(BAD)),
        Case::new("two empty lines", format!("\r\n\r\n{}", get("")), cut(BAD)),
        Case::new("NUL", get("Accept: \0\r\n"), cut(BAD)),
        Case::new("a version", "GET /v1/open/x http/1.1\r\nHost: a\r\n\r\n", cut(BAD)),
        Case::new("two lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), cut(BAD)),
        Case::new("two ends", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), cut(BAD)),
        Case::new("an unknown coding", post("Transfer-Encoding: chunked, x\r\n", "0\r\n\r\n"), cut(BAD)),
        Case::new("the second request", get("") + &get("Accept : b\r\n"), cut(BAD).after(1)),
    ];

    play(cases.map(Case::cut_everywhere).into()).await;
}

/// Such a request arrives in part, and the upstream may hear of its end after its client: at once and byte by byte.
#[tokio::test]
async fn a_fault_within_a_body_is_one_in_pieces_too() {
    let cases = [
        Case::new("a chunk size", chunked("5 \r\nhello\r\n0\r\n\r\n"), cut_in_body(BAD)),
        Case::new("a chunk's end", chunked("4\r\nhello\r\n0\r\n\r\n"), cut_in_body(BAD)),
        Case::new("a trailer", chunked("0\r\nX : y\r\n\r\n"), cut_in_body(BAD)),
    ];

    play(cases.into()).await;
}
