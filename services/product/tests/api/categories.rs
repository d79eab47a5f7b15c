//! Categories.

use serde_json::{Value, json};

use crate::helpers::{TestApp, field_errors, id_of, product, slugs};

#[tokio::test]
async fn a_category_knows_its_path_from_the_root() {
    let app = TestApp::start().await;
    let root = app.category("clothing", None).await;
    let body = json!({ "slug": "scarves", "name": "Scarves", "parent_id": root, "description": "For cold days." });

    let reply = app.editor.post("/v1/categories", body).await;

    assert_eq!(reply.status, 201, "{}", reply.body);
    let id = id_of(&reply);
    assert_eq!(reply.header("location"), format!("/v1/categories/{id}"));
    assert_eq!(reply.etag(), "\"1\"");
    assert_eq!(reply.body["path"], json!([root, id]));
    assert_eq!(app.anonymous.get(reply.header("location")).await.body, reply.body);
}

#[tokio::test]
async fn siblings_differ_in_their_slugs() {
    let app = TestApp::start().await;
    let (men, women) = (app.category("men", None).await, app.category("women", None).await);
    app.category("scarves", Some(&men)).await;
    app.category("scarves", Some(&women)).await;

    let body = json!({ "slug": "scarves", "name": "Scarves", "parent_id": men });
    let sibling = app.editor.post("/v1/categories", body).await;
    let root = app.editor.post("/v1/categories", json!({ "slug": "men", "name": "Men" })).await;

    sibling.assert_problem(409, "slug_taken");
    root.assert_problem(409, "slug_taken");
    assert_eq!(field_errors(&root), [("/slug", "slug_taken")]);
}

#[tokio::test]
async fn the_tree_has_a_known_parent_and_a_depth() {
    let app = TestApp::start().await;
    let mut parent = app.category("level", None).await;
    for _ in 1..8 {
        parent = app.category("level", Some(&parent)).await;
    }

    let body = json!({ "slug": "level", "name": "Level", "parent_id": parent });
    let deep = app.editor.post("/v1/categories", body).await;
    let body = json!({ "slug": "x", "name": "X", "parent_id": "01890000-0000-7000-8000-000000000000" });
    let orphan = app.editor.post("/v1/categories", body).await;

    assert_eq!(field_errors(&deep), [("/parent_id", "too_deep")]);
    assert_eq!(field_errors(&orphan), [("/parent_id", "unknown_category")]);
}

#[tokio::test]
async fn categories_are_listed_by_name_and_by_parent() {
    let app = TestApp::start().await;
    let clothing = app.category("clothing", None).await;
    app.category("books", None).await;
    app.category("scarves", Some(&clothing)).await;
    app.category("hats", Some(&clothing)).await;

    assert_eq!(slugs(&app.anonymous.get("/v1/categories").await), ["books", "clothing", "hats", "scarves"]);
    assert_eq!(slugs(&app.anonymous.get("/v1/categories?parent=root").await), ["books", "clothing"]);
    let below = format!("/v1/categories?parent={clothing}");
    assert_eq!(slugs(&app.anonymous.get(&below).await), ["hats", "scarves"]);
    let first = app.anonymous.get("/v1/categories?limit=3").await;
    let cursor = first.body["page"]["next_cursor"].as_str().unwrap();
    assert_eq!(slugs(&app.anonymous.get(&format!("/v1/categories?limit=3&cursor={cursor}")).await), ["scarves"]);
    let other = app.anonymous.get(&format!("/v1/categories?parent=root&cursor={cursor}")).await;
    other.assert_problem(400, "cursor_mismatch");
    app.anonymous.get("/v1/categories?parent=nothing").await.assert_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_category_is_renamed_under_its_version() {
    let app = TestApp::start().await;
    let path = format!("/v1/categories/{}", app.category("scarves", None).await);
    let changes = json!({ "name": "Scarves and shawls", "slug": "shawls", "description": "Warm." });

    let reply = app.editor.patch(&path, "\"1\"", changes).await;

    assert_eq!((reply.status.as_u16(), reply.etag()), (200, "\"2\""));
    assert_eq!(reply.body["slug"], "shawls");
    assert_eq!(app.editor.get(&path).await.body, reply.body);
    app.editor.patch(&path, "\"1\"", json!({ "name": "X" })).await.assert_problem(412, "version_mismatch");
    let moved = app.editor.patch(&path, "\"2\"", json!({ "parent_id": Value::Null })).await;
    assert_eq!(field_errors(&moved), [("/parent_id", "unknown_field")]);
}

#[tokio::test]
async fn only_an_empty_category_is_deleted() {
    let app = TestApp::start().await;
    let root = app.category("clothing", None).await;
    let leaf = app.category("scarves", Some(&root)).await;
    let mut body = product("wool-scarf", "WS-1");
    body["category_ids"] = json!([leaf]);
    let made = app.draft(body).await;
    let (root, leaf) = (format!("/v1/categories/{root}"), format!("/v1/categories/{leaf}"));

    app.editor.delete(&root, "\"1\"").await.assert_problem(409, "category_not_empty");
    app.editor.delete(&leaf, "\"1\"").await.assert_problem(409, "category_not_empty");
    app.editor.delete(made.header("location"), made.etag()).await;
    assert_eq!(app.editor.delete(&leaf, "\"1\"").await.status, 204);
    assert_eq!(app.editor.delete(&root, "\"1\"").await.status, 204);

    app.anonymous.get(&leaf).await.assert_problem(404, "not_found");
    app.editor.get(&leaf).await.assert_problem(410, "gone");
    app.category("clothing", None).await;
}
