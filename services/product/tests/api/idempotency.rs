//! `Idempotency-Key`.

use std::time::Duration;

use chrono::DateTime;
use portico_common::clock::Clock;
use portico_testkit::User;
use reqwest::Method;
use serde_json::json;

use crate::helpers::{TestApp, id_of, product};

const PATH: &str = "/v1/products";

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_has_one_effect() {
    let app = TestApp::start().await;
    let body = product("wool-scarf", "WS-1");

    let first = app.post_keyed(PATH, "k-1", &body).await;
    let again = app.post_keyed(PATH, "k-1", &body).await;

    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(again.status, 201);
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(again.header("idempotency-replayed"), "true");
    for name in ["location", "etag", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    let drafts = app.editor.get("/v1/products?status=draft").await;
    assert_eq!(drafts.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_account() {
    let app = TestApp::start().await;
    app.post_keyed(PATH, "k-1", &product("wool-scarf", "WS-1")).await;

    let other_body = app.post_keyed(PATH, "k-1", &product("silk-scarf", "SS-1")).await;
    let other_path = app.post_keyed("/v1/categories", "k-1", &json!({ "slug": "a", "name": "A" })).await;
    let colleague = app.anonymous.with_token(app.issuer.token(&User::editor()));
    let request = colleague.request(Method::POST, PATH).header("idempotency-key", "k-1");
    let other_account = colleague.send(request.json(&product("silk-scarf", "SS-1"))).await;

    other_body.assert_problem(422, "idempotency_key_reused");
    other_path.assert_problem(422, "idempotency_key_reused");
    assert_eq!(other_account.status, 201, "{}", other_account.body);
}

#[tokio::test]
async fn a_refusal_is_repeated_and_a_correction_needs_a_new_key() {
    let app = TestApp::start().await;
    let taken = app.draft(product("wool-scarf", "WS-1")).await;

    let refused = app.post_keyed(PATH, "k-1", &product("wool-scarf", "WS-2")).await;
    app.editor.delete(taken.header("location"), taken.etag()).await;
    let again = app.post_keyed(PATH, "k-1", &product("wool-scarf", "WS-2")).await;
    let corrected = app.post_keyed(PATH, "k-2", &product("wool-scarf", "WS-2")).await;

    refused.assert_problem(409, "slug_taken");
    assert_eq!((again.status.as_u16(), &again.bytes), (409, &refused.bytes));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(corrected.status, 201, "{}", corrected.body);
}

#[tokio::test]
async fn a_body_that_is_not_valid_does_not_use_the_key_up() {
    let app = TestApp::start().await;

    let invalid = app.post_keyed(PATH, "k-1", &json!({ "slug": "wool-scarf" })).await;
    let valid = app.post_keyed(PATH, "k-1", &product("wool-scarf", "WS-1")).await;

    invalid.assert_problem(422, "validation_failed");
    assert_eq!(valid.status, 201, "{}", valid.body);
}

#[tokio::test]
async fn a_request_whose_twin_is_still_running_is_told_to_wait() {
    let app = TestApp::start().await;
    let user = User::editor();
    let editor = app.anonymous.with_token(app.issuer.token(&user));
    let mut twin = app.db.pool.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO idempotency_keys (subject, key, fingerprint, created_at, expires_at)
         VALUES ($1, 'k-1', '', now(), now() + interval '1 day')",
    )
    .bind(user.id)
    .execute(&mut *twin)
    .await
    .unwrap();
    let post = || {
        let request = editor.request(Method::POST, PATH).header("idempotency-key", "k-1");
        editor.send(request.json(&product("wool-scarf", "WS-1")))
    };

    let waiting = post().await;
    twin.rollback().await.unwrap();
    let free = post().await;

    waiting.assert_problem(409, "idempotency_in_flight");
    assert_eq!(waiting.header("retry-after"), "1");
    assert_eq!(free.status, 201, "{}", free.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_twins_have_one_effect() {
    let app = TestApp::start().await;
    let body = product("wool-scarf", "WS-1");

    let replies = tokio::join!(
        app.post_keyed(PATH, "k-1", &body),
        app.post_keyed(PATH, "k-1", &body),
        app.post_keyed(PATH, "k-1", &body),
        app.post_keyed(PATH, "k-1", &body),
    );

    let replies = [replies.0, replies.1, replies.2, replies.3];
    let made: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert!(!made.is_empty());
    assert!(made.iter().all(|reply| reply.bytes == made[0].bytes));
    for other in replies.iter().filter(|reply| reply.status != 201) {
        other.assert_problem(409, "idempotency_in_flight");
    }
}

#[tokio::test]
async fn an_answer_is_forgotten_after_a_day() {
    let clock = Clock::fixed(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    let app = TestApp::start_at(clock.clone()).await;
    let body = json!({ "slug": "scarves", "name": "Scarves" });
    let user = User::editor();
    let post = || {
        let editor = app.anonymous.with_token(app.issuer.token(&user));
        let request = editor.request(Method::POST, "/v1/categories").header("idempotency-key", "k-1").json(&body);
        async move { editor.send(request).await }
    };
    post().await;

    clock.advance(Duration::from_hours(23));
    let remembered = post().await;
    clock.advance(Duration::from_hours(2));
    let forgotten = post().await;

    assert_eq!(remembered.header("idempotency-replayed"), "true");
    forgotten.assert_problem(409, "slug_taken");
}

#[tokio::test]
async fn every_post_that_makes_or_moves_something_takes_a_key() {
    let app = TestApp::start().await;
    let id = id_of(&app.draft(product("wool-scarf", "WS-1")).await);

    for (path, body) in [
        ("/v1/categories".to_owned(), json!({ "slug": "scarves", "name": "Scarves" })),
        (format!("/v1/products/{id}/variants"), json!({ "sku": "WS-2" })),
        (format!("/v1/products/{id}/publish"), json!({})),
        (format!("/v1/products/{id}/archive"), json!({})),
    ] {
        let first = app.post_keyed(&path, &path, &body).await;
        let again = app.post_keyed(&path, &path, &body).await;

        assert!(first.status.is_success(), "{path}: {}", first.body);
        assert_eq!((again.status, &again.bytes), (first.status, &first.bytes), "{path}");
        assert_eq!(again.header("idempotency-replayed"), "true", "{path}");
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let app = TestApp::start().await;

    for key in ["", "a b", &"k".repeat(256)] {
        let reply = app.post_keyed(PATH, key, &product("wool-scarf", "WS-1")).await;

        reply.assert_problem(400, "invalid_parameter");
    }
}
