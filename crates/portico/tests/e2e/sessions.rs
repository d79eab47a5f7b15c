//! What ends a session ends its access tokens at the gateway within a second, through the real feed.

use std::time::Duration;

use portico_testkit::{Client, RunningService};
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::TestSuite;

const PROMISED: Duration = Duration::from_secs(1);
const OLD: &str = "correct-horse-battery-staple";
const NEW: &str = "incorrect-zebra-capacitor-clip";

/// A suite, and a gateway of which the metrics can be read.
async fn start() -> (TestSuite, RunningService) {
    let suite = TestSuite::start().await;
    let gateway = suite.another_gateway().await;
    (suite, gateway)
}

/// Somebody who has just registered, with the token of a first login.
async fn registered(suite: &TestSuite, gateway: &RunningService, email: &str) -> (Client, Value) {
    let api = gateway.client();
    let account = json!({ "email": email, "password": OLD, "display_name": "Somebody" });
    assert_eq!(api.post("/v1/auth/register", account).await.status, 202);
    let code = suite.code_for(email).await;
    assert_eq!(api.post("/v1/auth/email/verify", json!({ "email": email, "code": code })).await.status, 204);
    login(gateway, email, OLD).await
}

async fn login(gateway: &RunningService, email: &str, password: &str) -> (Client, Value) {
    let reply = gateway.client().post("/v1/auth/login", json!({ "email": email, "password": password })).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let client = gateway.client().with_token(reply.body["access_token"].as_str().unwrap());
    assert_eq!(client.get("/v1/users/me").await.status, 200);
    (client, reply.body)
}

/// The id of an account, as the admin sees it.
async fn id_of(admin: &Client, email: &str) -> String {
    let accounts = admin.get(&format!("/v1/auth/accounts?email={email}")).await;
    accounts.body["items"][0]["id"].as_str().expect("an account").to_owned()
}

/// Waits until the gateway refuses the token: the user service, which also does, may have heard of it first.
async fn refused(suite: &TestSuite, gateway: &RunningService, client: &Client, why: &str) {
    let is_refused_by_gateway = async || {
        let before = revoked(gateway).await;
        client.get("/v1/users/me").await.status == 401 && revoked(gateway).await == before + 1
    };
    suite.until(why, PROMISED, is_refused_by_gateway).await;
    client.get("/v1/users/me").await.assert_problem(401, "invalid_token");
}

/// How many requests the gateway has refused for a revoked token.
async fn revoked(gateway: &RunningService) -> usize {
    let metrics = Client::new(gateway.internal).get("/metrics").await;
    let text = String::from_utf8(metrics.bytes).unwrap();
    let series = "portico_gateway_refusals_total{code=\"invalid_token\",reason=\"jwt_revoked\"} ";
    text.lines().find_map(|line| line.strip_prefix(series)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn logging_out_ends_the_token_of_that_session_only() {
    let (suite, gateway) = start().await;
    let (leaving, _) = registered(&suite, &gateway, "ada@example.com").await;
    let (staying, _) = login(&gateway, "ada@example.com", OLD).await;

    assert_eq!(leaving.post("/v1/auth/logout", json!({})).await.status, 204);

    refused(&suite, &gateway, &leaving, "logged out").await;
    assert_eq!(staying.get("/v1/users/me").await.status, 200);
    assert_eq!(staying.post("/v1/auth/logout", json!({ "everywhere": true })).await.status, 204);
    refused(&suite, &gateway, &staying, "logged out everywhere").await;
}

#[tokio::test]
async fn a_password_that_was_reset_ends_all_tokens() {
    let (suite, gateway) = start().await;
    let (first, _) = registered(&suite, &gateway, "ada@example.com").await;
    let (second, _) = login(&gateway, "ada@example.com", OLD).await;
    let before = suite.code_for("ada@example.com").await;
    let forgot = gateway.client().post("/v1/auth/password/forgot", json!({ "email": "ada@example.com" })).await;
    assert_eq!(forgot.status, 202);
    suite
        .until("the mail arrived", Duration::from_secs(10), async || suite.code_for("ada@example.com").await != before)
        .await;
    let code = suite.code_for("ada@example.com").await;

    let reset = json!({ "email": "ada@example.com", "code": code, "new_password": NEW });
    assert_eq!(gateway.client().post("/v1/auth/password/reset", reset).await.status, 204);

    refused(&suite, &gateway, &first, "the password was reset").await;
    refused(&suite, &gateway, &second, "the password was reset").await;
    login(&gateway, "ada@example.com", NEW).await;
}

#[tokio::test]
async fn new_roles_end_the_tokens_with_the_old_ones() {
    let (suite, gateway) = start().await;
    let admin = suite.client_as("admin").await;
    let (editor, tokens) = registered(&suite, &gateway, "ada@example.com").await;
    let path = format!("/v1/auth/accounts/{}/roles", id_of(&admin, "ada@example.com").await);

    let request = admin.request(Method::PUT, &path).header("if-match", "*").json(&json!({ "roles": ["editor"] }));
    assert_eq!(admin.send(request).await.status, 200);

    refused(&suite, &gateway, &editor, "the roles have changed").await;
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let refreshed = gateway.client().post("/v1/auth/refresh", refresh).await;
    let editor = gateway.client().with_token(refreshed.body["access_token"].as_str().unwrap());
    assert_eq!(editor.get("/v1/users/me").await.status, 200);
}

#[tokio::test]
async fn a_locked_account_is_out_and_comes_back_with_a_new_login() {
    let (suite, gateway) = start().await;
    let admin = suite.client_as("admin").await;
    let (customer, _) = registered(&suite, &gateway, "ada@example.com").await;
    let path = format!("/v1/auth/accounts/{}", id_of(&admin, "ada@example.com").await);

    assert_eq!(admin.post(&format!("{path}/lock"), json!({})).await.status, 200);

    refused(&suite, &gateway, &customer, "the account was locked").await;
    assert_eq!(admin.post(&format!("{path}/unlock"), json!({})).await.status, 200);
    login(&gateway, "ada@example.com", OLD).await;
    assert_eq!(customer.get("/v1/users/me").await.status, 401);
}
