//! Variants and prices.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{TestApp, field_errors, id_of, product};

async fn put_prices(app: &TestApp, variant: &str, etag: &str, prices: Value) -> portico_testkit::Reply {
    let path = format!("/v1/variants/{variant}/prices");
    let request = app.editor.request(Method::PUT, &path).header("if-match", etag);
    app.editor.send(request.json(&json!({ "prices": prices }))).await
}

#[tokio::test]
async fn a_variant_is_added_behind_the_others() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;
    let path = format!("{}/variants", made.header("location"));

    let reply = app.editor.post(&path, json!({ "sku": "WS-2", "title": "Long", "options": { "size": "L" } })).await;

    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.header("location"), format!("{path}/{}", id_of(&reply)));
    assert_eq!(reply.etag(), "\"1\"");
    let parent = app.editor.get(made.header("location")).await;
    assert_eq!(parent.etag(), "\"2\"");
    assert_eq!(parent.body["variants"][1], reply.body);
    assert_eq!(app.editor.get(reply.header("location")).await.body, reply.body);
    assert_eq!(app.editor.get("/v1/variants/by-sku/WS-2").await.body, reply.body);
}

#[tokio::test]
async fn a_variant_is_changed_by_its_own_version() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;
    let path = format!("{}/variants/{}", made.header("location"), made.body["variants"][0]["id"].as_str().unwrap());
    let changes = json!({ "sku": "WS-9", "options": { "size": "L" }, "prices": [] });

    let reply = app.editor.patch(&path, "\"1\"", changes).await;

    assert_eq!((reply.status.as_u16(), reply.etag()), (200, "\"2\""));
    assert_eq!(reply.body["sku"], "WS-9");
    assert_eq!(reply.body["options"], json!({ "size": "L" }));
    assert_eq!(reply.body["prices"], json!([]));
    app.editor.patch(&path, "\"1\"", json!({})).await.assert_problem(412, "version_mismatch");
    app.editor.get("/v1/variants/by-sku/WS-1").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn names_and_options_of_variants_do_not_collide() {
    let app = TestApp::start().await;
    app.draft(product("silk-scarf", "SS-1")).await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;
    let path = format!("{}/variants", made.header("location"));
    app.editor.post(&path, json!({ "sku": "WS-2", "options": { "size": "L", "fit": "slim" } })).await;

    let sku = app.editor.post(&path, json!({ "sku": "SS-1" })).await;
    let options = app.editor.post(&path, json!({ "sku": "WS-3", "options": { "fit": "slim", "size": "L" } })).await;
    let no_options = app.editor.post(&path, json!({ "sku": "WS-3" })).await;

    sku.assert_problem(409, "sku_taken");
    assert_eq!(field_errors(&sku), [("/sku", "sku_taken")]);
    options.assert_problem(409, "options_taken");
    assert_eq!(no_options.status, 201);
}

#[tokio::test]
async fn a_product_has_a_hundred_variants_at_most() {
    let app = TestApp::start().await;
    let variants = |count| (0..count).map(|n| json!({ "sku": format!("S-{n}") })).collect::<Vec<_>>();
    let body = |count| json!({ "slug": "many", "title": "Many", "variants": variants(count) });

    let too_many = app.editor.post("/v1/products", body(101)).await;
    let full = app.draft(body(100)).await;
    let one_more = app.editor.post(&format!("{}/variants", full.header("location")), json!({ "sku": "X" })).await;

    assert_eq!(field_errors(&too_many), [("/variants", "too_many")]);
    one_more.assert_problem(409, "variant_limit_reached");
}

