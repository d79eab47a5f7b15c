//! Where lines end: in CR LF and nowhere else. Where a field ends: with its line.

use super::case::{BAD, Case, cut, forwarded, get, post};
use super::stage::play;

#[tokio::test]
async fn lines_of_a_head_end_in_one_way() {
    play(line_ends()).await;
}

#[tokio::test]
async fn fields_end_with_their_line() {
    play(folds()).await;
}

#[tokio::test]
async fn one_empty_line_before_a_request_is_forgiven() {
    play(empty_lines()).await;
}

fn line_ends() -> Vec<Case> {
    let refused = [
        ("LF after the request line", "GET /v1/open/x HTTP/1.1\nHost: a\r\n\r\n"),
        ("LF after the first field", "GET /v1/open/x HTTP/1.1\r\nHost: a\nAccept: b\r\n\r\n"),
        ("LF after the last field", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept: b\n\r\n"),
        ("LF as the empty line", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n\n"),
        ("LF everywhere", "GET /v1/open/x HTTP/1.1\nHost: a\n\n"),
        ("two LF after the last field", "GET /v1/open/x HTTP/1.1\r\nHost: a\n\n"),
        ("LF CR", "GET /v1/open/x HTTP/1.1\r\nHost: a\n\r\r\n\r\n"),
        ("CR after the request line", "GET /v1/open/x HTTP/1.1\rHost: a\r\n\r\n"),
        ("CR after a field", "GET /v1/open/x HTTP/1.1\r\nHost: a\rAccept: b\r\n\r\n"),
        ("CR everywhere", "GET /v1/open/x HTTP/1.1\rHost: a\r\r"),
        ("CR CR LF after the request line", "GET /v1/open/x HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        ("CR CR LF after a field", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\r\n\r\n"),
        ("CR CR LF as the empty line", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n\r\r\n"),
        ("CR within the method", "GE\rT /v1/open/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("CR within the target", "GET /v1/open/\rx HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("CR before the version", "GET /v1/open/x \rHTTP/1.1\r\nHost: a\r\n\r\n"),
        ("CR within a name", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAcc\rept: b\r\n\r\n"),
        ("CR before a colon", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept\r: b\r\n\r\n"),
        ("CR after a colon", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept:\r b\r\n\r\n"),
        ("CR within a value", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept: b\rc\r\n\r\n"),
        ("a field behind CR", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nA: b\rContent-Length: 5\r\n\r\n"),
        ("a field behind LF", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nA: b\nContent-Length: 5\r\n\r\n"),
        (
            "chunked behind LF",
            "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("a request behind LF LF", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nA: b\n\nGET /v1/open/y HTTP/1.1\r\n\r\n"),
        ("a request behind CR CR", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nA: b\r\rGET /v1/open/y HTTP/1.1\r\n\r\n"),
        ("a vertical tab instead of CR LF", "GET /v1/open/x HTTP/1.1\r\nHost: a\x0bAccept: b\r\n\r\n"),
        ("a next line character instead of CR LF", "GET /v1/open/x HTTP/1.1\u{85}Host: a\r\n\r\n"),
    ];
    refused.map(|(name, bytes)| Case::new(name, bytes, cut(BAD))).into()
}

fn folds() -> Vec<Case> {
    let folded = ["Accept: b\r\n c\r\n", "Accept: b\r\n\tc\r\n", "Accept:\r\n b\r\n", "Accept: b\r\n \r\n"];
    let folded = folded.iter().map(|lines| (format!("folded: {lines:?}"), get(lines)));
    let framing = [
        ("chunked on a second line", "Transfer-Encoding:\r\n chunked\r\n"),
        ("chunked behind a tab on a second line", "Transfer-Encoding:\r\n\tchunked\r\n"),
        ("a length on a second line", "Content-Length:\r\n 11\r\n"),
        ("the second half of a length on a second line", "Content-Length: 1\r\n 1\r\n"),
        ("a length hidden in a fold", "X: y\r\n Content-Length: 5\r\n"),
        ("chunked hidden in a fold", "X: y\r\n Transfer-Encoding: chunked\r\n"),
        ("chunked hidden in a fold, with a length", "Content-Length: 11\r\n Transfer-Encoding: chunked\r\n"),
        ("a folded name", "Transfer-\r\n Encoding: chunked\r\n"),
        ("a colon on a second line", "Transfer-Encoding\r\n : chunked\r\n"),
    ];
    let framing = framing.map(|(name, lines)| (name.to_owned(), post(lines, "1\r\na\r\n0\r\n\r\n")));
    let heads = [
        ("a space before the first field", "GET /v1/open/x HTTP/1.1\r\n Host: a\r\n\r\n"),
        ("a tab before the first field", "GET /v1/open/x HTTP/1.1\r\n\tHost: a\r\n\r\n"),
        ("a line of a space before the first field", "GET /v1/open/x HTTP/1.1\r\n \r\nHost: a\r\n\r\n"),
        ("a line of a space instead of the empty one", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n \r\n\r\n"),
        ("a line of a tab instead of the empty one", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n\t\r\n\r\n"),
        ("a folded Host", "GET /v1/open/x HTTP/1.1\r\nHost:\r\n a\r\n\r\n"),
        ("a Host that goes on", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\n .evil.test\r\n\r\n"),
        ("a folded request line", "GET /v1/open/x\r\n HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a line without a colon", "GET /v1/open/x HTTP/1.1\r\nHost: a\r\nAccept\r\n\r\n"),
        ("a first line without a colon", "GET /v1/open/x HTTP/1.1\r\nAccept\r\nHost: a\r\n\r\n"),
        ("a second request line", "GET /v1/open/x HTTP/1.1\r\nGET /v1/open/y HTTP/1.1\r\nHost: a\r\n\r\n"),
    ];
    let heads = heads.map(|(name, bytes)| (name.to_owned(), bytes.to_owned()));
    let all = folded.chain(framing).chain(heads);
    all.map(|(name, bytes)| Case::new(name, bytes, cut(BAD))).collect()
}

fn empty_lines() -> Vec<Case> {
    let request = get("");
    let refused = [
        ("an empty line of LF", "\n"),
        ("an empty line of CR", "\r"),
        ("two empty lines", "\r\n\r\n"),
        ("many empty lines", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"),
        ("an empty line, and one of LF", "\r\n\n"),
        ("CR CR LF", "\r\r\n"),
        ("a space", " "),
        ("a tab", "\t"),
        ("a line of a space", " \r\n"),
        ("NUL", "\0"),
        ("a byte order mark", "\u{feff}"),
    ];
    let refused = refused
        .map(|(name, start)| Case::new(format!("{name} before a request"), format!("{start}{request}"), cut(BAD)));
    let between = refused.iter().map(|case| {
        let bytes = [request.as_bytes(), &case.bytes].concat();
        Case::new(format!("{} that is the second", case.name), bytes, cut(BAD).after(1))
    });
    let lawful = [
        Case::new("one empty line before a request", format!("\r\n{request}"), forwarded(1)),
        Case::new("one empty line between requests", format!("{request}\r\n{request}"), forwarded(2)),
        Case::new(
            "one empty line behind a body",
            post("Content-Length: 5\r\n", "hello\r\n"),
            forwarded(1).body("hello"),
        ),
    ];
    let between: Vec<_> = between.collect();
    refused.into_iter().chain(between).chain(lawful).collect()
}
