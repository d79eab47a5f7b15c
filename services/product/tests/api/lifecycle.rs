//! The life of a product: draft, active, archived, active again.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{TestApp, product};

#[tokio::test]
async fn a_product_is_published_archived_and_published_again() {
    let app = TestApp::start().await;
    let path = app.draft(product("wool-scarf", "WS-1")).await.header("location").to_owned();
    let step = |verb: &'static str| {
        let path = format!("{path}/{verb}");
        let editor = app.editor.clone();
        async move { editor.send(editor.request(Method::POST, &path)).await }
    };

    step("archive").await.assert_problem(409, "invalid_transition");
    let published = step("publish").await;
    step("publish").await.assert_problem(409, "invalid_transition");
    let archived = step("archive").await;
    step("archive").await.assert_problem(409, "invalid_transition");
    let again = step("publish").await;

    assert_eq!(
        (published.status.as_u16(), published.etag(), &published.body["status"]),
        (200, "\"2\"", &json!("active"))
    );
    assert_ne!(published.body["published_at"], Value::Null);
    assert_eq!((archived.etag(), &archived.body["status"]), ("\"3\"", &json!("archived")));
    assert_eq!((again.etag(), &again.body["status"]), ("\"4\"", &json!("active")));
    assert_eq!(again.body["published_at"], published.body["published_at"]);
}

#[tokio::test]
async fn a_step_may_name_the_version_it_is_meant_for() {
    let app = TestApp::start().await;
    let path = format!("{}/publish", app.draft(product("wool-scarf", "WS-1")).await.header("location"));
    let publish = |etag| app.editor.send(app.editor.request(Method::POST, &path).header("if-match", etag));

    publish("\"7\"").await.assert_problem(412, "version_mismatch");
    assert_eq!(publish("\"1\"").await.status, 200);
}

#[tokio::test]
async fn a_step_of_nothing_or_of_something_deleted_is_refused() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;
    let path = made.header("location");
    app.editor.delete(path, made.etag()).await;

    let deleted = app.editor.post(&format!("{path}/publish"), json!({})).await;
    let unknown = app.editor.post("/v1/products/01890000-0000-7000-8000-000000000000/publish", json!({})).await;

    deleted.assert_problem(410, "gone");
    unknown.assert_problem(404, "not_found");
}
