//! Suspension: who may, what it does, and what cannot be.

use axum::http::{Method, header};
use portico_testkit::{Client, Reply, User};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::feed::{created, event};
use crate::helpers::{ME, TestApp};

async fn put_status(client: &Client, id: Uuid, etag: &str, body: Value) -> Reply {
    let request = client.request(Method::PUT, &format!("/v1/users/{id}/status"));
    client.send(request.header(header::IF_MATCH, etag).json(&body)).await
}

#[tokio::test]
async fn a_suspended_user_is_told_so_and_can_be_let_in_again() {
    let app = TestApp::start().await;
    let ada = User::customer();
    let (client, admin) = (app.client(&ada), app.admin());
    let etag = client.get(ME).await.etag().to_owned();

    let body = json!({ "status": "suspended", "reason": " chargeback " });
    let suspended = put_status(&admin, ada.id, &etag, body).await;

    assert_eq!((suspended.status.as_u16(), suspended.etag()), (200, "\"2\""));
    assert_eq!(suspended.body["status"], "suspended");
    assert_eq!(suspended.body["status_reason"], "chargeback");
    for reply in
        [client.get(ME).await, client.patch(ME, "*", json!({ "locale": "de" })).await, client.delete(ME, "*").await]
    {
        reply.assert_problem(403, "account_suspended");
        assert!(!String::from_utf8_lossy(&reply.bytes).contains("chargeback"));
    }
    let lifted = put_status(&admin, ada.id, suspended.etag(), json!({ "status": "active" })).await;
    assert_eq!(lifted.body["status_reason"], Value::Null);
    assert_eq!(client.get(ME).await.body["status"], "active");
}

#[tokio::test]
async fn the_same_decision_again_changes_nothing() {
    let app = TestApp::start().await;
    let id = Uuid::new_v4();
    app.feed.deliver([created(id, "ada@example.com")]).await;

    let first = app.set_status(id, "suspended").await;
    let second = app.set_status(id, "suspended").await;

    assert_eq!(first.etag(), "\"2\"");
    assert_eq!(second.etag(), "\"2\"");
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn a_suspended_user_stays_so_through_events() {
    let app = TestApp::start().await;
    let id = Uuid::new_v4();
    app.feed.deliver([created(id, "ada@example.com")]).await;
    app.set_status(id, "suspended").await;

    let data = json!({ "email": "ada@example.com" });
    app.feed.deliver([event("account.email_verified", id, 2, &data)]).await;

    let user = app.user(id).await;
    assert_eq!(user.body["status"], "suspended");
    assert_eq!(user.body["email_verified"], true);
}

#[tokio::test]
async fn what_cannot_be_decided_is_refused() {
    let app = TestApp::start().await;
    let (ada, gone) = (Uuid::new_v4(), Uuid::new_v4());
    app.feed.deliver([created(ada, "ada@example.com"), event("account.deleted", gone, 1, &json!({}))]).await;
    let admin = app.admin();
    admin.get(ME).await;
    let suspend = json!({ "status": "suspended" });
    let long = "x".repeat(501);

    put_status(&admin, gone, "*", json!({ "status": "active" })).await.assert_problem(409, "illegal_transition");
    put_status(&admin, app.admin.id, "*", suspend.clone()).await.assert_problem(409, "own_status");
    put_status(&admin, Uuid::new_v4(), "*", suspend.clone()).await.assert_problem(404, "not_found");
    put_status(&admin, ada, "\"9\"", suspend.clone()).await.assert_problem(412, "version_mismatch");
    for body in [
        json!({}),
        json!({ "status": "deleted" }),
        json!({ "status": "Active" }),
        json!({ "status": null }),
        json!({ "status": "active", "until": "2027-01-01" }),
        json!({ "status": "active", "reason": "" }),
        json!({ "status": "active", "reason": long }),
        json!({ "status": "active", "reason": 7 }),
    ] {
        put_status(&admin, ada, "*", body).await.assert_problem(422, "validation_failed");
    }
    let unconditional = admin.put(&format!("/v1/users/{ada}/status"), suspend).await;
    unconditional.assert_problem(428, "precondition_required");
    assert_eq!(app.user(ada).await.etag(), "\"1\"");
}

#[tokio::test]
async fn a_suspended_admin_is_kept_out() {
    let app = TestApp::start().await;
    let (other, victim) = (User::admin(), Uuid::new_v4());
    let client = app.client(&other);
    client.get(ME).await;
    app.feed.deliver([created(victim, "ada@example.com")]).await;
    app.set_status(other.id, "suspended").await;

    let refused = [
        client.get("/v1/users").await,
        client.get(&format!("/v1/users/{victim}")).await,
        put_status(&client, victim, "*", json!({ "status": "suspended" })).await,
    ];

    for reply in refused {
        reply.assert_problem(403, "account_suspended");
    }
    assert_eq!(app.user(victim).await.body["status"], "active");
}

#[tokio::test]
async fn a_user_is_shown_to_admins_with_a_tag() {
    let app = TestApp::start().await;
    let id = Uuid::new_v4();
    app.feed.deliver([created(id, "ada@example.com")]).await;
    let admin = app.admin();

    let shown = app.user(id).await;
    let again = admin.request(Method::GET, &format!("/v1/users/{id}"));
    let again = admin.send(again.header(header::IF_NONE_MATCH, shown.etag())).await;

    assert_eq!(shown.body["email"], "ada@example.com");
    assert_eq!(again.status, 304);
    app.user(Uuid::new_v4()).await.assert_problem(404, "not_found");
}
