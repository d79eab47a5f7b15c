//! Changing, forgetting and resetting a password, and the gate before hashing.

use std::time::Duration;

use futures_util::future::join_all;
use portico_auth::Role;
use serde_json::json;

use crate::helpers::{OTHER_PASSWORD, PASSWORD, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_other_sessions() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let other = app.login("ada@example.com").await;
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });

    let changed = ada.put("/v1/auth/password", None, body).await;

    assert_eq!(changed.status, 204);
    assert!(ada.is_let_in().await);
    assert!(!other.is_let_in().await);
    app.refresh(&other.refresh_token).await.assert_problem(400, "invalid_grant");
    app.try_login("ada@example.com", PASSWORD).await.assert_problem(401, "invalid_credentials");
    assert_eq!(app.try_login("ada@example.com", OTHER_PASSWORD).await.status, 200);
    assert_eq!(app.mailbox.wait_for("ada@example.com", 1).await[0].subject, "Your password was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_needs_the_current_password_and_a_good_new_one() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    for (current, new, pointer, code) in [
        (OTHER_PASSWORD, "another violet orbit saddle", "/current_password", "wrong"),
        (PASSWORD, PASSWORD, "/new_password", "unchanged"),
        (PASSWORD, "short", "/new_password", "too_short"),
        (PASSWORD, "ada@example.com.", "/new_password", "too_guessable"),
    ] {
        let body = json!({ "current_password": current, "new_password": new });

        let refused = ada.put("/v1/auth/password", None, body).await;

        refused.assert_problem(422, "validation_failed");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer);
        assert_eq!(refused.body["errors"][0]["code"], code);
    }
    assert_eq!(app.try_login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_session_cannot_be_used_to_guess_the_password() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let body = json!({ "current_password": OTHER_PASSWORD, "new_password": "another violet orbit saddle" });
    for _ in 0..10 {
        ada.put("/v1/auth/password", None, body.clone()).await;
    }

    let slowed = ada.put("/v1/auth/password", None, body).await;

    slowed.assert_problem(429, "too_many_attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_sets_the_password_and_ends_all_sessions() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let asked = app.client.post("/v1/auth/password/forgot", json!({ "email": "ada@example.com" })).await;
    let code = app.code("ada@example.com", 1).await;
    let body = json!({ "email": "ada@example.com", "code": code, "new_password": OTHER_PASSWORD });

    let reset = app.client.post("/v1/auth/password/reset", body.clone()).await;
    let again = app.client.post("/v1/auth/password/reset", body).await;

    assert_eq!((asked.status.as_u16(), &asked.body), (202, &json!({ "status": "reset_requested" })));
    assert_eq!(reset.status, 204);
    again.assert_problem(400, "invalid_code");
    assert!(!ada.is_let_in().await);
    app.refresh(&ada.refresh_token).await.assert_problem(400, "invalid_grant");
    app.try_login("ada@example.com", PASSWORD).await.assert_problem(401, "invalid_credentials");
    assert_eq!(app.try_login("ada@example.com", OTHER_PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_new_password_does_not_use_up_the_code() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Customer).await;
    app.client.post("/v1/auth/password/forgot", json!({ "email": "ada@example.com" })).await;
    let code = app.code("ada@example.com", 1).await;
    let reset = async |password: &str| {
        let body = json!({ "email": "ada@example.com", "code": code, "new_password": password });
        app.client.post("/v1/auth/password/reset", body).await
    };

    let refused = reset("password").await;
    let taken = reset(OTHER_PASSWORD).await;

    refused.assert_problem(422, "validation_failed");
    assert_eq!(taken.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_new_password_neither_counts_as_a_guess_nor_allows_more_of_them() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Customer).await;
    let reset = async |password: &str| {
        let body = json!({ "email": "ada@example.com", "code": "2222-2222", "new_password": password });
        app.client.post("/v1/auth/password/reset", body).await
    };

    for _ in 0..4 {
        reset(OTHER_PASSWORD).await.assert_problem(400, "invalid_code");
    }
    let weak = reset("password").await;
    let fifth = reset(OTHER_PASSWORD).await;
    let sixth = reset(OTHER_PASSWORD).await;
    let weak_again = reset("password").await;

    weak.assert_problem(422, "validation_failed");
    fifth.assert_problem(400, "invalid_code");
    sixth.assert_problem(429, "too_many_attempts");
    weak_again.assert_problem(429, "too_many_attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_voids_the_codes_to_reset_it() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    app.client.post("/v1/auth/password/forgot", json!({ "email": "ada@example.com" })).await;
    let code = app.code("ada@example.com", 1).await;
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });

    let changed = ada.put("/v1/auth/password", None, body).await;
    let body = json!({ "email": "ada@example.com", "code": code, "new_password": "another violet orbit saddle" });
    let reset = app.client.post("/v1/auth/password/reset", body).await;

    assert_eq!(changed.status, 204);
    reset.assert_problem(400, "invalid_code");
    assert_eq!(app.try_login("ada@example.com", OTHER_PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_code_expires_and_does_not_verify_an_address() {
    let app = TestApp::start().await;
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    app.mailbox.wait_for("ada@example.com", 1).await;
    app.client.post("/v1/auth/password/forgot", json!({ "email": "ada@example.com" })).await;
    let code = app.code("ada@example.com", 2).await;

    let verify = json!({ "email": "ada@example.com", "code": code });
    app.client.post("/v1/auth/email/verify", verify).await.assert_problem(400, "invalid_code");
    app.advance(Duration::from_mins(10));
    let body = json!({ "email": "ada@example.com", "code": code, "new_password": OTHER_PASSWORD });
    app.client.post("/v1/auth/password/reset", body).await.assert_problem(400, "invalid_code");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_mailed_who_has_no_account() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Customer).await;

    app.client.post("/v1/auth/password/forgot", json!({ "email": "nobody@example.com" })).await;
    app.client.post("/v1/auth/password/forgot", json!({ "email": "ada@example.com" })).await;

    app.mailbox.wait_for("ada@example.com", 1).await;
    app.all_letters_delivered().await;
    assert!(app.mailbox.messages(Some("nobody@example.com")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_follows_the_costs_at_the_next_login() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Customer).await;
    let dearer = app.replica(|config| config.passwords.argon2_memory_kib = 20_480).await;
    let stored = async || -> String {
        sqlx::query_scalar("SELECT password_hash FROM accounts").fetch_one(&app.db.pool).await.unwrap()
    };
    let before = stored().await;

    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let login = dearer.client().post("/v1/auth/login", body.clone()).await;
    let after = stored().await;
    let second = dearer.client().post("/v1/auth/login", body).await;

    assert_eq!((login.status, second.status), (200.try_into().unwrap(), 200.try_into().unwrap()));
    assert!(before.starts_with("$argon2id$v=19$m=19456,t=2,p=1"), "{before}");
    assert!(after.starts_with("$argon2id$v=19$m=20480,t=2,p=1"), "{after}");
    assert_eq!(stored().await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_logins_than_can_be_hashed_are_told_to_come_back() {
    let app = TestApp::start_with(|config| {
        config.passwords.hash_concurrency = Some(1);
        config.passwords.hash_queue = 2;
    })
    .await;
    app.account("ada@example.com", Role::Customer).await;

    let logins = (0..60).map(|number| {
        let body = json!({ "email": format!("user{number}@example.com"), "password": PASSWORD });
        app.client.post("/v1/auth/register", body)
    });
    let replies = join_all(logins).await;

    let (taken, turned_away): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 202);
    assert!(!taken.is_empty() && !turned_away.is_empty());
    for reply in &turned_away {
        reply.assert_problem(503, "password_gate_busy");
        assert_eq!(reply.header("retry-after"), "1");
    }
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM accounts").fetch_one(&app.db.pool).await.unwrap();
    assert_eq!(usize::try_from(written).unwrap(), taken.len() + 1);
}