#[tokio::test]
async fn prices_are_replaced_as_a_whole_under_the_version_of_the_variant() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;
    let variant = made.body["variants"][0]["id"].as_str().unwrap();
    let prices = json!([
        { "amount_minor": 1899, "currency": "USD", "compare_at_minor": 2199 },
        { "amount_minor": 1500, "currency": "USD", "min_quantity": 10 },
        { "amount_minor": 9_007_199_254_740_991_i64, "currency": "KWD" },
        { "amount_minor": 0, "currency": "JPY" },
    ]);

    let reply = put_prices(&app, variant, "\"1\"", prices).await;

    assert_eq!((reply.status.as_u16(), reply.etag()), (200, "\"2\""), "{}", reply.body);
    let kept: Vec<_> = reply.body["prices"].as_array().unwrap().iter().map(|p| p["currency"].clone()).collect();
    assert_eq!(kept, ["JPY", "KWD", "USD", "USD"]);
    assert_eq!(reply.body["prices"][1]["amount_minor"], 9_007_199_254_740_991_i64);
    assert_eq!(reply.body["prices"][2]["compare_at_minor"], 2199);
    let read = app.editor.get(&format!("/v1/variants/{variant}/prices")).await;
    assert_eq!((&read.body, read.etag()), (&reply.body, "\"2\""));
    put_prices(&app, variant, "\"1\"", json!([])).await.assert_problem(412, "version_mismatch");
    assert_eq!(put_prices(&app, variant, "\"2\"", json!([])).await.body["prices"], json!([]));
}

#[tokio::test]
async fn money_is_an_integer_that_every_reader_keeps_exactly() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;
    let variant = made.body["variants"][0]["id"].as_str().unwrap();

    for amount in ["19.99", "1999.0", "\"1999\"", "9007199254740992", "-1", "1e400", "99999999999999999999", "null"] {
        let body = format!(r#"{{"prices":[{{"amount_minor":{amount},"currency":"EUR"}}]}}"#);
        let request = app.editor.request(Method::PUT, &format!("/v1/variants/{variant}/prices"));
        let request = request.header("if-match", "\"1\"").header("content-type", "application/json");
        let reply = app.editor.send(request.body(body)).await;

        assert!([400, 422].contains(&reply.status.as_u16()), "{amount}: {}", reply.body);
    }
    for prices in [
        json!([{ "amount_minor": 1, "currency": "XXX" }]),
        json!([{ "amount_minor": 1, "currency": "eur" }]),
        json!([{ "amount_minor": 1, "currency": "EUR", "min_quantity": 0 }]),
        json!([{ "amount_minor": 2, "currency": "EUR", "compare_at_minor": 1 }]),
        json!([{ "amount_minor": 1, "currency": "EUR" }, { "amount_minor": 2, "currency": "EUR" }]),
    ] {
        put_prices(&app, variant, "\"1\"", prices).await.assert_problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn a_deleted_variant_frees_its_sku_and_changes_its_product() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-1")).await;
    let path = format!("{}/variants/{}", made.header("location"), made.body["variants"][0]["id"].as_str().unwrap());

    let deleted = app.editor.delete(&path, "\"1\"").await;

    assert_eq!(deleted.status, 204);
    app.editor.get(&path).await.assert_problem(410, "gone");
    let parent = app.editor.get(made.header("location")).await;
    assert_eq!((parent.etag(), &parent.body["variants"]), ("\"2\"", &json!([])));
    app.draft(product("other", "WS-1")).await;
}

#[tokio::test]
async fn a_variant_is_found_under_its_own_product_only() {
    let app = TestApp::start().await;
    let scarf = app.draft(product("wool-scarf", "WS-1")).await;
    let hat = app.draft(product("hat", "H-1")).await;
    let path = format!("{}/variants/{}", hat.header("location"), scarf.body["variants"][0]["id"].as_str().unwrap());

    app.editor.get(&path).await.assert_problem(404, "not_found");
    app.editor.patch(&path, "\"1\"", json!({ "sku": "X" })).await.assert_problem(404, "not_found");
    app.editor.delete(&path, "\"1\"").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn variants_are_listed_page_by_page() {
    let app = TestApp::start().await;
    let variants: Vec<_> = (0..5).map(|n| json!({ "sku": format!("S-{n}") })).collect();
    let made = app.draft(json!({ "slug": "many", "title": "Many", "variants": variants })).await;
    let mut path = format!("{}/variants?limit=2", made.header("location"));

    let mut seen = Vec::new();
    loop {
        let page = app.editor.get(&path).await;
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|item| item["sku"].clone()));
        let Some(next) = page.header("link").strip_prefix('<').and_then(|link| link.split('>').next()) else { break };
        path = next.to_owned();
    }

    assert_eq!(seen, ["S-0", "S-1", "S-2", "S-3", "S-4"]);
}
