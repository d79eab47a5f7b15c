//! Accounts made by operators.

use std::process::Command;

use portico_auth::{Role, SeedAccount, seed_account};
use portico_common::config::Secret;
use serde_json::json;

use crate::helpers::{OTHER_PASSWORD, PASSWORD, TestApp};

fn admin(password: &str) -> SeedAccount {
    SeedAccount {
        email: "Admin@Example.com".to_owned(),
        password: Secret::new(password),
        display_name: None,
        roles: vec![Role::Admin],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn making_an_admin_twice_changes_nothing() {
    let app = TestApp::start().await;
    let make = async || seed_account(&app.db.pool, &app.config.passwords, admin(PASSWORD), app.now()).await.unwrap();
    let state = async || -> (String, i64) {
        let rows = sqlx::query_as("SELECT accounts::text, (SELECT count(*) FROM events) FROM accounts");
        rows.fetch_one(&app.db.pool).await.unwrap()
    };
    let id = make().await;
    let before = state().await;

    let again = make().await;

    assert_eq!(again, id);
    assert_eq!(state().await, before);
    assert_eq!(app.login("admin@example.com").await.claims()["roles"], json!(["admin"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_exists_is_made_an_admin() {
    let app = TestApp::start().await;
    let before = app.signed_in("admin@example.com", Role::Customer).await;

    seed_account(&app.db.pool, &app.config.passwords, admin(OTHER_PASSWORD), app.now()).await.unwrap();

    assert!(!before.is_let_in().await);
    app.try_login("admin@example.com", PASSWORD).await.assert_problem(401, "invalid_credentials");
    let after = app.login_with("admin@example.com", OTHER_PASSWORD).await;
    assert_eq!(after.claims()["sub"], before.claims()["sub"]);
    assert_eq!(after.client.get("/v1/auth/accounts").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_sessions_and_the_codes_of_the_account() {
    let app = TestApp::start().await;
    let before = app.signed_in("admin@example.com", Role::Admin).await;
    app.client.post("/v1/auth/password/forgot", json!({ "email": "admin@example.com" })).await;
    let code = app.code("admin@example.com", 1).await;

    seed_account(&app.db.pool, &app.config.passwords, admin(OTHER_PASSWORD), app.now()).await.unwrap();

    assert!(!before.is_let_in().await);
    app.refresh(&before.refresh_token).await.assert_problem(400, "invalid_grant");
    let body = json!({ "email": "admin@example.com", "code": code, "new_password": PASSWORD });
    app.client.post("/v1/auth/password/reset", body).await.assert_problem(400, "invalid_code");
    app.login_with("admin@example.com", OTHER_PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_password_leaves_the_sessions_alone() {
    let app = TestApp::start().await;
    let before = app.signed_in("admin@example.com", Role::Admin).await;

    seed_account(&app.db.pool, &app.config.passwords, admin(PASSWORD), app.now()).await.unwrap();

    assert!(before.is_let_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_waits_to_be_verified_is_announced_with_its_roles() {
    let app = TestApp::start().await;
    app.client.post("/v1/auth/register", json!({ "email": "admin@example.com", "password": OTHER_PASSWORD })).await;

    seed_account(&app.db.pool, &app.config.passwords, admin(PASSWORD), app.now()).await.unwrap();

    let kinds: Vec<String> =
        sqlx::query_scalar("SELECT type FROM events ORDER BY seq").fetch_all(&app.db.pool).await.unwrap();
    assert_eq!(kinds, ["account.created", "account.roles_changed"]);
    assert_eq!(app.login("admin@example.com").await.claims()["roles"], json!(["admin"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_when_the_account_it_made_an_admin_is_locked() {
    let app = TestApp::start().await;
    let create = || {
        let output = Command::new(env!("CARGO_BIN_EXE_portico-auth"))
            .args(["create-admin", "--email", "admin@example.com"])
            .env("DATABASE_URL", app.config.database.database_url.expose())
            .env("DATABASE_SCHEMA", app.config.database.database_schema.as_deref().unwrap())
            .env("PASSWORD_PEPPER", app.config.passwords.password_pepper.expose())
            .env("ADMIN_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };

    let open = create();
    sqlx::query("UPDATE accounts SET locked_at = now()").execute(&app.db.pool).await.unwrap();
    let locked = create();

    assert!(open.contains("is an admin") && !open.contains("locked"), "{open}");
    assert!(locked.contains("is an admin") && locked.contains("the account is locked"), "{locked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_for_passwords_hold_for_admins_too() {
    let app = TestApp::start().await;

    let refused = seed_account(&app.db.pool, &app.config.passwords, admin("admin"), app.now()).await;

    assert!(refused.unwrap_err().to_string().contains("at least 15 characters"));
}
