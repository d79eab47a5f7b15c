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
async fn a_code_asked_for_again_is_for_the_first_registration() {
    let app = TestApp::start().await;
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    app.mailbox.wait_for("ada@example.com", 1).await;
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": OTHER_PASSWORD })).await;
    app.mailbox.wait_for("ada@example.com", 2).await;
    app.client.post("/v1/auth/email/resend", json!({ "email": "ada@example.com" })).await;
    let code = app.code("ada@example.com", 3).await;

    let verified = app.client.post("/v1/auth/email/verify", json!({ "email": "ada@example.com", "code": code })).await;

    assert_eq!(verified.status, 204);
    assert_eq!(app.try_login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_whose_codes_have_expired_gives_way_to_the_next() {
    let app = TestApp::start().await;
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    app.mailbox.wait_for("ada@example.com", 1).await;
    app.advance(Duration::from_mins(15));
    app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": OTHER_PASSWORD })).await;
    app.mailbox.wait_for("ada@example.com", 2).await;
    app.client.post("/v1/auth/email/resend", json!({ "email": "ada@example.com" })).await;
    let code = app.code("ada@example.com", 3).await;

    app.client.post("/v1/auth/email/verify", json!({ "email": "ada@example.com", "code": code })).await;

    assert_eq!(app.try_login("ada@example.com", OTHER_PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_nobody_verifies_is_forgotten_after_a_week() {
    let app = TestApp::start().await;
    app.account("ada@example.com", Role::Customer).await;
    app.client.post("/v1/auth/register", json!({ "email": "bob@example.com", "password": PASSWORD })).await;
    app.mailbox.wait_for("bob@example.com", 1).await;
    // The code in it is kept when the letter has gone: not after the week that follows.
    app.all_letters_delivered().await;
    let known = async || -> Vec<String> {
        sqlx::query_scalar("SELECT email FROM accounts ORDER BY email").fetch_all(&app.db.pool).await.unwrap()
    };
    app.advance(Duration::from_hours(7 * 24) + Duration::from_secs(1));

    // Every process sweeps when it starts.
    let _replica = app.replica(|_| {}).await;
    while known().await.len() > 1 {
        tokio::task::yield_now().await;
    }

    assert_eq!(known().await, ["ada@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_slowed_down_whatever_it_asks_for() {
    let app = TestApp::start().await;
    let ask = async |ip: &str, path: &str| post_from(&app.client, ip, path, json!({ "email": "nobody" })).await;

    for number in 0..300 {
        let reply = ask(&format!("2001:db8::{number:x}"), "/v1/auth/email/resend").await;
        reply.assert_problem(422, "validation_failed");
    }

    for path in ["/v1/auth/email/resend", "/v1/auth/password/forgot"] {
        ask("2001:db8::1", path).await.assert_problem(429, "too_many_attempts");
        ask("2001:db8:0:1::1", path).await.assert_problem(422, "validation_failed");
    }
    for (path, body) in [
        ("/v1/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })),
        ("/v1/auth/email/verify", json!({ "email": "ada@example.com", "code": "2222-2222" })),
        (
            "/v1/auth/password/reset",
            json!({ "email": "ada@example.com", "code": "2222-2222", "new_password": PASSWORD }),
        ),
    ] {
        post_from(&app.client, "2001:db8::2", path, body).await.assert_problem(429, "too_many_attempts");
    }
    app.account("ada@example.com", Role::Customer).await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(post_from(&app.client, "2001:db8::1", "/v1/auth/login", body).await.status, 200);
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
async fn whoever_needs_many_tries_to_find_a_good_password_still_registers() {
    let app = TestApp::start().await;
    let register = async |password: &str| {
        app.client.post("/v1/auth/register", json!({ "email": "ada@example.com", "password": password })).await
    };

    for _ in 0..6 {
        register("password").await.assert_problem(422, "validation_failed");
    }

    assert_eq!(register(PASSWORD).await.status, 202);
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
