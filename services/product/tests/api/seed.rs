//! Demonstration data.

use std::collections::HashSet;

use chrono::DateTime;
use portico_common::clock::Clock;
use serde_json::Value;

use crate::helpers::{TestApp, slugs};

#[tokio::test]
async fn the_demonstration_shop_is_believable() {
    let app = TestApp::start().await;

    portico_product::seed(&app.db.pool, Clock::system().now()).await.unwrap();

    let active = app.anonymous.get("/v1/products?limit=100").await;
    let items = active.body["items"].as_array().unwrap();
    assert!(items.len() >= 60, "{}", items.len());
    for item in items {
        assert!(!item["description"].as_str().unwrap().is_empty(), "{}", item["slug"]);
        assert_eq!(item["category_ids"].as_array().unwrap().len(), 1, "{}", item["slug"]);
        for variant in item["variants"].as_array().unwrap() {
            let currencies: HashSet<_> =
                variant["prices"].as_array().unwrap().iter().map(|p| p["currency"].as_str().unwrap()).collect();
            assert_eq!(currencies, HashSet::from(["EUR", "JPY", "USD"]), "{}", variant["sku"]);
        }
    }
    let categories = app.anonymous.get("/v1/categories?limit=100").await;
    let depth = |category: &Value| category["path"].as_array().unwrap().len();
    assert_eq!(categories.body["items"].as_array().unwrap().iter().map(depth).max(), Some(3));
}

#[tokio::test]
async fn a_second_seed_changes_nothing() {
    let app = TestApp::start().await;
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let everything = "/v1/products?status=draft,active,archived&limit=100";
    let made = portico_product::seed(&app.db.pool, now).await.unwrap();
    let doomed = app.editor.get(everything).await.body["items"][0].clone();
    app.editor.delete(&format!("/v1/products/{}", doomed["id"].as_str().unwrap()), "*").await;
    let before = app.editor.get(everything).await;

    let again = portico_product::seed(&app.db.pool, now).await.unwrap();

    assert_eq!(slugs(&before).len(), made - 1);
    assert_eq!(again, 0);
    assert_eq!(app.editor.get(everything).await.body, before.body);
}
