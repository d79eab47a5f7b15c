//! Products: make, read, change, delete.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{TestApp, field_errors, id_of, product};

#[tokio::test]
async fn a_product_is_made_as_a_draft_with_its_variants() {
    let app = TestApp::start().await;

    let reply = app.editor.post("/v1/products", product("wool-scarf", "WS-1")).await;

    assert_eq!(reply.status, 201, "{}", reply.body);
    let id = id_of(&reply);
    assert_eq!(reply.header("location"), format!("/v1/products/{id}"));
    assert_eq!(reply.etag(), "\"1\"");
    assert_eq!(reply.body["status"], "draft");
    assert_eq!(reply.body["published_at"], Value::Null);
    assert_eq!(reply.body["description"], Value::Null);
    let variant = &reply.body["variants"][0];
    assert_eq!(variant["sku"], "WS-1");
    assert_eq!(variant["product_id"], id);
    let price = json!({ "amount_minor": 1999, "currency": "EUR", "compare_at_minor": null, "min_quantity": 1 });
    assert_eq!(variant["prices"], json!([price]));
    let read = app.editor.get(reply.header("location")).await;
    assert_eq!((read.body, read.headers["etag"].to_str().unwrap()), (reply.body.clone(), "\"1\""));
}

#[tokio::test]
async fn variants_keep_the_order_they_were_sent_in() {
    let app = TestApp::start().await;
    let skus: Vec<_> = (0..40).rev().map(|n| format!("SKU-{n}")).collect();
    let variants: Vec<_> = skus.iter().map(|sku| json!({ "sku": sku })).collect();

    let reply = app.draft(json!({ "slug": "many", "title": "Many", "variants": variants })).await;

    let kept: Vec<_> = reply.body["variants"].as_array().unwrap().iter().map(|v| v["sku"].clone()).collect();
    assert_eq!(kept, skus);
}

#[tokio::test]
async fn all_field_errors_are_told_at_once() {
    let app = TestApp::start().await;
    let body = json!({
        "slug": "Wool Scarf",
        "description": "bell \u{7}",
        "attributes": { "Color": "teal", "size": { "nested": true } },
        "tags": ["wool", "wool"],
        "variants": [
            { "sku": "A B", "prices": [{ "amount_minor": -1, "currency": "EURO" }] },
            { "sku": "A" },
            { "sku": "A", "title": "", "options": { "size": "L" } },
            { "sku": "B", "options": { "size": "L" } },
        ],
    });

    let reply = app.editor.post("/v1/products", body).await;

    reply.assert_problem(422, "validation_failed");
    let expected = [
        ("/slug", "format"),
        ("/title", "required"),
        ("/description", "format"),
        ("/attributes", "format"),
        ("/attributes/size", "wrong_type"),
        ("/tags/1", "duplicate"),
        ("/variants/0/sku", "format"),
        ("/variants/0/prices/0/amount_minor", "out_of_range"),
        ("/variants/0/prices/0/currency", "not_one_of"),
        ("/variants/2/sku", "duplicate"),
        ("/variants/2/title", "empty"),
        ("/variants/3/options", "duplicate"),
    ];
    assert_eq!(field_errors(&reply), expected);
}

#[tokio::test]
async fn a_taken_name_is_refused_with_its_place() {
    let app = TestApp::start().await;
    app.draft(product("wool-scarf", "WS-1")).await;

    let slug = app.editor.post("/v1/products", product("wool-scarf", "WS-2")).await;
    let mut body = product("silk-scarf", "SS-1");
    body["variants"] = json!([{ "sku": "ZZ-1" }, { "sku": "WS-1" }, { "sku": "AA-1" }]);
    let sku = app.editor.post("/v1/products", body).await;

    slug.assert_problem(409, "slug_taken");
    assert_eq!(field_errors(&slug), [("/slug", "slug_taken")]);
    sku.assert_problem(409, "sku_taken");
    assert_eq!(field_errors(&sku), [("/variants/1/sku", "sku_taken")]);
    let nothing = app.editor.get("/v1/products/by-slug/silk-scarf").await;
    nothing.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_category_that_does_not_exist_is_refused_with_its_place() {
    let app = TestApp::start().await;
    let category = app.category("scarves", None).await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    let mut body = product("wool-scarf", "WS-1");
    body["category_ids"] = json!([category, unknown]);

    let reply = app.editor.post("/v1/products", body).await;

    reply.assert_problem(422, "validation_failed");
    assert_eq!(field_errors(&reply), [("/category_ids/1", "unknown_category")]);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_leaves_the_rest() {
    let app = TestApp::start().await;
    let category = app.category("scarves", None).await;
    let mut body = product("wool-scarf", "WS-1");
    body["description"] = "Warm.".into();
    body["tags"] = json!(["wool"]);
    body["attributes"] = json!({ "color": "teal", "length_cm": 180 });
    let made = app.draft(body).await;
    let path = made.header("location");

    let changes = json!({
        "title": "Wool scarf XL", "description": null, "tags": ["wool", "xl"], "category_ids": [category],
        "attributes": { "color": null, "care": ["hand wash"], "length_cm": 200.5 },
    });
    let reply = app.editor.patch(path, made.etag(), changes).await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.etag(), "\"2\"");
    assert_eq!(reply.body["title"], "Wool scarf XL");
    assert_eq!(reply.body["description"], Value::Null);
    assert_eq!(reply.body["tags"], json!(["wool", "xl"]));
    assert_eq!(reply.body["category_ids"], json!([category]));
    assert_eq!(reply.body["attributes"], json!({ "care": ["hand wash"], "length_cm": 200.5 }));
    assert_eq!(reply.body["slug"], "wool-scarf");
    assert_eq!(reply.body["variants"], made.body["variants"]);
    assert_eq!(app.editor.get(path).await.body, reply.body);
}

#[tokio::test]
async fn a_patch_that_changes_nothing_makes_no_version() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;

    let reply = app.editor.patch(made.header("location"), made.etag(), json!({ "title": "Wool scarf" })).await;

    assert_eq!((reply.status.as_u16(), reply.etag()), (200, "\"1\""));
    assert_eq!(reply.body, made.body);
}

