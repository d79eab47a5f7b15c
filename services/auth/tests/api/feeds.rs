//! The feeds of the internal listener.

use std::time::{Duration, Instant};

use portico_auth::Role;
use portico_testkit::Reply;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::helpers::{PASSWORD, TestApp};

const EVENTS: &str = "/internal/v1/events";
const REVOCATIONS: &str = "/internal/v1/revocations";

fn items(reply: &Reply) -> &Vec<Value> {
    reply.body["items"].as_array().unwrap()
}

fn next(reply: &Reply) -> &str {
    reply.body["next"].as_str().unwrap()
}

/// Reads a feed on from a cursor until something has come.
async fn until_news(app: &TestApp, feed: &str, after: &str) -> Reply {
    let reply = app.internal().get(&format!("{feed}?after={after}&wait=30")).await;
    assert_eq!(reply.status, 200);
    assert!(!items(&reply).is_empty(), "nothing came within 30 seconds");
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_told_of_in_full_once_its_address_is_verified() {
    let app = TestApp::start().await;
    app.client.post("/v1/auth/register", json!({ "email": "stranger@example.com", "password": PASSWORD })).await;
    app.client
        .post("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD, "display_name": "Ada" }))
        .await;
    let code = app.code("ada@example.com", 1).await;
    app.advance(Duration::from_mins(1));
    app.client.post("/v1/auth/email/verify", json!({ "email": "ada@example.com", "code": code })).await;

    let reply = until_news(&app, EVENTS, "0.0").await;

    assert_eq!(items(&reply).len(), 1);
    let created = &items(&reply)[0];
    assert_eq!((&created["type"], &created["version"]), (&json!("account.created"), &json!(2)));
    assert_eq!(created["subject"], app.login("ada@example.com").await.claims()["sub"]);
    assert_eq!(created["occurred_at"], "2026-09-21T14:14:20Z");
    let expected = json!({
        "email": "ada@example.com", "email_verified": true, "display_name": "Ada", "roles": ["customer"],
        "status": "active", "created_at": "2026-09-21T14:13:20Z",
    });
    assert_eq!(created["data"], expected);
    assert!(!created.to_string().contains("argon2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_committed_late_is_not_missed() {
    let app = TestApp::start().await;
    let (slow, fast) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let insert =
        "INSERT INTO events (id, type, subject, version, occurred_at, data) VALUES ($1, 'test', $1, 1, now(), '{}')";
    let mut tx = app.db.pool.begin().await.unwrap();
    sqlx::query(insert).bind(slow).execute(&mut *tx).await.unwrap();
    sqlx::query(insert).bind(fast).execute(&app.db.pool).await.unwrap();

    let meanwhile = app.internal().get(EVENTS).await;
    tx.commit().await.unwrap();
    let mut subjects = Vec::new();
    let mut cursor = next(&meanwhile).to_owned();
    while subjects.len() < 2 {
        let reply = until_news(&app, EVENTS, &cursor).await;
        subjects.extend(items(&reply).iter().map(|event| event["subject"].clone()));
        cursor = next(&reply).to_owned();
    }

    // The later event waits for the earlier one, which could otherwise be passed by.
    assert!(items(&meanwhile).is_empty());
    assert_eq!(subjects, [json!(slow), json!(fast)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_woken_when_something_happens() {
    let app = TestApp::start().await;
    let began = Instant::now();
    let waiting = tokio::spawn({
        let internal = app.internal();
        async move { internal.get(&format!("{EVENTS}?after=0.0&wait=30")).await }
    });

    app.account("ada@example.com", Role::Customer).await;

    let reply = waiting.await.unwrap();
    assert_eq!(items(&reply).len(), 1);
    assert!(began.elapsed() < Duration::from_secs(25));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_names_the_session_until_its_tokens_have_expired() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let before = app.internal().get(REVOCATIONS).await;
    ada.client.post("/v1/auth/logout", json!({})).await;

    let after = until_news(&app, REVOCATIONS, next(&before)).await;
    let from_the_start = app.internal().get(REVOCATIONS).await;
    app.advance(Duration::from_mins(12));
    let later = app.internal().get(REVOCATIONS).await;

    assert!(items(&before).is_empty());
    let now = ada.claims()["iat"].as_i64().unwrap();
    let expected =
        json!({ "session": ada.claims()["sid"], "subject": null, "not_before": null, "expires_at": now + 660 });
    assert_eq!(items(&after), &vec![expected]);
    assert_eq!(items(&from_the_start), items(&after));
    assert!(items(&later).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_does_not_wait_for_a_slow_transaction() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let bob = app.signed_in("bob@example.com", Role::Customer).await;
    let insert = "INSERT INTO revocations (session_id, expires_at) VALUES ($1, '2100-01-01')";
    let (slow, mut tx) = (Uuid::from_u128(1), app.db.pool.begin().await.unwrap());
    sqlx::query(insert).bind(slow).execute(&mut *tx).await.unwrap();
    let sessions = |reply: &Reply| items(reply).iter().map(|item| item["session"].clone()).collect::<Vec<_>>();

    ada.client.post("/v1/auth/logout", json!({})).await;
    let first = app.internal().get(REVOCATIONS).await;
    bob.client.post("/v1/auth/logout", json!({})).await;
    let second = app.internal().get(&format!("{REVOCATIONS}?after={}", next(&first))).await;
    tx.commit().await.unwrap();
    let third = app.internal().get(&format!("{REVOCATIONS}?after={}", next(&second))).await;
    let fourth = app.internal().get(&format!("{REVOCATIONS}?after={}", next(&third))).await;

    assert_eq!(sessions(&first), [ada.claims()["sid"].clone()]);
    assert_eq!(sessions(&second), [bob.claims()["sid"].clone()]);
    assert_eq!(sessions(&third), [json!(slow)]);
    assert!(items(&fourth).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_cluster_is_answered_with_everything() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    ada.client.post("/v1/auth/logout", json!({})).await;

    let reply = app.internal().get(&format!("{REVOCATIONS}?after=9000000000:9000000000:")).await;

    assert_eq!(items(&reply).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_cursor_or_wait_is_refused() {
    let app = TestApp::start().await;
    for (query, code) in [
        ("after=nonsense", "invalid_cursor"),
        ("after=", "invalid_cursor"),
        ("after=1.2.3", "invalid_cursor"),
        ("after=10:5:", "invalid_cursor"),
        ("wait=31", "invalid_parameter"),
        ("wait=-1", "invalid_parameter"),
        ("limit=5", "invalid_parameter"),
    ] {
        for feed in [EVENTS, REVOCATIONS] {
            let refused = app.internal().get(&format!("{feed}?{query}")).await;

            refused.assert_problem(400, code);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feeds_are_not_public() {
    let app = TestApp::start().await;

    for feed in [EVENTS, REVOCATIONS, "/health/ready"] {
        app.client.get(feed).await.assert_problem(404, "route_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_deleted_is_told_within_a_second() {
    let app = TestApp::start().await;
    let before = app.internal().get(REVOCATIONS).await;
    let known = before.body["keys"].as_str().unwrap().to_owned();
    let waiting = tokio::spawn({
        let (internal, after) = (app.internal(), next(&before).to_owned());
        let path = format!("{REVOCATIONS}?after={after}&keys={known}&wait=30");
        async move { internal.get(&path).await }
    });

    let deleted = Instant::now();
    sqlx::query("DELETE FROM signing_keys").execute(&app.db.pool).await.unwrap();
    let reply = waiting.await.unwrap();

    assert_ne!(reply.body["keys"], known);
    assert!(deleted.elapsed() < Duration::from_secs(1), "{:?}", deleted.elapsed());
    let published = app.client.get("/.well-known/jwks.json").await;
    assert_eq!(published.body["keys"].as_array().unwrap().len(), 1, "another one took its place");
}
