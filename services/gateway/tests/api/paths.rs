//! One view of the path: no spelling of a protected path gets by its protection.

use crate::helpers::Suite;

/// Spellings by which something behind might be led to `/v1/closed/echo` or `/v1/open/closed/echo`.
pub const SPELLINGS: [&str; 66] = [
    "/v1/open/../closed/echo",
    "/v1/open/./../closed/echo",
    "/v1/open/x/../../closed/echo",
    "/v1/open/%2e%2e/closed/echo",
    "/v1/open/%2E%2E/closed/echo",
    "/v1/open/.%2e/closed/echo",
    "/v1/open/%2e./closed/echo",
    "/v1/open/%252e%252e/closed/echo",
    "/v1/open/%25252e%25252e/closed/echo",
    "/v1/open/%25%32%65%25%32%65/closed/echo",
    "/v1/open/..%2fclosed/echo",
    "/v1/open/..%2Fclosed/echo",
    "/v1/open/..%252fclosed/echo",
    "/v1/open/%2e%2e%2fclosed/echo",
    "/v1/open/..%5cclosed/echo",
    "/v1/open/..%5Cclosed/echo",
    "/v1/open/..\\closed/echo",
    "/v1/open\\..\\closed/echo",
    "/v1/open/..;/closed/echo",
    "/v1/open/..;x=1/closed/echo",
    "/v1/open/.;/closed/echo",
    "/v1/open/..%3b/closed/echo",
    "/v1/open/..%00/closed/echo",
    "/v1/open/..%0d/closed/echo",
    "/v1/open/..%09/closed/echo",
    "/v1/open/%c0%ae%c0%ae/closed/echo",
    "/v1/open/%c0%ae%c0%ae%c0%afclosed/echo",
    "/v1/open/%e0%80%ae%e0%80%ae/closed/echo",
    "/v1/open/%u002e%u002e/closed/echo",
    "/v1/open/%uff0e%uff0e/closed/echo",
    "/v1/open/%%32%65%%32%65/closed/echo",
    "/v1/open//closed/echo",
    "/v1/open///closed/echo",
    "/v1//open/closed/echo",
    "//v1/open/closed/echo",
    "/v1/open/closed//echo",
    "/v1/open/./closed/echo",
    "/v1/open/%2e/closed/echo",
    "/v1/open/%2fclosed/echo",
    "/v1/open%2fclosed/echo",
    "/v1/open%2Fclosed%2Fecho",
    "/v1/open%252fclosed/echo",
    "/v1/open%5cclosed/echo",
    "/v1/open%255cclosed/echo",
    "/v1/open\\closed/echo",
    "/v1/open/%63losed/echo",
    "/v1/open/c%6cosed/echo",
    "/v1/open/c%6Cosed/echo",
    "/v1/open/%63%6c%6f%73%65%64/echo",
    "/v1/open/%2563losed/../closed/echo",
    "/v1/%6fpen/closed/echo",
    "/%76%31/open/closed/echo",
    "/v1/%63losed/echo",
    "/v1/open/closed;x=1/echo",
    "/v1/open/closed;/echo",
    "/v1/open/;/closed/echo",
    "/v1/open;/closed/echo",
    "/v1/open/closed%00/echo",
    "/v1/open/%00closed/echo",
    "/v1/open/closed%0a/echo",
    "/v1/open/closed%7f/echo",
    "/v1/open/closed%/echo",
    "/v1/open/closed%2/echo",
    "/v1/open/closed%zz/echo",
    "/v1/open/closed?x#/../echo",
    "/v1/open/closed#/v1/open",
];

#[tokio::test]
async fn no_spelling_of_a_protected_path_gets_by_its_protection() {
    let suite = Suite::start().await;

    for spelling in SPELLINGS {
        let reply = suite.raw(&format!("GET {spelling} HTTP/1.1\nHost: a")).await;

        assert!(matches!(reply.status, 400 | 401 | 404), "{spelling}: {}", reply.status);
    }

    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn an_ambiguous_path_is_a_problem_that_says_why() {
    let suite = Suite::start().await;

    let reply = suite.raw("GET /v1/open/%2e%2e/closed HTTP/1.1\nHost: a").await;

    assert_eq!(reply.status, 400);
    assert_eq!(reply.header("content-type"), ["application/problem+json"]);
    let problem = reply.json();
    assert_eq!(problem["code"], "invalid_target");
    assert_eq!(problem["detail"], "the path has a `.` or `..` segment");
    assert_eq!(problem["instance"], "/v1/open/%2e%2e/closed");
    assert_eq!(reply.header("x-request-id"), [problem["request_id"].as_str().unwrap()]);
}

#[tokio::test]
async fn what_was_routed_is_what_arrives() {
    let suite = Suite::start().await;

    for (asked, arrives) in [
        ("/v1/open/echo", "/v1/open/echo"),
        ("/v1/open/echo?", "/v1/open/echo?"),
        ("/v1/open/a%20b/echo?q=%2F..%2F&r=[1]", "/v1/open/a%20b/echo?q=%2F..%2F&r=[1]"),
        ("/v1/open/%65cho", "/v1/open/echo"),
        ("/v1/open/gr%C3%BC%C3%9Fe/100%25/echo", "/v1/open/gr%C3%BC%C3%9Fe/100%25/echo"),
        ("/v1/open/echo/", "/v1/open/echo/"),
        ("/v1/open/a:b@c=d,e+f!g$h&i'(j)*/echo", "/v1/open/a:b@c=d,e+f!g$h&i'(j)*/echo"),
    ] {
        let reply = suite.raw(&format!("GET {asked} HTTP/1.1\nHost: a")).await;

        assert_eq!(reply.status, 200, "{asked}");
        assert_eq!(reply.json()["target"], arrives, "{asked}");
    }
}

#[tokio::test]
async fn a_target_that_is_too_long_is_414() {
    let suite = Suite::start().await;

    let reply = suite.raw(&format!("GET /v1/open/{} HTTP/1.1\nHost: a", "x".repeat(9000))).await;

    assert_eq!(reply.status, 414);
    assert_eq!(reply.json()["code"], "target_too_long");
    assert_eq!(suite.upstream.hits(), 0);
}
