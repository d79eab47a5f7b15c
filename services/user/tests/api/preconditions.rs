//! Versions, media types, field rules, scopes: the tables.

use axum::http::{Method, header};
use portico_testkit::User;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::helpers::{ME, MERGE_PATCH, TestApp, patch_me};

#[tokio::test]
async fn a_read_with_the_current_tag_is_not_sent_again() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());
    client.get(ME).await;

    let read = |tag: &'static str| client.request(Method::GET, ME).header(header::IF_NONE_MATCH, tag);
    let same = client.send(read("\"1\"")).await;
    let other = client.send(read("\"7\"")).await;

    assert_eq!((same.status.as_u16(), same.etag(), same.bytes.len()), (304, "\"1\"", 0));
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn a_change_needs_the_current_version() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());
    client.get(ME).await;

    let patch = client.send(patch_me(&client, MERGE_PATCH, "{}")).await;
    let delete = client.send(client.request(Method::DELETE, ME)).await;

    patch.assert_problem(428, "precondition_required");
    delete.assert_problem(428, "precondition_required");
    for stale in ["\"0\"", "\"2\"", "W/\"1\"", "1", "\"\"", "garbage"] {
        client.patch(ME, stale, json!({ "locale": "de" })).await.assert_problem(412, "version_mismatch");
        client.delete(ME, stale).await.assert_problem(412, "version_mismatch");
    }
    assert_eq!(client.get(ME).await.etag(), "\"1\"");
}

#[tokio::test]
async fn only_a_merge_patch_is_taken_as_one() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());

    for content_type in ["application/json", "text/plain", "application/json-patch+json", ""] {
        let request = patch_me(&client, content_type, "{}").header(header::IF_MATCH, "*");

        let reply = client.send(request).await;

        reply.assert_problem(415, "unsupported_media_type");
        assert_eq!(reply.header("accept-patch"), MERGE_PATCH);
    }
}

#[tokio::test]
async fn a_field_that_does_not_fit_is_named() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());
    let long = "x".repeat(101);

    for (body, pointer, code) in [
        (json!({ "email": "other@example.com" }), "/email", "unknown_field"),
        (json!({ "roles": ["admin"] }), "/roles", "unknown_field"),
        (json!({ "status": "active" }), "/status", "unknown_field"),
        (json!({ "nickname": "x" }), "/nickname", "unknown_field"),
        (json!({ "display_name": 7 }), "/display_name", "wrong_type"),
        (json!({ "display_name": "" }), "/display_name", "empty"),
        (json!({ "display_name": long }), "/display_name", "too_long"),
        (json!({ "display_name": "a\u{0}b" }), "/display_name", "nul_character"),
        (json!({ "display_name": "a\u{202e}b" }), "/display_name", "forbidden_character"),
        (json!({ "locale": "not a locale" }), "/locale", "format"),
        (json!({ "time_zone": "Mars/Olympus" }), "/time_zone", "unknown_time_zone"),
    ] {
        let reply = client.patch(ME, "*", body.clone()).await;

        reply.assert_problem(422, "validation_failed");
        assert_eq!(reply.body["errors"][0]["pointer"], pointer, "{body}");
        assert_eq!(reply.body["errors"][0]["code"], code, "{body}");
    }
    for body in [json!("text"), json!(7), Value::Null] {
        client.patch(ME, "*", body).await.assert_problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn all_invalid_values_are_told_at_once() {
    let app = TestApp::start().await;
    let body = json!({ "display_name": " ", "locale": "!", "time_zone": "?" });

    let reply = app.client(&User::customer()).patch(ME, "*", body).await;

    let errors = reply.body["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/display_name", "/locale", "/time_zone"]);
}

#[tokio::test]
async fn every_door_needs_a_token() {
    let app = TestApp::start().await;
    let someone = Uuid::new_v4();
    let doors = [
        (Method::GET, ME.to_owned()),
        (Method::PATCH, ME.to_owned()),
        (Method::DELETE, ME.to_owned()),
        (Method::GET, "/v1/users".to_owned()),
        (Method::GET, format!("/v1/users/{someone}")),
        (Method::PUT, format!("/v1/users/{someone}/status")),
    ];

    for (method, path) in doors {
        let (nobody, liar) = (app.service.client(), app.service.client().with_token("a.b.c"));
        let without = nobody.send(nobody.request(method.clone(), &path)).await;
        let with_a_bad_one = liar.send(liar.request(method, &path)).await;

        without.assert_problem(401, "unauthenticated");
        assert_eq!(without.header("www-authenticate"), "Bearer");
        with_a_bad_one.assert_problem(401, "invalid_token");
        assert!(with_a_bad_one.header("www-authenticate").contains("invalid_token"));
    }
}

#[tokio::test]
async fn every_door_needs_its_scope() {
    let app = TestApp::start().await;
    let ada = User::customer();
    let path = format!("/v1/users/{}", ada.id);
    let status = format!("{path}/status");
    app.client(&ada).get(ME).await;
    let holding = |scope| app.client(&User { scope, ..ada.clone() });

    let refused = [
        (holding("profile:write users:read").get(ME).await, "profile:read"),
        (holding("profile:read").patch(ME, "*", json!({})).await, "profile:write"),
        (holding("profile:read").delete(ME, "*").await, "profile:write"),
        (holding("profile:read users:write").get("/v1/users").await, "users:read"),
        (holding("profile:read profile:write").get(&path).await, "users:read"),
        (holding("").get("/v1/users").await, "users:read"),
        {
            let client = holding("users:read");
            let request = client.request(Method::PUT, &status).header(header::IF_MATCH, "*");
            (client.send(request.json(&json!({ "status": "active" }))).await, "users:write")
        },
    ];

    for (reply, scope) in refused {
        reply.assert_problem(403, "insufficient_scope");
        assert!(reply.header("www-authenticate").contains(&format!("scope=\"{scope}\"")));
    }
}
