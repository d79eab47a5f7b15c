//! Accounts made by operators.

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
async fn the_rules_for_passwords_hold_for_admins_too() {
    let app = TestApp::start().await;

    let refused = seed_account(&app.db.pool, &app.config.passwords, admin("admin"), app.now()).await;

    assert!(refused.unwrap_err().to_string().contains("at least 15 characters"));
}
