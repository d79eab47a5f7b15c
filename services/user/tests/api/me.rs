//! One's own profile: read, changed, deleted.

use portico_testkit::User;
use serde_json::{Value, json};

use crate::feed::{created, roles_changed};
use crate::helpers::{ME, TestApp};

#[tokio::test]
async fn a_profile_is_made_of_the_token_when_the_event_has_not_come() {
    let app = TestApp::start().await;
    let ada = User::customer();

    let reply = app.client(&ada).get(ME).await;

    assert_eq!(reply.status, 200);
    let expected = json!({
        "id": ada.id,
        "email": ada.email,
        "email_verified": true,
        "display_name": "Test Person",
        "locale": null,
        "time_zone": null,
        "roles": ["customer"],
        "status": "active",
        "created_at": "2026-03-04T05:06:07Z",
        "updated_at": "2026-03-04T05:06:07Z",
    });
    assert_eq!(reply.body, expected);
    assert_eq!(reply.etag(), "\"1\"");
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_event_that_comes_later_overwrites_nothing_the_user_changed() {
    let app = TestApp::start().await;
    let ada = User::customer();
    let client = app.client(&ada);
    let etag = client.get(ME).await.etag().to_owned();
    client.patch(ME, &etag, json!({ "display_name": "Mine", "locale": "de-AT" })).await;

    app.feed.deliver([created(ada.id, "old@example.com")]).await;

    let profile = client.get(ME).await;
    assert_eq!(profile.etag(), "\"2\"");
    assert_eq!(profile.body["display_name"], "Mine");
    assert_eq!(profile.body["locale"], "de-AT");
    assert_eq!(profile.body["email"], ada.email, "the token is newer than the account's creation");
    assert_eq!(profile.body["email_verified"], true);
}

#[tokio::test]
async fn the_event_that_came_before_the_first_call_makes_the_profile() {
    let app = TestApp::start().await;
    let ada = User::customer();
    app.feed.deliver([created(ada.id, "Ada@Example.com")]).await;

    let profile = app.client(&ada).get(ME).await;

    assert_eq!(profile.body["email"], "Ada@Example.com");
    assert_eq!(profile.body["display_name"], "From The Event");
    assert_eq!(profile.body["created_at"], "2026-01-02T03:04:05.678901Z");
}

#[tokio::test]
async fn first_calls_at_the_same_time_make_one_profile() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());

    let (a, b, c, d) = tokio::join!(client.get(ME), client.get(ME), client.get(ME), client.get(ME));

    for reply in [a, b, c, d] {
        assert_eq!((reply.status.as_u16(), reply.etag()), (200, "\"1\""));
    }
}

#[tokio::test]
async fn a_patch_sets_resets_and_leaves_alone() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());
    let etag = client.get(ME).await.etag().to_owned();

    let set = json!({ "display_name": "  Ada Lovelace ", "locale": "EN-gb", "time_zone": "europe/london" });
    let set = client.patch(ME, &etag, set).await;
    let reset = client.patch(ME, set.etag(), json!({ "display_name": null, "locale": null })).await;

    assert_eq!(set.status, 200);
    assert_eq!(set.etag(), "\"2\"");
    assert_eq!(set.body["display_name"], "Ada Lovelace");
    assert_eq!(set.body["locale"], "en-GB");
    assert_eq!(set.body["time_zone"], "Europe/London");
    assert_eq!(reset.etag(), "\"3\"");
    assert_eq!(reset.body["display_name"], Value::Null);
    assert_eq!(reset.body["time_zone"], "Europe/London");
    assert_eq!(client.get(ME).await.body, reset.body);
}

#[tokio::test]
async fn a_patch_that_changes_nothing_keeps_the_version() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());
    let before = client.get(ME).await;

    for body in [json!({}), json!({ "display_name": "Test Person", "locale": null })] {
        let reply = client.patch(ME, before.etag(), body).await;

        assert_eq!((reply.status.as_u16(), reply.etag()), (200, before.etag()));
        assert_eq!(reply.body, before.body);
    }
}

#[tokio::test]
async fn of_two_patches_at_the_same_time_one_wins_and_one_must_look_again() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());
    let etag = client.get(ME).await.etag().to_owned();

    let (a, b) = tokio::join!(
        client.patch(ME, &etag, json!({ "display_name": "A" })),
        client.patch(ME, &etag, json!({ "display_name": "B" })),
    );

    let (winner, loser) = if a.status == 200 { (a, b) } else { (b, a) };
    assert_eq!(winner.status, 200);
    loser.assert_problem(412, "version_mismatch");
    assert_eq!(loser.etag(), "\"2\"");
    assert_eq!(client.get(ME).await.body, winner.body);
}

#[tokio::test]
async fn a_patch_can_be_the_first_call() {
    let app = TestApp::start().await;

    let reply = app.client(&User::customer()).patch(ME, "*", json!({ "locale": "fr" })).await;

    assert_eq!((reply.status.as_u16(), reply.etag()), (200, "\"2\""));
    assert_eq!(reply.body["locale"], "fr");
}

#[tokio::test]
async fn a_deleted_profile_is_gone_and_nothing_about_the_person_is_left() {
    let app = TestApp::start().await;
    let ada = User::customer();
    let client = app.client(&ada);
    let etag = client.get(ME).await.etag().to_owned();

    let deleted = client.delete(ME, &etag).await;

    assert_eq!((deleted.status.as_u16(), deleted.bytes.len()), (204, 0));
    client.get(ME).await.assert_problem(410, "gone");
    client.patch(ME, "*", json!({ "locale": "fr" })).await.assert_problem(410, "gone");
    client.delete(ME, "*").await.assert_problem(410, "gone");
    let row: String = sqlx::query_scalar("SELECT profiles::text FROM profiles WHERE id = $1")
        .bind(ada.id)
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    assert!(!row.contains(&ada.email) && !row.contains("Test Person"), "{row}");
}

#[tokio::test]
async fn no_event_brings_a_deleted_person_back() {
    let app = TestApp::start().await;
    let ada = User::customer();
    app.client(&ada).get(ME).await;
    app.client(&ada).delete(ME, "*").await;

    let late = [created(ada.id, &ada.email), roles_changed(ada.id, 9, &["admin"])];
    app.feed.deliver(late).await;

    app.client(&ada).get(ME).await.assert_problem(410, "gone");
    let tombstone = app.user(ada.id).await;
    assert_eq!(tombstone.body["status"], "deleted");
    assert_eq!(tombstone.body["email"], Value::Null);
    assert_eq!(tombstone.body["roles"], json!([]));
}
