//! One view of the path: no spelling of a protected path gets by its protection.

use super::case::{Case, forwarded, own};
use super::stage::play;

const REFUSED: &[u16] = &[400, 401, 404];

/// Spellings by which something behind might be led to `/v1/closed/x` or `/v1/open/closed/x`.
const SPELLINGS: [&str; 66] = [
    "/v1/open/../closed/x",
    "/v1/open/./../closed/x",
    "/v1/open/x/../../closed/x",
    "/v1/open/%2e%2e/closed/x",
    "/v1/open/%2E%2E/closed/x",
    "/v1/open/.%2e/closed/x",
    "/v1/open/%2e./closed/x",
    "/v1/open/%252e%252e/closed/x",
    "/v1/open/%25252e%25252e/closed/x",
    "/v1/open/%25%32%65%25%32%65/closed/x",
    "/v1/open/..%2fclosed/x",
    "/v1/open/..%2Fclosed/x",
    "/v1/open/..%252fclosed/x",
    "/v1/open/%2e%2e%2fclosed/x",
    "/v1/open/..%5cclosed/x",
    "/v1/open/..%5Cclosed/x",
    "/v1/open/..\\closed/x",
    "/v1/open\\..\\closed/x",
    "/v1/open/..;/closed/x",
    "/v1/open/..;x=1/closed/x",
    "/v1/open/.;/closed/x",
    "/v1/open/..%3b/closed/x",
    "/v1/open/..%00/closed/x",
    "/v1/open/..%0d/closed/x",
    "/v1/open/..%09/closed/x",
    "/v1/open/%c0%ae%c0%ae/closed/x",
    "/v1/open/%c0%ae%c0%ae%c0%afclosed/x",
    "/v1/open/%e0%80%ae%e0%80%ae/closed/x",
    "/v1/open/%u002e%u002e/closed/x",
    "/v1/open/%uff0e%uff0e/closed/x",
    "/v1/open/%%32%65%%32%65/closed/x",
    "/v1/open//closed/x",
    "/v1/open///closed/x",
    "/v1//open/closed/x",
    "//v1/open/closed/x",
    "/v1/open/closed//x",
    "/v1/open/./closed/x",
    "/v1/open/%2e/closed/x",
    "/v1/open/%2fclosed/x",
    "/v1/open%2fclosed/x",
    "/v1/open%2Fclosed%2Fecho",
    "/v1/open%252fclosed/x",
    "/v1/open%5cclosed/x",
    "/v1/open%255cclosed/x",
    "/v1/open\\closed/x",
    "/v1/open/%63losed/x",
    "/v1/open/c%6cosed/x",
    "/v1/open/c%6Cosed/x",
    "/v1/open/%63%6c%6f%73%65%64/x",
    "/v1/open/%2563losed/../closed/x",
    "/v1/%6fpen/closed/x",
    "/%76%31/open/closed/x",
    "/v1/%63losed/x",
    "/v1/open/closed;x=1/x",
    "/v1/open/closed;/x",
    "/v1/open/;/closed/x",
    "/v1/open;/closed/x",
    "/v1/open/closed%00/x",
    "/v1/open/%00closed/x",
    "/v1/open/closed%0a/x",
    "/v1/open/closed%7f/x",
    "/v1/open/closed%/x",
    "/v1/open/closed%2/x",
    "/v1/open/closed%zz/x",
    "/v1/open/closed?x#/../x",
    "/v1/open/closed#/v1/open",
];

#[tokio::test]
async fn no_spelling_of_a_protected_path_gets_by_its_protection() {
    let get = SPELLINGS.map(|path| Case::new(path, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"), own(REFUSED)));
    let post = SPELLINGS.map(|path| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
        Case::new(format!("{path}, posted"), head + "hello", own(REFUSED))
    });
    let absolute = SPELLINGS.map(|path| {
        Case::new(format!("http://a{path}"), format!("GET http://a{path} HTTP/1.1\r\nHost: a\r\n\r\n"), own(REFUSED))
    });

    play(get.into_iter().chain(post).chain(absolute).collect()).await;
}

#[tokio::test]
async fn what_was_routed_is_what_arrives() {
    let paths = [
        ("/v1/open/x", "/v1/open/x"),
        ("/v1/open", "/v1/open"),
        ("/v1/open/", "/v1/open/"),
        ("/v1/open?", "/v1/open?"),
        ("/v1/open/x?", "/v1/open/x?"),
        ("/v1/open/x/", "/v1/open/x/"),
        ("/v1/open/a%20b/x?q=%2F..%2F&r=[1]", "/v1/open/a%20b/x?q=%2F..%2F&r=[1]"),
        ("/v1/open/%65cho", "/v1/open/echo"),
        ("/v1/%6fpen/x", "/v1/open/x"),
        ("/%76%31/open/%7ex", "/v1/open/~x"),
        ("/v1/open/gr%C3%BC%C3%9Fe/100%25/x", "/v1/open/gr%C3%BC%C3%9Fe/100%25/x"),
        ("/v1/open/a:b@c=d,e+f!g$h&i'(j)*/x", "/v1/open/a:b@c=d,e+f!g$h&i'(j)*/x"),
        ("/v1/open/.../x", "/v1/open/.../x"),
        ("/v1/open/.x", "/v1/open/.x"),
        ("/v1/open/x..y", "/v1/open/x..y"),
        ("/v1/open/closedx", "/v1/open/closedx"),
    ];
    let cases = paths.map(|(asked, arrives)| {
        let bytes = format!("GET {asked} HTTP/1.1\r\nHost: a\r\n\r\n");
        Case::new(asked, bytes, forwarded(1).line(&format!("GET {arrives}")))
    });

    play(cases.into()).await;
}

#[tokio::test]
async fn a_path_beside_every_route_leads_nowhere() {
    let paths = [
        "/v1",
        "/v1/",
        "/v1/openx",
        "/v1/ope",
        "/v1/Open/x",
        "/V1/open/x",
        "/v1/open.x",
        "/v1/open%20/x",
        "/v1/open,/x",
        "/v1/closedx",
        "/v1/CLOSED/x",
        "/health/ready",
        "/internal/v1/revocations",
        "/.well-known/jwks.json",
        "/healthz/x",
        "/openapi.json/x",
    ];
    let cases = paths.map(|path| Case::new(path, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"), own(&[404])));

    play(cases.into()).await;
}
