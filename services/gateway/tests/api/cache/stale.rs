//! What is not fresh any more: confirmed, given while another is asked for, or in need.

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::request::Parts;
use portico_testkit::Reply;
use tokio::time::timeout;

use super::origin::{Origin, numbered};
use super::{ROUTES, ask, status, suite, text};
use crate::helpers::{PATIENCE, RawUpstream, Suite};

/// For how long an answer is fresh, as `Cache-Status` says after these words.
fn seconds_left(reply: &Reply, words: &str) -> i64 {
    let left = status(reply).strip_prefix(words).and_then(|left| left.parse().ok());
    left.unwrap_or_else(|| panic!("{}", status(reply)))
}

#[tokio::test]
async fn a_stale_answer_is_given_at_once_while_one_other_is_asked_for() {
    let origin = Origin::counting(&[("cache-control", "s-maxage=0, stale-while-revalidate=60")]).await;
    let suite = suite(&origin).await;
    let client = suite.client();
    client.get("/v1/public/x").await;
    origin.hold();

    // The service answers nothing, and still they do not wait, and it is asked once.
    for _ in 0..10 {
        let stale = client.get("/v1/public/x").await;
        assert_eq!(text(&stale), "1");
        assert!(seconds_left(&stale, "portico; hit; ttl=") <= 0);
    }
    origin.until_asked(2).await;
    assert_eq!(origin.asked(), 2);
    origin.open();

    let is_new = async { while text(&client.get("/v1/public/x").await) == "1" {} };
    timeout(PATIENCE, is_new).await.expect("the new one in time");
}

#[tokio::test]
async fn a_service_that_fails_is_covered_by_what_it_answered_before() {
    let origin = Origin::start(|_, number| match number {
        1 => numbered(&[("cache-control", "max-age=0, stale-if-error=60")], number),
        2 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    })
    .await;
    let suite = suite(&origin).await;
    let client = suite.client();
    client.get("/v1/public/x").await;

    for _ in 0..3 {
        let covered = client.get("/v1/public/x").await;

        assert_eq!((covered.status.as_u16(), text(&covered).as_str()), (200, "1"));
        assert!(seconds_left(&covered, "portico; fwd=stale; ttl=") <= 0);
    }
    assert!(origin.asked() >= 4);
}

#[tokio::test]
async fn a_service_that_is_slow_or_gone_is_covered_too() {
    let answer = "HTTP/1.1 200 OK\r\nCache-Control: max-age=0, stale-if-error=60\r\nContent-Length: 3\r\nConnection: close\r\n\r\nold";
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("ORIGIN", &upstream.address.to_string())).await;
    let client = suite.client();
    let (first, _) = tokio::join!(client.get("/v1/hasty/x"), upstream.answer(answer));

    let slow = client.get("/v1/hasty/x").await;
    drop(upstream);
    let gone = client.get("/v1/hasty/x").await;
    let never_asked = client.get("/v1/hasty/y").await;

    assert_eq!([&first, &slow, &gone].map(text), ["old"; 3]);
    never_asked.assert_problem(502, "upstream_unreachable");
}

#[tokio::test]
async fn what_must_be_confirmed_does_not_cover_a_failure() {
    let origin = Origin::start(|_, number| match number {
        1 => numbered(&[("cache-control", "max-age=1, stale-if-error=60, must-revalidate")], number),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    })
    .await;
    let suite = suite(&origin).await;
    let client = suite.client();

    let is_over = async { while client.get("/v1/public/x").await.status == 200 {} };
    timeout(PATIENCE, is_over).await.expect("the end of its time");

    assert_eq!(client.get("/v1/public/x").await.status, 503);
}

/// Answers once, and says afterwards that this is still good.
fn confirming(head: &Parts, number: usize) -> Response {
    let control = ("cache-control", if number < 3 { "max-age=0, stale-if-error=60" } else { "max-age=60" });
    if head.headers.get("if-none-match").is_some_and(|tag| tag == "\"a\"") {
        return (StatusCode::NOT_MODIFIED, [control, ("etag", "\"a\""), ("x-number", "later")]).into_response();
    }
    numbered(&[control, ("etag", "\"a\""), ("x-number", "first")], number)
}

#[tokio::test]
async fn a_stale_answer_is_confirmed_and_good_for_as_long_as_that_says() {
    let origin = Origin::start(confirming).await;
    let suite = suite(&origin).await;
    let client = suite.client();

    let first = client.get("/v1/public/x").await;
    let second = client.get("/v1/public/x").await;
    let third = ask(&client, "/v1/public/x", &[("if-none-match", "\"other\"")]).await;
    let fourth = client.get("/v1/public/x").await;

    let replies = [&first, &second, &third, &fourth];
    assert_eq!(replies.map(text), ["1"; 4]);
    assert_eq!(replies.map(|reply| reply.header("x-number")), ["first", "later", "later", "later"]);
    assert_eq!(status(&second), "portico; fwd=stale; fwd-status=304; stored");
    assert!(status(&fourth).starts_with("portico; hit; ttl="), "{}", status(&fourth));
    assert_eq!((origin.asked(), origin.header(3, "if-none-match").as_deref()), (3, Some("\"a\"")));
}

#[tokio::test]
async fn a_client_that_holds_a_stale_answer_is_told_when_it_is_confirmed() {
    let origin = Origin::start(confirming).await;
    let suite = suite(&origin).await;
    let client = suite.client();
    client.get("/v1/public/x").await;

    let held = ask(&client, "/v1/public/x", &[("if-none-match", "\"a\"")]).await;

    assert_eq!((held.status.as_u16(), held.bytes.len()), (304, 0));
    assert_eq!(origin.asked(), 2);
}

#[tokio::test]
async fn a_confirmation_of_something_else_is_none() {
    let origin = Origin::start(|head, number| {
        let control = ("cache-control", "max-age=0, stale-if-error=60");
        if head.headers.contains_key("if-none-match") {
            return (StatusCode::NOT_MODIFIED, [control, ("etag", "\"other\"")]).into_response();
        }
        numbered(&[control, ("etag", "\"a\"")], number)
    })
    .await;
    let suite = suite(&origin).await;
    let client = suite.client();
    client.get("/v1/public/x").await;

    let covered = client.get("/v1/public/x").await;
    let asked_anew = client.get("/v1/public/x").await;

    assert_eq!(text(&covered), "1");
    assert!(seconds_left(&covered, "portico; fwd=stale; ttl=") <= 0);
    assert_eq!((text(&asked_anew), origin.header(3, "if-none-match")), ("3".to_owned(), None));
}
