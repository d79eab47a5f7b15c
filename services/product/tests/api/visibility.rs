//! Who sees what, who may change it, and what caches may keep.

use reqwest::Method;
use serde_json::json;

use crate::helpers::{TestApp, id_of, product, slugs};

#[tokio::test]
async fn drafts_and_archived_products_are_for_editors_only() {
    let app = TestApp::start().await;
    let draft = app.draft(product("a-draft", "D-1")).await;
    let archived = app.active(product("an-archived", "A-1")).await;
    app.editor.post(&format!("/v1/products/{}/archive", id_of(&archived)), json!({})).await;

    for (product, sku) in [(&draft, "D-1"), (&archived, "A-1")] {
        let (id, slug) = (id_of(product), product.body["slug"].as_str().unwrap());
        let variant = product.body["variants"][0]["id"].as_str().unwrap();
        for path in [
            format!("/v1/products/{id}"),
            format!("/v1/products/by-slug/{slug}"),
            format!("/v1/products/{id}/variants"),
            format!("/v1/products/{id}/variants/{variant}"),
            format!("/v1/variants/by-sku/{sku}"),
            format!("/v1/variants/{variant}/prices"),
        ] {
            app.anonymous.get(&path).await.assert_problem(404, "not_found");
            app.customer.get(&path).await.assert_problem(404, "not_found");
            assert_eq!(app.editor.get(&path).await.status, 200, "{path}");
        }
    }
    for path in ["/v1/products", "/v1/products?q=scarf", "/v1/search?q=scarf", "/v1/products?attr.color=teal"] {
        assert!(slugs(&app.anonymous.get(path).await).is_empty(), "{path}");
    }
}

#[tokio::test]
async fn other_statuses_than_active_are_listed_for_editors_only() {
    let app = TestApp::start().await;
    app.draft(product("a-draft", "D-1")).await;
    app.active(product("an-active", "A-1")).await;

    app.anonymous.get("/v1/products?status=draft").await.assert_problem(401, "unauthenticated");
    let refused = app.customer.get("/v1/products?status=active,draft").await;
    refused.assert_problem(403, "insufficient_scope");
    assert!(refused.header("www-authenticate").contains("scope=\"products:read_all\""));
    assert_eq!(slugs(&app.editor.get("/v1/products").await), ["an-active"]);
    assert_eq!(slugs(&app.editor.get("/v1/products?status=draft").await), ["a-draft"]);
    assert_eq!(slugs(&app.editor.get("/v1/products?status=draft,active&sort=title").await).len(), 2);
}

#[tokio::test]
async fn only_editors_change_the_catalogue() {
    let app = TestApp::start().await;
    let made = app.active(product("wool-scarf", "WS-1")).await;
    let (id, variant) = (id_of(&made), made.body["variants"][0]["id"].as_str().unwrap());
    let category = app.category("scarves", None).await;

    for (method, path) in [
        (Method::POST, "/v1/products".to_owned()),
        (Method::PATCH, format!("/v1/products/{id}")),
        (Method::DELETE, format!("/v1/products/{id}")),
        (Method::POST, format!("/v1/products/{id}/publish")),
        (Method::POST, format!("/v1/products/{id}/archive")),
        (Method::POST, format!("/v1/products/{id}/variants")),
        (Method::PATCH, format!("/v1/products/{id}/variants/{variant}")),
        (Method::DELETE, format!("/v1/products/{id}/variants/{variant}")),
        (Method::PUT, format!("/v1/variants/{variant}/prices")),
        (Method::POST, "/v1/categories".to_owned()),
        (Method::PATCH, format!("/v1/categories/{category}")),
        (Method::DELETE, format!("/v1/categories/{category}")),
    ] {
        let without = app.anonymous.send(app.anonymous.request(method.clone(), &path)).await;
        let customer = app.customer.send(app.customer.request(method.clone(), &path)).await;

        without.assert_problem(401, "unauthenticated");
        assert_eq!(without.header("www-authenticate"), "Bearer", "{method} {path}");
        customer.assert_problem(403, "insufficient_scope");
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_even_where_none_is_needed() {
    let app = TestApp::start().await;

    let reply = app.anonymous.with_token("nonsense").get("/v1/products").await;

    reply.assert_problem(401, "invalid_token");
}

#[tokio::test]
async fn shared_caches_keep_only_what_everybody_may_see() {
    let app = TestApp::start().await;
    let made = app.active(product("wool-scarf", "WS-1")).await;
    let path = format!("/v1/products/{}", id_of(&made));
    let public = "public, max-age=30, stale-while-revalidate=60";

    for path in [path.as_str(), "/v1/products", "/v1/search?q=scarf", "/v1/variants/by-sku/WS-1", "/v1/categories"] {
        assert_eq!(app.anonymous.get(path).await.header("cache-control"), public, "{path}");
        assert_eq!(app.customer.get(path).await.header("cache-control"), "private, no-cache", "{path}");
        assert_eq!(app.editor.get(path).await.header("cache-control"), "private, no-cache", "{path}");
    }
    assert_eq!(app.anonymous.get("/v1/products/by-slug/none").await.header("cache-control"), "no-store");
}
