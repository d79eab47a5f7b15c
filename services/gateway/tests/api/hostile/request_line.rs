//! The first line of a request: `METHOD SP target SP HTTP/1.1`, and nothing that some would forgive.

use super::case::{BAD, Case, cut, get, last, own};
use super::stage::play;

/// 400 or 505: a version that is not spoken here.
const VERSION: &[u16] = &[400, 505];

#[tokio::test]
async fn a_request_line_has_one_form() {
    let lines = [
        ("no version", "GET /v1/open/x"),
        ("no version but a space", "GET /v1/open/x "),
        ("no target", "GET HTTP/1.1"),
        ("an empty target", "GET  HTTP/1.1"),
        ("a method only", "GET"),
        ("a target only", "/v1/open/x"),
        ("a version only", "HTTP/1.1"),
        ("no method", " /v1/open/x HTTP/1.1"),
        ("two spaces before the target", "GET  /v1/open/x HTTP/1.1"),
        ("two spaces before the version", "GET /v1/open/x  HTTP/1.1"),
        ("a space behind the version", "GET /v1/open/x HTTP/1.1 "),
        ("a tab before the target", "GET\t/v1/open/x HTTP/1.1"),
        ("a tab before the version", "GET /v1/open/x\tHTTP/1.1"),
        ("tabs and spaces", "GET \t/v1/open/x \tHTTP/1.1"),
        ("a tab behind the version", "GET /v1/open/x HTTP/1.1\t"),
        ("a space within the target", "GET /v1/open/x y HTTP/1.1"),
        ("two versions", "GET /v1/open/x HTTP/1.1 HTTP/1.1"),
        ("two versions, the first older", "GET /v1/open/x HTTP/1.0 HTTP/1.1"),
        ("a target with a version in it", "GET /v1/open/x HTTP/1.1/../y HTTP/1.1"),
        ("a quoted target", "GET \"/v1/open/x\" HTTP/1.1"),
        ("a method with a slash", "GET/ /v1/open/x HTTP/1.1"),
        ("a method with a colon", "GET: /v1/open/x HTTP/1.1"),
        ("a method in brackets", "[GET] /v1/open/x HTTP/1.1"),
        ("a method with a comma", "GET,POST /v1/open/x HTTP/1.1"),
        ("a status line", "HTTP/1.1 200 OK"),
        ("a field as a request line", "Host: a"),
        ("a line of another protocol", "EHLO evil.test"),
    ];
    let cases = lines.map(|(name, line)| Case::new(name, format!("{line}\r\nHost: a\r\n\r\n"), cut(BAD)));

    play(cases.into()).await;
}

#[tokio::test]
async fn only_http_1_1_and_1_0_are_spoken() {
    let versions = [
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/1.9",
        "HTTP/2.0",
        "HTTP/2",
        "HTTP/3.0",
        "HTTP/9.9",
        "HTTP/0.0",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/11",
        "HTTP/1.10",
        "HTTP/1.11",
        "HTTP/01.1",
        "HTTP/1.01",
        "HTTP/1.1.1",
        "HTTP/1,1",
        "HTTP/1.1x",
        "HTTP/1.+1",
        "HTTP/-1.1",
        "HTTP/1.1;a",
        "HTTP/0x1.1",
        "HTTP/1.\u{661}",
        "http/1.1",
        "Http/1.1",
        "HTTp/1.1",
        "HTTPS/1.1",
        "HTTP-1.1",
        "HTTP 1.1",
        "HTTP\\1.1",
        "HTTP//1.1",
        "/HTTP/1.1",
        "XTTP/1.1",
        "ICAP/1.0",
        "RTSP/1.0",
        "SIP/2.0",
    ];
    let refused = versions
        .map(|version| Case::new(version, format!("GET /v1/open/x {version}\r\nHost: a\r\n\r\n"), cut(VERSION)));
    let old = [
        ("HTTP/1.0", "GET /v1/open/x HTTP/1.0\r\nHost: a\r\n\r\n"),
        ("HTTP/1.0 without a host", "GET /v1/open/x HTTP/1.0\r\n\r\n"),
        ("HTTP/1.0 with a length", "POST /v1/open/x HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
        ("HTTP/1.0 with an expectation", "GET /v1/open/x HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
    ];
    let old = old.map(|(name, bytes)| Case::new(name, bytes, last(1)));

    play(refused.into_iter().chain(old).collect()).await;
}

#[tokio::test]
async fn a_method_is_no_place_for_anything_else() {
    let long = ["A".repeat(33), "A".repeat(300), "A".repeat(9_000), "A".repeat(70_000)];
    let long = long.map(|method| {
        let name = format!("a method of {} letters", method.len());
        Case::new(name, get("").replacen("GET", &method, 1), own(&[400, 405, 414, 431, 501]))
    });

    play(long.into()).await;
}
