//! What becomes of a good request on its way to HTTP/1.1.

use serde_json::Value;

use super::frame::{Frame, get_with};
use super::session::{Seen, Session};
use crate::helpers::Suite;

/// What arrives of a request with these fields.
async fn arrived(suite: &Suite, fields: &[(&str, &str)]) -> Value {
    let mut session = Session::open(suite.gateway.public).await;
    session.send(&[Frame::request(1, get_with("/v1/open/echo", fields))]).await.expect("a gateway that reads");
    let mut seen = Seen::default();
    session.read_until(&mut seen, |seen| seen.body(1).ends_with(b"}")).await;
    serde_json::from_slice(&seen.body(1)).expect("an echo")
}

fn values<'a>(echo: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = echo["headers"].as_array().expect("headers");
    headers.iter().filter(|pair| pair[0] == name).filter_map(|pair| pair[1].as_str()).collect()
}

/// Section 8.2.3.
#[tokio::test]
async fn the_crumbs_of_a_cookie_arrive_as_one() {
    let suite = Suite::start().await;

    let echo = arrived(&suite, &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]).await;

    assert_eq!(values(&echo, "cookie"), ["a=1; b=2"]);
}

#[tokio::test]
async fn no_identity_arrives_that_the_client_has_made_up() {
    let suite = Suite::start().await;
    let forged: Vec<(&str, &str)> =
        ["x-user-id", "x_user_id", "x.user.id", "x-forwarded-user", "forwarded", "x_forwarded_for", "x-real-ip"]
            .map(|name| (name, "forged"))
            .into();

    let echo = arrived(&suite, &forged).await;

    assert!(!echo.to_string().contains("forged"), "{echo}");
    assert_eq!(values(&echo, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&echo, "x-forwarded-host"), ["a"]);
}

/// HTTP/1 refuses them; here they can frame nothing, and go no further.
#[tokio::test]
async fn no_other_spelling_of_a_length_or_a_coding_arrives() {
    let suite = Suite::start().await;
    let names = ["transfer_encoding", "transfer.encoding", "content_length", "content.length"];

    let echo = arrived(&suite, &names.map(|name| (name, "5"))).await;

    assert!(names.iter().all(|name| values(&echo, name).is_empty()), "{echo}");
}

#[tokio::test]
async fn two_tokens_are_refused() {
    let suite = Suite::start().await;
    let token = format!("Bearer {}", suite.issuer.token(&portico_testkit::User::customer()));
    let mut session = Session::open(suite.gateway.public).await;

    let twice = get_with("/v1/open/echo", &[("authorization", &token), ("authorization", &token)]);
    session.send(&[Frame::request(1, twice)]).await.unwrap();

    assert_eq!(session.status(1).await, 401);
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_request_is_given_up_when_its_stream_is_reset() {
    let suite = Suite::start().await;
    let mut session = Session::open(suite.gateway.public).await;
    session.send(&[Frame::request(1, get_with("/v1/open/hang", &[]))]).await.unwrap();
    suite.upstream.arrived().await;

    session.send(&[Frame::reset(1)]).await.unwrap();

    suite.upstream.abandoned().await;
}
