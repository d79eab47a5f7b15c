//! Auth's events: each counts once, in any order.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::feed::{created, event, roles_changed};
use crate::helpers::TestApp;

#[tokio::test]
async fn each_event_changes_what_it_is_about() {
    let app = TestApp::start().await;
    let id = Uuid::new_v4();

    let story = [
        created(id, "first@example.com"),
        event("account.email_verified", id, 2, &json!({ "email": "first@example.com" })),
        event("account.email_changed", id, 3, &json!({ "email": "second@example.com", "email_verified": true })),
        roles_changed(id, 4, &["customer", "editor"]),
        event("account.password_changed", id, 5, &json!({ "anything": [1, 2] })),
    ];
    app.feed.deliver(story).await;

    let user = app.user(id).await;
    assert_eq!(user.body["email"], "second@example.com");
    assert_eq!(user.body["email_verified"], true);
    assert_eq!(user.body["roles"], json!(["customer", "editor"]));
    assert_eq!(user.etag(), "\"4\"", "the last event is none of ours");
}

#[tokio::test]
async fn a_deletion_erases_also_where_nothing_was_known() {
    let app = TestApp::start().await;
    let (known, unknown) = (Uuid::new_v4(), Uuid::new_v4());

    let deleted = |id| event("account.deleted", id, 2, &json!({}));
    app.feed.deliver([created(known, "ada@example.com"), deleted(known), deleted(unknown)]).await;
    app.feed.deliver([created(unknown, "late@example.com")]).await;

    for id in [known, unknown] {
        let user = app.user(id).await;
        assert_eq!(user.body["status"], "deleted");
        assert_eq!(user.body["email"], Value::Null);
        assert_eq!(user.body["display_name"], Value::Null);
    }
}

#[tokio::test]
async fn an_event_that_comes_three_times_counts_once() {
    let app = TestApp::start().await;
    let id = Uuid::new_v4();
    let (first, second) = (created(id, "ada@example.com"), roles_changed(id, 2, &["editor"]));

    app.feed.deliver([first.clone(), first.clone(), second.clone()]).await;
    app.feed.deliver([second.clone(), first, second]).await;

    let user = app.user(id).await;
    assert_eq!(user.etag(), "\"2\"");
    assert_eq!(user.body["roles"], json!(["editor"]));
}

#[tokio::test]
async fn any_order_of_the_same_events_ends_the_same() {
    let app = TestApp::start().await;
    let story = |id| {
        [
            created(id, "first@example.com"),
            event("account.email_changed", id, 2, &json!({ "email": "second@example.com" })),
            roles_changed(id, 3, &["editor"]),
            event("account.email_changed", id, 4, &json!({ "email": "third@example.com" })),
        ]
    };
    let ids: Vec<_> = orders(4).into_iter().map(|order| (Uuid::new_v4(), order)).collect();

    let shuffled = ids.iter().flat_map(|(id, order)| {
        let story = story(*id);
        order.iter().map(move |n| story[*n].clone())
    });
    app.feed.deliver(shuffled.collect::<Vec<_>>()).await;

    assert_eq!(ids.len(), 24);
    for (id, order) in ids {
        let user = app.user(id).await;
        assert_eq!(user.body["email"], "third@example.com", "{order:?}");
        assert_eq!(user.body["roles"], json!(["editor"]), "{order:?}");
        assert_eq!(user.body["display_name"], "From The Event", "{order:?}");
    }
    let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked_events").fetch_one(&app.db.pool).await.unwrap();
    assert_eq!(parked, 0);
}

/// All orders of the numbers below `length`.
fn orders(length: usize) -> Vec<Vec<usize>> {
    let Some(last) = length.checked_sub(1) else { return vec![Vec::new()] };
    let insert = |order: Vec<usize>| {
        (0..length).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, last);
            longer
        })
    };
    orders(last).into_iter().flat_map(insert).collect()
}

#[tokio::test]
async fn several_replicas_apply_each_event_once() {
    let app = TestApp::start().await;
    let (_second, _third) = (app.replica().await, app.replica().await);
    let id = Uuid::new_v4();
    app.feed.deliver([created(id, "ada@example.com")]).await;

    for version in 2..=20 {
        app.feed.deliver([roles_changed(id, version, &["customer", "editor"])]).await;
    }

    assert_eq!(app.user(id).await.etag(), "\"20\"");
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM applied_events").fetch_one(&app.db.pool).await.unwrap();
    assert_eq!(applied, 20);
}
