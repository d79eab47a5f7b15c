//! What a user does in the first hour.

use std::time::Duration;

use serde_json::json;

use crate::helpers::TestSuite;

#[tokio::test]
async fn from_a_new_account_to_refused_tokens() {
    first_hour(&TestSuite::start().await).await;
}

pub async fn first_hour(suite: &TestSuite) {
    let api = suite.client();

    let credentials = json!({ "email": "ada@example.com", "password": "correct-horse-battery-staple" });
    let account =
        json!({ "email": "ada@example.com", "password": "correct-horse-battery-staple", "display_name": "Ada" });
    assert_eq!(api.post("/v1/auth/register", account).await.status, 202);
    api.post("/v1/auth/login", credentials.clone()).await.assert_problem(403, "email_not_verified");
    let code = suite.code_for("ada@example.com").await;
    let verified = api.post("/v1/auth/email/verify", json!({ "email": "ada@example.com", "code": code })).await;
    assert_eq!(verified.status, 204);
    let tokens = api.post("/v1/auth/login", credentials).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    let customer = api.with_token(tokens.body["access_token"].as_str().unwrap());
    let me = customer.get("/v1/users/me").await;
    assert_eq!((me.status.as_u16(), &me.body["email"]), (200, &json!("ada@example.com")));
    assert_eq!(me.body["display_name"], "Ada");

    let scarf = json!({
        "slug": "wool-scarf", "title": "Wool scarf", "attributes": { "color": "teal" },
        "variants": [{ "sku": "WS-1", "prices": [{ "amount_minor": 1999, "currency": "EUR" }] }],
    });
    customer.post("/v1/products", scarf.clone()).await.assert_problem(403, "insufficient_scope");
    api.post("/v1/products", scarf.clone()).await.assert_problem(401, "unauthenticated");

    let login = suite.login("editor").await;
    let editor = api.with_token(login["access_token"].as_str().unwrap());
    let created = editor.post("/v1/products", scarf).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let path = created.header("location").to_owned();
    let patched = editor.patch(&path, created.etag(), json!({ "title": "Wool scarf XL" })).await;
    assert_eq!((patched.status.as_u16(), &patched.body["title"]), (200, &json!("Wool scarf XL")));
    editor.patch(&path, created.etag(), json!({ "title": "late" })).await.assert_problem(412, "version_mismatch");
    api.get(&path).await.assert_problem(404, "not_found");
    assert_eq!(editor.post(&format!("{path}/publish"), json!({})).await.status, 200);
    assert_eq!(api.get(&path).await.status, 200);
    let listed = api.get("/v1/products?sort=-created_at&limit=5").await;
    assert_eq!(listed.body["items"][0]["slug"], "wool-scarf");
    let found = api.get("/v1/search?q=scarf").await;
    assert_eq!(found.body["items"][0]["slug"], "wool-scarf");

    let refreshed = api.post("/v1/auth/refresh", json!({ "refresh_token": login["refresh_token"] })).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    let renewed = api.with_token(refreshed.body["access_token"].as_str().unwrap());
    assert_eq!(renewed.get("/v1/users/me").await.status, 200);
    assert_eq!(renewed.post("/v1/auth/logout", json!({})).await.status, 204);
    let dead = json!({ "refresh_token": refreshed.body["refresh_token"] });
    api.post("/v1/auth/refresh", dead).await.assert_problem(400, "invalid_grant");
    suite
        .until("the access tokens are refused", Duration::from_secs(5), async || {
            let (old, new) = (editor.get("/v1/users/me").await, renewed.get("/v1/users/me").await);
            (old.status, new.status) == (reqwest::StatusCode::UNAUTHORIZED, reqwest::StatusCode::UNAUTHORIZED)
        })
        .await;
    renewed.get("/v1/users/me").await.assert_problem(401, "invalid_token");
}

#[tokio::test]
async fn an_admin_sees_accounts_and_their_roles() {
    let suite = TestSuite::start().await;
    let admin = suite.client_as("admin").await;

    suite
        .until("the events of all demo accounts arrived", Duration::from_secs(10), async || {
            let users = admin.get("/v1/users?sort=email").await;
            let emails =
                users.body["items"].as_array().unwrap().iter().map(|user| user["email"].clone()).collect::<Vec<_>>();
            emails == ["admin@portico.localhost", "customer@portico.localhost", "editor@portico.localhost"]
        })
        .await;

    suite.client_as("customer").await.get("/v1/users").await.assert_problem(403, "insufficient_scope");
}
