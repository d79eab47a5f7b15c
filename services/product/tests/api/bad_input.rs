//! Bad input gets the documented problem, never a 500.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::json;

use crate::helpers::{TestApp, field_errors, id_of, product};

#[tokio::test]
async fn a_bad_body_is_refused() {
    let app = TestApp::start().await;
    let post = |content_type: &'static str, body: Vec<u8>| {
        let request = app.editor.request(Method::POST, "/v1/products").header("content-type", content_type);
        app.editor.send(request.body(body))
    };

    for (body, status, code) in [
        (&b""[..], 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"{\"slug\":\"a\",\"title\":\"\xff\"}", 400, "malformed_json"),
        (b"{\"slug\":\"a\",\"title\":\"\\ud800\"}", 400, "malformed_json"),
        (b"{\"slug\":\"a\",\"title\":\"A\",\"attributes\":{\"a\":1e999}}", 400, "malformed_json"),
        (b"null", 422, "validation_failed"),
        (b"[]", 422, "validation_failed"),
        (b"\"text\"", 422, "validation_failed"),
        (b"{}", 422, "validation_failed"),
        (b"{\"slug\":\"a\",\"title\":\"a\\u0000b\"}", 422, "validation_failed"),
        (b"{\"slug\":\"a\",\"title\":\"A\",\"attributes\":{\"a\\u0000\":1}}", 422, "validation_failed"),
        (b"{\"slug\":\"a\",\"title\":\"A\",\"attributes\":{\"a\":1e300}}", 422, "validation_failed"),
        (b"{\"slug\":\"a\",\"title\":\"A\",\"owner\":1}", 422, "validation_failed"),
        (b"{\"slug\":1,\"title\":\"A\"}", 422, "validation_failed"),
        (b"{\"slug\":\"a\",\"title\":\"A\",\"tags\":\"wool\"}", 422, "validation_failed"),
        (b"{\"slug\":\"a\",\"title\":\"A\",\"variants\":[null]}", 422, "validation_failed"),
        (b"{\"slug\":\"a\",\"title\":\"A\",\"category_ids\":[\"x\"]}", 422, "validation_failed"),
    ] {
        let reply = post("application/json", body.to_vec()).await;

        assert_eq!(reply.status, status, "{}: {}", String::from_utf8_lossy(body), reply.body);
        reply.assert_problem(status, code);
    }
    post("text/plain", b"{}".to_vec()).await.assert_problem(415, "unsupported_media_type");
    post("application/json", vec![b' '; (1 << 20) + 1]).await.assert_problem(413, "body_too_large");
    post("application/json", vec![b'['; 100_000]).await.assert_problem(400, "malformed_json");
}

#[tokio::test]
async fn an_unknown_field_is_named_by_its_pointer() {
    let app = TestApp::start().await;
    let mut body = product("wool-scarf", "WS-1");
    body["variants"][0]["colour"] = "teal".into();

    let reply = app.editor.post("/v1/products", body).await;

    assert_eq!(field_errors(&reply), [("/variants/0/colour", "unknown_field")]);
}

#[tokio::test]
async fn a_bad_address_is_refused() {
    let app = TestApp::start().await;

    for path in [
        "/v1/products/nonsense",
        "/v1/products/0",
        "/v1/products/%00",
        "/v1/products/%FF",
        "/v1/products/nonsense/variants",
        "/v1/products/nonsense/variants/x",
        "/v1/variants/1/prices",
        "/v1/categories/'%3B--",
        "/v1/products/by-slug/a%00b",
        "/v1/products/by-slug/%FF",
        "/v1/variants/by-sku/%00",
        "/v1/products?stauts=active",
        "/v1/products?q=%00",
        "/v1/products?q=%FF",
        "/v1/products?q=%C3%28",
        "/v1/products?attr.color%00=a",
        "/v1/products?limit=101",
        "/v1/products?limit=-1",
        "/v1/products?limit=99999999999999999999",
        "/v1/products?price.gte=99999999999999999999&currency=EUR",
        "/v1/products?status=active&status=active",
        "/v1/categories?sort=name",
        "/v1/categories?limit=1.5",
        "/v1/search",
    ] {
        let reply = app.editor.get(path).await;

        assert_eq!(reply.status, 400, "{path}: {}", reply.body);
        reply.assert_problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn odd_names_are_simply_not_found() {
    let app = TestApp::start().await;

    for path in
        ["/v1/products/by-slug/%F0%9F%92%A9", "/v1/variants/by-sku/%2E%2E%2Fetc", "/v1/variants/by-sku/'%20or%201=1"]
    {
        app.anonymous.get(path).await.assert_problem(404, "not_found");
    }
    app.anonymous.get("/v1/nothing").await.assert_problem(404, "route_not_found");
    let reply = app.anonymous.send(app.anonymous.request(Method::PUT, "/v1/products")).await;
    reply.assert_problem(405, "method_not_allowed");
    assert!(reply.header("allow").contains("POST"), "{:?}", reply.headers);
}

#[tokio::test]
async fn numbers_at_the_edge_of_what_is_allowed_are_kept() {
    let app = TestApp::start().await;
    let attributes = json!({ "a": 1e15, "b": -1e15, "c": 1e-9, "d": 0, "e": -0.0, "f": 123_456_789.125 });
    let mut body = product("edges", "E-1");
    body["attributes"] = attributes.clone();

    let made = app.draft(body).await;

    let read = app.editor.get(&format!("/v1/products/{}", id_of(&made))).await;
    for (name, number) in attributes.as_object().unwrap() {
        assert_eq!(read.body["attributes"][name].as_f64(), number.as_f64(), "{name}");
    }
}

#[tokio::test]
async fn options_fit_into_their_index_or_are_refused() {
    let app = TestApp::start().await;
    // Text that does not compress, in four bytes a character.
    let noise =
        |seed: u32| (0..100).map(move |n| char::from_u32(0x20000 + (seed * 7919 + n * 104_729) % 40_000).unwrap());
    let options = |count| (0..count).map(|n| (format!("o{n}"), noise(n).collect())).collect::<HashMap<_, String>>();
    let body =
        |count| json!({ "slug": "wide", "title": "Wide", "variants": [{ "sku": "W", "options": options(count) }] });

    let refused = app.editor.post("/v1/products", body(5)).await;
    let kept = app.editor.post("/v1/products", body(4)).await;

    assert_eq!(field_errors(&refused), [("/variants/0/options", "too_long")]);
    assert_eq!(kept.status, 201, "{}", kept.body);
}

#[tokio::test]
async fn the_largest_product_that_is_allowed_is_kept() {
    let app = TestApp::start().await;
    let wide = "ü".repeat(300);
    let attributes: serde_json::Map<_, _> = (0..58).map(|n| (format!("a{n}"), json!("ä".repeat(250)))).collect();
    let tags: Vec<_> = (0..50).map(|n| format!("{n}-{}", "t".repeat(40))).collect();
    let body = json!({
        "slug": "s".repeat(200), "title": wide, "description": "word ".repeat(4000),
        "attributes": attributes, "tags": tags,
    });

    let made = app.draft(body).await;

    assert_eq!(made.body["tags"].as_array().unwrap().len(), 50);
}
