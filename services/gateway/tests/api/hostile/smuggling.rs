//! Two lengths for one body: what one server takes for its end, another takes for the next request.

use super::case::{BAD, Case, TOKEN, cut, get};
use super::stage::play;

/// Two ends in one request: fields, and a body that is whole by one of them and hides a request from the other.
const CONFLICTS: [(&str, &str, &str); 22] = [
    ("a length, then chunked", "Content-Length: {LEN}\r\nTransfer-Encoding: chunked\r\n", ENDED),
    ("chunked, then a length", "Transfer-Encoding: chunked\r\nContent-Length: {LEN}\r\n", ENDED),
    ("a short length, then chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", ENDED),
    ("chunked, then a short length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", ENDED),
    ("no length, then chunked", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", ENDED),
    ("a length within a chunk", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", CHUNK),
    ("chunked between two lengths", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", ENDED),
    ("a length, and chunked with a space", "Content-Length: {LEN}\r\nTransfer-Encoding : chunked\r\n", ENDED),
    ("a length, and chunked with a tab", "Content-Length: {LEN}\r\nTransfer-Encoding\t: chunked\r\n", ENDED),
    ("a length, and chunked behind VT", "Content-Length: {LEN}\r\nTransfer-Encoding: \x0bchunked\r\n", ENDED),
    ("a length, and chunked before NUL", "Content-Length: {LEN}\r\nTransfer-Encoding: chunked\0\r\n", ENDED),
    ("a length, and xchunked", "Content-Length: {LEN}\r\nTransfer-Encoding: xchunked\r\n", ENDED),
    ("a length, and quoted chunked", "Content-Length: {LEN}\r\nTransfer-Encoding: \"chunked\"\r\n", ENDED),
    ("a length, and identity", "Content-Length: {LEN}\r\nTransfer-Encoding: identity\r\n", ENDED),
    ("a length, and an empty coding", "Content-Length: {LEN}\r\nTransfer-Encoding:\r\n", ENDED),
    ("a length, and chunked on a folded line", "Content-Length: {LEN}\r\n Transfer-Encoding: chunked\r\n", ENDED),
    ("a length, and chunked behind CR", "Content-Length: {LEN}\r\nX: y\rTransfer-Encoding: chunked\r\n", ENDED),
    ("a length, and chunked behind LF", "Content-Length: {LEN}\r\nX: y\nTransfer-Encoding: chunked\r\n", ENDED),
    ("a length, and chunked by another name", "Content-Length: {LEN}\r\nTransfer_Encoding: chunked\r\n", ENDED),
    ("chunked, and a length by another name", "Transfer-Encoding: chunked\r\nContent_Length: {LEN}\r\n", ENDED),
    ("two lengths, the first too short", "Content-Length: 5\r\nContent-Length: {LEN}\r\n", ENDED),
    ("two lengths, the second too short", "Content-Length: {LEN}\r\nContent-Length: 5\r\n", ENDED),
];

/// Over for a reader of chunks before the hidden request.
const ENDED: &str = "0\r\n\r\nGET /v1/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
/// A chunk that holds the hidden request.
const CHUNK: &str = "2f\r\nGET /v1/open/smuggled HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n0\r\n\r\n";

#[tokio::test]
async fn a_request_with_two_ends_is_refused_whatever_its_method_and_path() {
    let methods = ["GET", "POST", "PUT", "DELETE", "OPTIONS"];
    let paths = ["/v1/open/x", "/v1/closed/x", "/v1/guest/x"];
    let requests = methods.into_iter().flat_map(|method| paths.map(|path| format!("{method} {path}")));
    let cases = requests.flat_map(|request| {
        CONFLICTS.map(|(name, lines, body)| conflict(&format!("{name}: {request}"), &request, ("", lines, ""), body))
    });

    play(cases.collect()).await;
}

#[tokio::test]
async fn a_token_that_is_good_makes_no_difference() {
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let cases = CONFLICTS.map(|(name, lines, body)| conflict(name, "POST /v1/closed/x", (&token, lines, ""), body));

    play(cases.into()).await;
}

#[tokio::test]
async fn it_makes_no_difference_where_in_a_head_they_stand() {
    let many = (0..20).map(|number| format!("X-Filler-{number}: x\r\n")).collect::<Vec<_>>().concat();
    let places = [("behind other fields", many.as_str(), ""), ("before other fields", "", many.as_str())];
    let cases = places.into_iter().flat_map(|(place, before, after)| {
        CONFLICTS.map(|(name, lines, body)| {
            conflict(&format!("{name}, {place}"), "POST /v1/open/x", (before, lines, after), body)
        })
    });

    play(cases.collect()).await;
}

#[tokio::test]
async fn what_was_lawful_before_is_answered_first() {
    let cases = CONFLICTS.map(|(name, lines, body)| {
        let Case { bytes, .. } = conflict(name, "POST /v1/open/x", ("", lines, ""), body);
        let before = format!("{}{}", get(""), get("").replace("/x", "/y"));
        Case::new(name, [before.into_bytes(), bytes].concat(), cut(BAD).after(2))
    });

    play(cases.into()).await;
}

fn conflict(name: &str, request: &str, (before, lines, after): (&str, &str, &str), body: &str) -> Case {
    let lines = lines.replace("{LEN}", &body.len().to_string());
    let head = format!("{request} HTTP/1.1\r\nHost: a\r\n{before}{lines}{after}\r\n");
    Case::new(name, head + body, cut(BAD))
}
