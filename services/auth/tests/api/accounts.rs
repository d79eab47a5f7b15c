//! Registering and verifying an address.

use std::time::Duration;

use portico_auth::Role;
use portico_testkit::Reply;
use serde_json::json;

use crate::helpers::{OTHER_PASSWORD, PASSWORD, TestApp, as_hex, post_from};

/// All that a caller sees of an answer, without what names the one request.
fn visible(reply: &Reply) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let is_own = |name: &str| matches!(name, "x-request-id" | "date");
    let headers = reply.headers.iter().filter(|(name, _)| !is_own(name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (reply.status.as_u16(), headers.collect(), reply.bytes.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_signs_in_once_its_address_is_verified() {
    let app = TestApp::start().await;
    let body = json!({ "email": " Ada@Example.com ", "password": PASSWORD, "display_name": "Ada" });

    let registered = app.client.post("/v1/auth/register", body).await;
    let too_early = app.try_login("ada@example.com", PASSWORD).await;
    let wrong = app.try_login("ada@example.com", OTHER_PASSWORD).await;
    let code = app.code("ada@example.com", 1).await;
    let verified = app
        .client
        .post("/v1/auth/email/verify", json!({ "email": "ADA@example.com", "code": code.to_lowercase() }))
        .await;
    let ada = app.login("ada@example.com").await;

    assert_eq!((registered.status.as_u16(), &registered.body), (202, &json!({ "status": "verification_sent" })));
    too_early.assert_problem(403, "email_not_verified");
    wrong.assert_problem(401, "invalid_credentials");
    assert_eq!(verified.status, 204);
    assert_eq!(ada.claims()["name"], "Ada");
    assert_eq!(ada.claims()["email_verified"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_has_a_code_and_a_link_with_it() {
    let app = TestApp::start().await;

    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })).await;

    let mail = app.mailbox.wait_for("ada@example.com", 1).await.remove(0);
    assert!(mail.text.contains(&mail.codes[0]));
    assert_eq!(
        mail.links,
        [format!("https://app.example.com/verify-email?email=ada%40example.com&code={}", mail.codes[0])]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_and_only_for_its_address() {
    let app = TestApp::start().await;
    for email in ["ada@example.com", "bob@example.com"] {
        app.client.post("/v1/auth/register", json!({ "email": email, "password": PASSWORD })).await;
    }
    let code = app.code("ada@example.com", 1).await;
    let verify =
        async |email: &str| app.client.post("/v1/auth/email/verify", json!({ "email": email, "code": code })).await;

    let of_another = verify("bob@example.com").await;
    let of_nobody = verify("nobody@example.com").await;
    let first = verify("ada@example.com").await;
    let second = verify("ada@example.com").await;

    of_another.assert_problem(400, "invalid_code");
    of_nobody.assert_problem(400, "invalid_code");
    assert_eq!(first.status, 204);
    second.assert_problem(400, "invalid_code");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_expires_and_a_new_one_can_be_had() {
    let app = TestApp::start().await;
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    let old = app.code("ada@example.com", 1).await;
    app.advance(Duration::from_mins(15));

    let late = app.client.post("/v1/auth/email/verify", json!({ "email": "ada@example.com", "code": old })).await;
    app.client.post("/v1/auth/email/resend", json!({ "email": "ada@example.com" })).await;
    let new = app.code("ada@example.com", 2).await;
    let verified = app.client.post("/v1/auth/email/verify", json!({ "email": "ada@example.com", "code": new })).await;

    late.assert_problem(400, "invalid_code");
    assert_eq!(verified.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_code_is_slowed_down_per_source_and_ends_the_code() {
    let app = TestApp::start().await;
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    let code = app.code("ada@example.com", 1).await;
    let guess = async |ip: &str, code: &str| {
        let body = json!({ "email": "ada@example.com", "code": code });
        post_from(&app.client, ip, "/v1/auth/email/verify", body).await
    };

    for _ in 0..5 {
        guess("192.0.2.1", "2222-2222").await.assert_problem(400, "invalid_code");
    }
    let slowed = guess("192.0.2.1", &code).await;
    for _ in 0..5 {
        guess("192.0.2.2", "2222-2222").await.assert_problem(400, "invalid_code");
    }
    let used_up = guess("192.0.2.3", &code).await;

    slowed.assert_problem(429, "too_many_attempts");
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() > 0);
    used_up.assert_problem(400, "invalid_code");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_from_an_answer_whether_an_address_has_an_account() {
    let app = TestApp::start().await;
    app.account("known@example.com", Role::Customer).await;
    for (path, known, unknown) in [
        (
            "/v1/auth/register",
            json!({ "email": "known@example.com", "password": OTHER_PASSWORD }),
            json!({ "email": "other@example.com", "password": OTHER_PASSWORD }),
        ),
        ("/v1/auth/email/resend", json!({ "email": "known@example.com" }), json!({ "email": "wholly@example.com" })),
        (
            "/v1/auth/password/forgot",
            json!({ "email": "known@example.com" }),
            json!({ "email": "unheard@example.com" }),
        ),
    ] {
        let known = app.client.post(path, known).await;
        let unknown = app.client.post(path, unknown).await;

        assert_eq!(known.status, 202, "{path}");
        assert_eq!(visible(&known), visible(&unknown), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_told_when_their_address_is_registered_again() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Customer).await;

    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": OTHER_PASSWORD })).await;

    let mail = app.mailbox.wait_for("ada@example.com", 1).await.remove(0);
    assert_eq!(mail.subject, "You have an account already");
    assert!(mail.codes.is_empty());
    app.try_login("ada@example.com", OTHER_PASSWORD).await.assert_problem(401, "invalid_credentials");
    assert_eq!(app.try_login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_registration_cannot_slip_its_password_under_the_first_code() {
    let app = TestApp::start().await;
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    let code = app.code("ada@example.com", 1).await;
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": OTHER_PASSWORD })).await;
    app.mailbox.wait_for("ada@example.com", 2).await;

    let verified = app.client.post("/v1/auth/email/verify", json!({ "email": "ada@example.com", "code": code })).await;

    assert_eq!(verified.status, 204);
    assert_eq!(app.try_login("ada@example.com", PASSWORD).await.status, 200);
    app.try_login("ada@example.com", OTHER_PASSWORD).await.assert_problem(401, "invalid_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_registration_is_told_at_once() {
    let app = TestApp::start().await;
    let body = json!({ "email": "nobody", "password": "short", "display_name": " " });

    let refused = app.client.post("/v1/auth/register", body).await;

    refused.assert_problem(422, "validation_failed");
    let errors = refused.body["errors"].as_array().unwrap();
    let told: Vec<_> =
        errors.iter().map(|error| (error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap())).collect();
    assert_eq!(told, [("/email", "email"), ("/display_name", "length"), ("/password", "too_short")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_cannot_be_flooded() {
    let app = TestApp::start().await;
    let ask = async |ip: &str| {
        post_from(&app.client, ip, "/v1/auth/password/forgot", json!({ "email": "ada@example.com" })).await
    };

    for _ in 0..5 {
        assert_eq!(ask("192.0.2.1").await.status, 202);
    }

    ask("192.0.2.1").await.assert_problem(429, "too_many_attempts");
    assert_eq!(ask("192.0.2.2").await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_rests_in_the_database_as_it_was_mailed() {
    let app = TestApp::start().await;
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    let code = app.code("ada@example.com", 1).await.replace('-', "");

    let rows: Vec<String> = sqlx::query_scalar("SELECT codes::text FROM codes").fetch_all(&app.db.pool).await.unwrap();

    assert_eq!(rows.len(), 1);
    assert!(!rows[0].contains(&code) && !rows[0].contains(&as_hex(&code)));
}
