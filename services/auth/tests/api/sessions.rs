//! Signing in and out, and the list of devices.

use std::time::Duration;

use portico_auth::Role;
use serde_json::json;

use crate::helpers::{ISSUER, OTHER_PASSWORD, PASSWORD, TestApp, post_from};

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_gives_a_token_that_says_who_may_do_what() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Editor).await;

    let reply = app.try_login("ada@example.com", PASSWORD).await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.body["token_type"], "Bearer");
    assert_eq!(reply.body["expires_in"], 600);
    assert_eq!(reply.body["refresh_expires_in"], 14 * 24 * 3600);
    assert_eq!(reply.body["scope"], "profile:read profile:write products:write products:read_all");
    let (header, claims) = (app.holder(&reply).header(), app.holder(&reply).claims());
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    let now = app.now().timestamp();
    let expected = json!({
        "iss": ISSUER, "aud": "portico", "client_id": "portico", "iat": now, "nbf": now, "exp": now + 600,
        "auth_time": now, "roles": ["editor"], "scope": reply.body["scope"], "email": "ada@example.com",
        "email_verified": true, "name": "Ada",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&claims[name], value, "{name}");
    }
    for name in ["sub", "sid", "jti"] {
        assert!(claims[name].as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Customer).await;

    let wrong = app.try_login("ada@example.com", OTHER_PASSWORD).await;
    let unknown = app.try_login("bob@example.com", OTHER_PASSWORD).await;

    wrong.assert_problem(401, "invalid_credentials");
    unknown.assert_problem(401, "invalid_credentials");
    assert_eq!(wrong.header("www-authenticate"), "Bearer");
    assert_eq!(wrong.body["detail"], unknown.body["detail"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_for_the_guesser_only() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Customer).await;
    let login = async |ip: &str, password: &str| {
        let body = json!({ "email": "ada@example.com", "password": password });
        post_from(&app.client, ip, "/v1/auth/login", body).await
    };

    for _ in 0..10 {
        login("192.0.2.66", OTHER_PASSWORD).await.assert_problem(401, "invalid_credentials");
    }
    let slowed = login("192.0.2.66", PASSWORD).await;
    let owner = login("192.0.2.1", PASSWORD).await;
    app.advance(Duration::from_mins(15));
    let later = login("192.0.2.66", PASSWORD).await;

    slowed.assert_problem(429, "too_many_attempts");
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() <= 15 * 60 + 1);
    assert_eq!(owner.status, 200);
    assert_eq!(later.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_expires() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;

    let before = ada.is_let_in().await;
    app.advance(Duration::from_secs(631));
    let after = ada.client.get("/v1/auth/sessions").await;

    assert!(before);
    after.assert_problem(401, "invalid_token");
    assert!(after.header("www-authenticate").contains("error=\"invalid_token\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_and_both_its_tokens() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let other = app.login("ada@example.com").await;

    let out = ada.client.send(ada.client.request(reqwest::Method::POST, "/v1/auth/logout")).await;

    assert_eq!(out.status, 204);
    assert!(!ada.is_let_in().await);
    app.refresh(&ada.refresh_token).await.assert_problem(400, "invalid_grant");
    assert!(other.is_let_in().await);
    assert_eq!(app.refresh(&other.refresh_token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_everywhere_ends_all_sessions() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let other = app.login("ada@example.com").await;
    let bob = app.signed_in("bob@example.com", Role::Customer).await;

    let out = ada.client.post("/v1/auth/logout", json!({ "everywhere": true })).await;

    assert_eq!(out.status, 204);
    assert!(!ada.is_let_in().await && !other.is_let_in().await);
    app.refresh(&other.refresh_token).await.assert_problem(400, "invalid_grant");
    assert!(bob.is_let_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_newest_first_and_by_page() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Customer).await;
    for _ in 0..3 {
        app.login("ada@example.com").await;
        app.advance(Duration::from_secs(1));
    }
    let ada = app.login("ada@example.com").await;

    let first = ada.client.get("/v1/auth/sessions?limit=3").await;
    let cursor = first.body["page"]["next_cursor"].as_str().unwrap();
    let last = ada.client.get(&format!("/v1/auth/sessions?limit=3&cursor={cursor}")).await;

    let items = first.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!((&items[0]["current"], &items[0]["id"]), (&json!(true), &ada.claims()["sid"]));
    assert_eq!(items[1]["current"], false);
    assert_eq!(items[0]["ip"], "127.0.0.1");
    assert!(first.header("link").contains("rel=\"next\""));
    assert_eq!(last.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(last.body["page"], json!({ "next_cursor": null, "has_more": false }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_of_no_use_to_another_account() {
    let app = TestApp::start().await;
    app.signed_in("ada@example.com", Role::Customer).await;
    let ada = app.login("ada@example.com").await;
    let bob = app.signed_in("bob@example.com", Role::Customer).await;
    let first = ada.client.get("/v1/auth/sessions?limit=1").await;
    let cursor = first.body["page"]["next_cursor"].as_str().unwrap();

    let refused = bob.client.get(&format!("/v1/auth/sessions?cursor={cursor}")).await;

    assert_eq!(refused.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_or_all_others_can_be_ended() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let (phone, tablet) = (app.login("ada@example.com").await, app.login("ada@example.com").await);
    let path = format!("/v1/auth/sessions/{}", phone.claims()["sid"].as_str().unwrap());

    let one = ada.client.delete(&path, "*").await;
    let again = ada.client.delete(&path, "*").await;
    let tablet_before = tablet.is_let_in().await;
    let others = ada.client.delete("/v1/auth/sessions", "*").await;

    assert_eq!(one.status, 204);
    again.assert_problem(404, "not_found");
    assert!(!phone.is_let_in().await);
    assert!(tablet_before);
    assert_eq!(others.status, 204);
    assert!(!tablet.is_let_in().await);
    assert!(ada.is_let_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_others_do_not_exist() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let bob = app.signed_in("bob@example.com", Role::Admin).await;
    let path = format!("/v1/auth/sessions/{}", ada.claims()["sid"].as_str().unwrap());

    let refused = bob.client.delete(&path, "*").await;

    refused.assert_problem(404, "not_found");
    assert!(ada.is_let_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ended_in_another_process_is_refused_at_once() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let replica = app.replica(|_| {}).await;

    let out = replica.client().with_token(&ada.access_token).post("/v1/auth/logout", json!({})).await;

    assert_eq!(out.status, 204);
    assert!(!ada.is_let_in().await);
}
