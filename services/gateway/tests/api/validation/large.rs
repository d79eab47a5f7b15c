//! Bodies that are large, deep, slow or too many.

use http::Method;
use portico_testkit::Reply;
use serde_json::{Value, json};

use super::{faults, suite};
use crate::helpers::Suite;

async fn post(suite: &Suite, path: &str, body: String) -> Reply {
    let request = suite.client().request(Method::POST, path).header("content-type", "application/json");
    suite.client().send(request.body(body)).await
}

fn thing_with_tags(count: usize, last: Value) -> String {
    let mut tags = vec![json!("a tag of some length"); count];
    tags.push(last);
    json!({ "name": "a", "tags": tags }).to_string()
}

#[tokio::test]
async fn a_large_body_is_checked_and_arrives_whole() {
    let suite = suite().await;
    let sent = thing_with_tags(15_000, json!("last"));

    let good = post(&suite, "/v1/shop/large/things", sent.clone()).await;
    let bad = post(&suite, "/v1/shop/large/things", thing_with_tags(15_000, json!(7))).await;

    assert!(sent.len() > 256 << 10);
    assert!(good.status == 200 && good.body["body"] == sent.as_str());
    bad.assert_problem(422, "validation_failed");
    assert_eq!(faults(&bad), [("/tags/15000", "wrong_type")]);
    assert_eq!(suite.upstream.hits(), 1);
}

#[tokio::test]
async fn large_bodies_at_once_are_all_checked() {
    let suite = suite().await;
    let send = async |n: usize| {
        let (last, expected) = if n < 10 { (json!("last"), 200) } else { (json!(7), 422) };
        let reply = post(&suite, "/v1/shop/large/things", thing_with_tags(15_000, last)).await;
        (reply.status.as_u16(), expected)
    };

    let answers = futures_util::future::join_all((0..20).map(send)).await;

    assert!(answers.iter().all(|(given, expected)| given == expected), "{answers:?}");
    assert_eq!(suite.upstream.hits(), 10);
}

#[tokio::test]
async fn a_deep_body_is_checked_to_its_end() {
    let suite = suite().await;
    let nested = |depth: usize, inner: &str| format!("{}{inner}{}", "{\"next\":".repeat(depth), "}".repeat(depth));

    let good = post(&suite, "/v1/shop/trees", nested(120, "null")).await;
    let bad = post(&suite, "/v1/shop/trees", nested(120, "{\"x\":1}")).await;
    let too_deep = post(&suite, "/v1/shop/trees", nested(128, "null")).await;

    assert_eq!(good.status, 200);
    bad.assert_problem(422, "validation_failed");
    too_deep.assert_problem(400, "malformed_json");
}

#[tokio::test]
async fn of_many_faults_and_long_names_little_is_told() {
    let suite = suite().await;
    let many: String = json!({ "name": "a", "tags": vec![0; 1_000] }).to_string();
    let long = json!({ "name": "a", "\u{1b}x".repeat(10_000): 1 }).to_string();

    let many = post(&suite, "/v1/shop/large/things", many).await;
    let too_many =
        post(&suite, "/v1/shop/large/things", json!({ "name": "a", "tags": vec![0; 50_000] }).to_string()).await;
    let long = post(&suite, "/v1/shop/large/things", long).await;

    assert_eq!(faults(&many).len(), 50);
    assert_eq!(faults(&too_many), [("", "invalid")]);
    let pointer = long.body["errors"][0]["pointer"].as_str().unwrap();
    assert!(pointer.len() < 1_000 && !pointer.contains(char::is_control), "{pointer}");
}

#[tokio::test]
async fn a_body_of_very_many_values_is_413() {
    let suite = suite().await;
    let body = format!("{{\"name\":\"a\",\"tags\":[{}0]}}", "{},".repeat(300_000));

    post(&suite, "/v1/shop/large/things", body).await.assert_problem(413, "body_too_large");
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn the_limits_of_the_route_hold() {
    let suite = suite().await;
    let head = "POST /v1/shop/small/things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let mut chunked = suite.connect().await;
    let mut slow = suite.connect().await;
    let mut broken = suite.connect().await;

    let told = post(&suite, "/v1/shop/small/things", thing_with_tags(100, json!("a"))).await;
    chunked.write(format!("{head}Transfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n", " ".repeat(1001))).await;
    slow.write(head.replace("small", "quick") + "Content-Length: 14\r\n\r\n{\"name\"").await;
    broken.write(format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\nnonsense\r\n")).await;

    told.assert_problem(413, "body_too_large");
    assert!(chunked.read_head().await.starts_with("HTTP/1.1 413 "));
    assert!(slow.read_head().await.starts_with("HTTP/1.1 408 "));
    assert!(broken.read_head().await.starts_with("HTTP/1.1 400 "));
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_client_that_waits_for_100_hears_it_or_a_refusal() {
    let suite = suite().await;
    let head = "POST /v1/shop/things HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 12\r\n";
    let (mut good, mut refused) = (suite.connect().await, suite.connect().await);

    refused.write(format!("{head}Content-Type: image/png\r\n\r\n")).await;
    good.write(format!("{head}Content-Type: application/json\r\n\r\n")).await;

    assert!(refused.read_head().await.starts_with("HTTP/1.1 415 "));
    assert!(good.read_head().await.starts_with("HTTP/1.1 100 "));
    good.write("{\"name\":\"a\"}").await;
    assert!(good.read_head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(suite.upstream.hits(), 1);
}

#[tokio::test]
async fn a_connection_goes_on_after_a_body_was_refused() {
    let suite = suite().await;
    let mut connection = suite.connect().await;
    let request = |body: &str| {
        let head = "POST /v1/shop/things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
    };

    connection.write(request("{\"name\":1}") + &request("{\"name\":\"a\"}")).await;

    let refused = connection.read_head().await;
    assert!(refused.starts_with("HTTP/1.1 422 "), "{refused}");
    let length =
        refused.to_lowercase().split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    connection.read(length.unwrap()).await;
    assert!(connection.read_head().await.starts_with("HTTP/1.1 200 "));
}
