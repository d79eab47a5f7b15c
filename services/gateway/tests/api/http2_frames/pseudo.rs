//! Pseudo-header fields: each once, known, and before all others (section 8.3).

use super::case::{Case, Expect, play};
use super::frame::{Frame, block, get, get_with, post, with_method};
use crate::paths::SPELLINGS;

const ECHO: &str = "/v1/open/echo";

/// The fields of a good request, with one of another value or, without a value, left out.
fn changed<'a>(name: &'a str, value: Option<&'a str>) -> Frame {
    let good = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", ECHO)];
    let fields = good.into_iter().filter_map(|(field, usual)| {
        if field == name { value.map(|value| (field, value)) } else { Some((field, usual)) }
    });
    Frame::request(1, block(fields))
}

fn added<'a>(fields: &[(&'a str, &'a str)]) -> Frame {
    Frame::request(1, get_with(ECHO, fields))
}

#[tokio::test]
async fn a_request_without_them_or_with_one_twice_is_malformed() {
    let first = |field: (&'static str, &'static str)| {
        let rest = [(":method", "GET"), (":scheme", "http"), (":path", ECHO)];
        Frame::request(1, block([field].into_iter().chain(rest)))
    };
    let cases = vec![
        Case::malformed("no :method", [changed(":method", None)]),
        Case::malformed("no :scheme", [changed(":scheme", None)]),
        Case::malformed("no :path", [changed(":path", None)]),
        Case::malformed("none at all", [Frame::request(1, block([("x", "y")]))]),
        Case::malformed("an empty block", [Frame::request(1, [])]),
        Case::malformed(":method twice", [added(&[(":method", "GET")])]),
        Case::malformed(":scheme twice", [added(&[(":scheme", "http")])]),
        Case::malformed(":authority twice", [added(&[(":authority", "a")])]),
        Case::malformed(":path twice", [added(&[(":path", ECHO)])]),
        Case::malformed("an unknown one", [added(&[(":user", "admin")])]),
        Case::malformed("one without a name", [added(&[(":", "x")])]),
        Case::malformed("one of an answer", [added(&[(":status", "200")])]),
        Case::malformed(":protocol", [added(&[(":protocol", "websocket")])]),
        Case::malformed("one in upper case", [added(&[(":Path", "/v1/closed/echo")])]),
        Case::malformed("one behind a field", [first(("x", "y"))]),
        Case::malformed("one at the end", [added(&[("x", "y"), (":path", "/v1/closed/echo")])]),
        Case::malformed(
            "one among trailers",
            [Frame::head(1, post(ECHO, &[])), Frame::request(1, block([(":path", "/v1/closed/echo")]))],
        )
        // The library drops it where it finds it, and there is no such field in HTTP/1.
        .or(Expect::Answer(200))
        .arriving(1),
    ];

    play(cases).await;
}

#[tokio::test]
async fn a_path_is_the_one_of_one_resource() {
    let refused = |name, path| Case::malformed(name, [changed(":path", Some(path))]);
    let cases = vec![
        refused("an empty one", ""),
        refused("one without its slash", "v1/open/echo"),
        refused("an address", "http://a/v1/open/echo"),
        refused("a star, for GET", "*"),
        refused("with a space", "/v1/open/echo x"),
        refused("with a version behind it", "/v1/open/echo HTTP/1.1\r\nx: y"),
        refused("with NUL", "/v1/open/echo\0"),
        // A fragment is cut off before anybody looks at the path.
        refused("with a fragment", "/v1/open/echo#/../closed").or(Expect::Answer(200)).arriving(1),
        refused("a closed one with a fragment", "/v1/closed/echo#/v1/open").or(Expect::Answer(401)),
        refused("with dots", "/v1/open/../closed/echo"),
        refused("with encoded dots", "/v1/open/%2e%2e/closed/echo"),
        Case::new("a star, for OPTIONS", [Frame::request(1, with_method("OPTIONS", "*", &[]))], &[Expect::Answer(204)]),
        Case::new(
            "one that is too long",
            [Frame::request(1, get(&format!("/v1/open/{}", "x".repeat(9_000))))],
            &[Expect::Answer(414)],
        ),
    ];

    play(cases).await;
}

#[tokio::test]
async fn methods_schemes_and_hosts_are_looked_at_as_in_http_1() {
    let method = |method, status| {
        let frame = Frame::request(1, with_method(method, ECHO, &[]));
        Case::new(format!("method {method}"), [frame], &[Expect::Answer(status)])
    };
    let connect = |fields: &[(&'static str, &'static str)]| Frame::request(1, block(fields.iter().copied()));
    let cases = vec![
        method("TRACE", 405),
        Case::malformed(
            "CONNECT with a path",
            [connect(&[(":method", "CONNECT"), (":scheme", "http"), (":authority", "a:443"), (":path", "/")])],
        )
        .or(Expect::Answer(405)),
        Case::new("CONNECT", [connect(&[(":method", "CONNECT"), (":authority", "a:443")])], &[Expect::Answer(405)])
            .or(Expect::Answer(400))
            .or(Expect::Stream(super::frame::PROTOCOL_ERROR)),
        Case::malformed("a method of two words", [changed(":method", Some("GET /v1/closed/echo HTTP/1.1\r\n"))]),
        Case::malformed("an empty method", [changed(":method", Some(""))]),
        Case::malformed("another scheme", [changed(":scheme", Some("ftp"))]),
        Case::malformed("an empty scheme", [changed(":scheme", Some(""))]),
        Case::malformed("a host with a user", [changed(":authority", Some("user@a"))]),
        Case::malformed("a host with a path", [changed(":authority", Some("a/v1/closed"))]),
        Case::malformed("a host with a space", [changed(":authority", Some("a b"))]),
        Case::malformed("two hosts that differ", [added(&[("host", "b")])]),
        Case::malformed("two Host fields", [added(&[("host", "a"), ("host", "a")])]),
        Case::good("two hosts that agree", [added(&[("host", "a")])]),
        Case::good(
            "only a Host field",
            [Frame::request(1, block([(":method", "GET"), (":scheme", "http"), (":path", ECHO), ("host", "a")]))],
        ),
        Case::good("the scheme of a proxy in front", [changed(":scheme", Some("https"))]),
    ];

    play(cases).await;
}

#[tokio::test]
async fn no_spelling_of_a_protected_path_gets_by_its_protection() {
    let refused = SPELLINGS.map(|path| {
        Case::malformed(path, [Frame::request(1, get(path))]).or(Expect::Answer(401)).or(Expect::Answer(404))
    });

    play(refused.into()).await;
}
