//! Methods in odd company: bodies where none is expected, and other methods in other places.

use super::case::{BAD, Case, either, forwarded, own, post};
use super::stage::play;

const BODY: &str = "Content-Length: 5\r\n\r\nhello";
const CHUNKS: &str = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

#[tokio::test]
async fn a_body_belongs_to_its_request_whatever_the_method() {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY", "PURGE"];
    let framings =
        [("a length", BODY, "hello"), ("chunked", CHUNKS, "hello"), ("no body", "Content-Length: 0\r\n\r\n", "")];
    let cases = methods.into_iter().flat_map(|method| {
        framings.map(|(name, rest, body)| {
            let bytes = format!("{method} /v1/open/x HTTP/1.1\r\nHost: a\r\n{rest}");
            // It is seldom what is meant: refused or passed on, but never dropped.
            let expect = if matches!(method, "GET" | "HEAD") { either(BAD) } else { forwarded(1) };
            let line = format!("{method} /v1/open/x");
            Case::new(format!("{method} with {name}"), bytes, expect.body(body).line(&line))
        })
    });
    let bare = methods.map(|method| {
        let bytes = format!("{method} /v1/open/x HTTP/1.1\r\nHost: a\r\n\r\n");
        Case::new(format!("{method} without a length"), bytes, forwarded(1).body(""))
    });

    play(cases.chain(bare).collect()).await;
}

#[tokio::test]
async fn a_body_of_a_refused_request_is_not_the_next_request() {
    let refused: [(&str, &str, &[u16]); 5] = [
        ("without a token", "POST /v1/closed/x", &[401]),
        ("to nobody", "POST /nowhere", &[404]),
        ("to the gateway itself", "POST /healthz", &[405]),
        ("to an ambiguous path", "POST /v1/open/../x", BAD),
        ("traced", "TRACE /v1/open/x", &[405]),
    ];
    let smuggled = "GET /v1/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let cases = refused.into_iter().flat_map(|(name, line, statuses)| {
        let length = format!("Content-Length: {}\r\n\r\n{smuggled}", smuggled.len());
        let chunks = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
        [("a length", length), ("chunked", chunks)].map(|(framing, rest)| {
            let bytes = format!("{line} HTTP/1.1\r\nHost: a\r\n{rest}");
            Case::new(format!("{name}, {framing}"), bytes, own(statuses))
        })
    });
    let large = smuggled.repeat(40);
    let large = post(&format!("Content-Length: {}\r\n", large.len()), &large).replacen("/open/", "/small/", 1);

    play(cases.chain([Case::new("too large", large, own(&[413]))]).collect()).await;
}

#[tokio::test]
async fn methods_for_other_kinds_of_servers_are_refused() {
    let requests = [
        ("TRACE", "TRACE /v1/open/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("TRACE, with Max-Forwards", "TRACE /v1/open/x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n"),
        ("TRACE of everything", "TRACE * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("TRACE, absolute", "TRACE http://a/v1/open/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("TRACE of a closed path", "TRACE /v1/closed/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("TRACE in HTTP/1.0", "TRACE /v1/open/x HTTP/1.0\r\nHost: a\r\n\r\n"),
    ];
    let cases = requests.map(|(name, bytes)| Case::new(name, bytes, own(&[400, 405, 501])));

    play(cases.into()).await;
}

#[tokio::test]
async fn a_method_arrives_as_it_was_written_or_not_at_all() {
    let methods = [
        "get", "Get", "gET", "post", "delete", "connect", "trace", "options", "X", "GETT", "M-SEARCH", "GET_", "-",
        "!", "PRI",
    ];
    let cases = methods.map(|method| {
        let line = format!("{method} /v1/open/x");
        Case::new(method, format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"), either(&[400, 405, 501]).line(&line))
    });

    play(cases.into()).await;
}

#[tokio::test]
async fn a_method_in_another_place_is_not_taken_for_it() {
    let fields = [
        "X-HTTP-Method-Override: DELETE\r\n",
        "X-HTTP-Method: DELETE\r\n",
        "X-Method-Override: DELETE\r\n",
        "X_HTTP_Method_Override: DELETE\r\n",
        "X-HTTP-Method-Override: TRACE\r\n",
        "X-HTTP-Method-Override: CONNECT\r\n",
        "X-HTTP-Method-Override: GET / HTTP/1.1\r\n",
    ];
    let cases = fields.into_iter().flat_map(|line| {
        ["/v1/open/x", "/v1/guest/x"].map(|path| {
            let bytes = post(line, "").replacen("/v1/open/x", path, 1);
            Case::new(format!("{line:?} to {path}"), bytes, either(BAD).line(&format!("POST {path}")))
        })
    });
    let query = Case::new(
        "in the query",
        "POST /v1/open/x?_method=DELETE HTTP/1.1\r\nHost: a\r\n\r\n",
        forwarded(1).line("POST /v1/open/x?_method=DELETE"),
    );

    play(cases.chain([query]).collect()).await;
}

#[tokio::test]
async fn options_for_the_server_as_a_whole_are_answered_here() {
    let requests = [
        ("plain", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("with a body", "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
        ("chunked", "OPTIONS * HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    ];
    let cases = requests.map(|(name, bytes)| Case::new(name, bytes, own(&[200, 204])));

    play(cases.into()).await;
}