#[tokio::test]
async fn a_change_needs_the_version_it_is_meant_for() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;
    let path = made.header("location");
    app.editor.patch(path, "\"1\"", json!({ "title": "New" })).await;

    let stale = app.editor.patch(path, "\"1\"", json!({ "title": "Newer" })).await;
    let blind = app.editor.request(Method::PATCH, path).header("content-type", "application/merge-patch+json");
    let blind = app.editor.send(blind.body("{}")).await;
    let stale_delete = app.editor.delete(path, "\"1\"").await;
    let blind_delete = app.editor.send(app.editor.request(Method::DELETE, path)).await;

    stale.assert_problem(412, "version_mismatch");
    assert_eq!(stale.etag(), "\"2\"");
    blind.assert_problem(428, "precondition_required");
    stale_delete.assert_problem(412, "version_mismatch");
    blind_delete.assert_problem(428, "precondition_required");
}

#[tokio::test]
async fn a_patch_is_a_merge_patch() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;
    let path = made.header("location");

    let request = app.editor.request(Method::PATCH, path).header("if-match", "\"1\"");
    let json = app.editor.send(request.json(&json!({ "title": "New" }))).await;
    let status = app.editor.patch(path, "\"1\"", json!({ "status": "active" })).await;
    let no_title = app.editor.patch(path, "\"1\"", json!({ "title": null, "slug": null })).await;

    json.assert_problem(415, "unsupported_media_type");
    assert_eq!(json.header("accept-patch"), "application/merge-patch+json");
    status.assert_problem(422, "validation_failed");
    assert_eq!(field_errors(&status), [("/status", "unknown_field")]);
    assert_eq!(field_errors(&no_title), [("/slug", "required"), ("/title", "required")]);
}

#[tokio::test]
async fn a_deleted_product_frees_its_names() {
    let app = TestApp::start().await;
    let made = app.active(product("wool-scarf", "WS-1")).await;
    let path = format!("/v1/products/{}", id_of(&made));

    let deleted = app.editor.delete(&path, made.etag()).await;

    assert_eq!((deleted.status.as_u16(), deleted.bytes.len()), (204, 0));
    app.editor.get(&path).await.assert_problem(410, "gone");
    app.customer.get(&path).await.assert_problem(404, "not_found");
    app.anonymous.get(&path).await.assert_problem(404, "not_found");
    app.anonymous.get("/v1/variants/by-sku/WS-1").await.assert_problem(404, "not_found");
    app.editor.delete(&path, "*").await.assert_problem(410, "gone");
    app.draft(product("wool-scarf", "WS-1")).await;
}

#[tokio::test]
async fn a_reader_who_holds_the_version_is_sent_nothing() {
    let app = TestApp::start().await;
    let made = app.active(product("wool-scarf", "WS-1")).await;
    let path = format!("/v1/products/{}", id_of(&made));
    let read = |etag: String| {
        let request = app.anonymous.request(Method::GET, &path).header("if-none-match", etag);
        app.anonymous.send(request)
    };

    let same = read(made.etag().to_owned()).await;
    let variant = made.body["variants"][0]["id"].as_str().unwrap();
    let prices = json!({ "prices": [{ "amount_minor": 2499, "currency": "EUR" }] });
    let put = app.editor.request(Method::PUT, &format!("/v1/variants/{variant}/prices")).header("if-match", "\"1\"");
    let put = app.editor.send(put.json(&prices)).await;
    let changed = read(made.etag().to_owned()).await;

    assert_eq!((same.status.as_u16(), same.bytes.len(), same.etag()), (304, 0, "\"2\""));
    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!((changed.status.as_u16(), changed.etag()), (200, "\"3\""));
    assert_eq!(changed.body["variants"][0]["prices"][0]["amount_minor"], 2499);
}
