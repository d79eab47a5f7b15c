//! What admins do to accounts.

use std::time::Duration;

use portico_auth::Role;
use serde_json::{Value, json};

use crate::helpers::{PASSWORD, SignedIn, TestApp};

fn path(of: &SignedIn, action: &str) -> String {
    format!("/v1/auth/accounts/{}{action}", of.claims()["sub"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn new_roles_void_the_old_tokens_and_come_with_the_next() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    let ada = app.signed_in("ada@example.com", Role::Editor).await;
    let seen = admin.client.get(&path(&ada, "")).await;

    let changed = admin.put(&path(&ada, "/roles"), Some(seen.etag()), json!({ "roles": ["customer"] })).await;
    let renewed = app.holder(&app.refresh(&ada.refresh_token).await);

    assert_eq!((seen.status.as_u16(), &seen.body["roles"]), (200, &json!(["editor"])));
    assert_eq!((changed.status.as_u16(), &changed.body["roles"]), (200, &json!(["customer"])));
    assert_ne!(changed.etag(), seen.etag());
    assert!(!ada.is_let_in().await);
    assert_eq!(renewed.claims()["scope"], "profile:read profile:write");
    assert!(renewed.is_let_in().await);
    let feed = app.internal().get("/internal/v1/revocations").await;
    let not_before = feed.body["items"][0]["not_before"].as_i64().unwrap();
    assert!(ada.claims()["iat"].as_i64().unwrap() < not_before);
    assert!(renewed.claims()["iat"].as_i64().unwrap() >= not_before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_made_between_two_changes_in_one_second_is_void_after_the_second() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    admin.put(&path(&ada, "/roles"), Some("*"), json!({ "roles": ["editor"] })).await;
    let editor = app.holder(&app.refresh(&ada.refresh_token).await);

    let changed = admin.put(&path(&ada, "/roles"), Some("*"), json!({ "roles": ["customer"] })).await;
    let customer = app.holder(&app.refresh(&editor.refresh_token).await);

    assert_eq!(changed.status, 200);
    assert!(!editor.is_let_in().await);
    assert!(customer.is_let_in().await);
    let feed = app.internal().get("/internal/v1/revocations").await;
    let not_before =
        feed.body["items"].as_array().unwrap().iter().map(|item| item["not_before"].as_i64()).max().unwrap();
    assert!(editor.claims()["iat"].as_i64() < not_before);
    assert!(customer.claims()["iat"].as_i64() >= not_before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_made_while_a_change_of_roles_waits_is_void_after_it() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    let ada = app.signed_in("ada@example.com", Role::Editor).await;
    let mut holder = app.db.pool.begin().await.unwrap();
    let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *holder).await.unwrap();
    sqlx::query("SELECT FROM accounts WHERE email = 'ada@example.com' FOR SHARE").execute(&mut *holder).await.unwrap();
    let is_waited_for = async || -> bool {
        let waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid)))";
        sqlx::query_scalar(waiting).bind(process).fetch_one(&app.db.pool).await.unwrap()
    };

    let roles_path = path(&ada, "/roles");
    let change = admin.put(&roles_path, Some("*"), json!({ "roles": ["customer"] }));
    let meanwhile = async {
        while !is_waited_for().await {
            tokio::task::yield_now().await;
        }
        app.advance(Duration::from_secs(5));
        let editor = app.holder(&app.refresh(&ada.refresh_token).await);
        holder.commit().await.unwrap();
        editor
    };
    let (changed, editor) = tokio::join!(change, meanwhile);

    assert_eq!(changed.status, 200);
    assert_eq!(editor.claims()["roles"], json!(["editor"]));
    assert!(!editor.is_let_in().await);
    let customer = app.holder(&app.refresh(&editor.refresh_token).await);
    assert_eq!(customer.claims()["roles"], json!(["customer"]));
    assert!(customer.is_let_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_set_on_the_version_the_admin_has_seen() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let roles = |role: &str| json!({ "roles": [role] });

    let blind = admin.put(&path(&ada, "/roles"), None, roles("editor")).await;
    let first = admin.put(&path(&ada, "/roles"), Some("\"1\""), roles("editor")).await;
    let stale = admin.put(&path(&ada, "/roles"), Some("\"1\""), roles("admin")).await;

    blind.assert_problem(428, "precondition_required");
    assert_eq!(first.status, 200);
    stale.assert_problem(412, "version_mismatch");
    assert_eq!(stale.etag(), first.etag());
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_do_not_exist_are_refused() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;

    for body in [json!({ "roles": [] }), json!({ "roles": ["root"] }), json!({ "roles": "admin" }), json!({})] {
        let refused = admin.put(&path(&ada, "/roles"), Some("*"), body).await;

        refused.assert_problem(422, "validation_failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_is_out_at_once_and_comes_back_when_unlocked() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;

    let locked = admin.client.post(&path(&ada, "/lock"), json!({})).await;
    let again = admin.client.post(&path(&ada, "/lock"), json!({})).await;
    let right = app.try_login("ada@example.com", PASSWORD).await;
    let wrong = app.try_login("ada@example.com", "not the password").await;
    let unlocked = admin.client.post(&path(&ada, "/unlock"), json!({})).await;

    assert_eq!((locked.status.as_u16(), &locked.body["status"]), (200, &json!("locked")));
    assert_eq!(again.etag(), locked.etag());
    assert!(!ada.is_let_in().await);
    app.refresh(&ada.refresh_token).await.assert_problem(400, "invalid_grant");
    right.assert_problem(403, "account_locked");
    wrong.assert_problem(401, "invalid_credentials");
    assert_eq!((unlocked.status.as_u16(), &unlocked.body["status"]), (200, &json!("active")));
    assert_eq!(app.try_login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_cannot_lock_themselves_out() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;

    let lock = admin.client.post(&path(&admin, "/lock"), json!({})).await;
    let roles = admin.put(&path(&admin, "/roles"), Some("*"), json!({ "roles": ["customer"] })).await;

    lock.assert_problem(409, "own_account");
    roles.assert_problem(409, "own_account");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_manage_accounts() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Editor).await;

    for reply in [
        ada.client.get("/v1/auth/accounts").await,
        ada.client.get(&path(&ada, "")).await,
        ada.put(&path(&ada, "/roles"), Some("*"), json!({ "roles": ["admin"] })).await,
        ada.client.post(&path(&ada, "/lock"), json!({})).await,
        ada.client.post(&path(&ada, "/unlock"), json!({})).await,
    ] {
        reply.assert_problem(403, "insufficient_scope");
        assert!(reply.header("www-authenticate").contains("scope=\"accounts:write\""));
    }
    app.client.get("/v1/auth/accounts").await.assert_problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_by_page_and_found_by_address() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    for number in 0..4 {
        app.advance(Duration::from_secs(1));
        app.account(&format!("user{number}@example.com"), Role::Customer).await;
    }
    let emails = |body: &Value| -> Vec<String> {
        body["items"].as_array().unwrap().iter().map(|item| item["email"].as_str().unwrap().to_owned()).collect()
    };

    let first = admin.client.get("/v1/auth/accounts?limit=3").await.body;
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    let second = admin.client.get(&format!("/v1/auth/accounts?limit=3&cursor={cursor}")).await.body;
    let found = admin.client.get("/v1/auth/accounts?email=USER2%40example.com").await.body;
    let mismatch = admin.client.get(&format!("/v1/auth/accounts?email=a%40b.de&cursor={cursor}")).await;

    assert_eq!(emails(&first), ["user3@example.com", "user2@example.com", "user1@example.com"]);
    assert_eq!(emails(&second), ["user0@example.com", "admin@example.com"]);
    assert_eq!(emails(&found), ["user2@example.com"]);
    mismatch.assert_problem(400, "cursor_mismatch");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_did_not_change_is_not_sent_again() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    let seen = admin.client.get(&path(&admin, "")).await;

    let request = admin.client.request(reqwest::Method::GET, &path(&admin, "")).header("if-none-match", seen.etag());
    let again = admin.client.send(request).await;

    assert_eq!(again.status, 304);
    admin.client.get("/v1/auth/accounts/0192f0c1-2345-7abc-8def-0123456789ab").await.assert_problem(404, "not_found");
}
