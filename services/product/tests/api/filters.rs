//! Filters and sorts of the product list.

use serde_json::{Value, json};

use crate::helpers::{TestApp, slugs};

fn body(slug: &str, title: &str, tags: &[&str], attributes: &Value, prices: &Value) -> Value {
    let variants = json!([{ "sku": slug.to_uppercase(), "prices": prices }]);
    json!({ "slug": slug, "title": title, "tags": tags, "attributes": attributes, "variants": variants })
}

fn prices(eur: i64, usd: Option<i64>) -> Value {
    let eur = json!({ "amount_minor": eur, "currency": "EUR" });
    match usd {
        None => json!([eur]),
        Some(usd) => json!([eur, { "amount_minor": usd, "currency": "USD" }]),
    }
}

async fn shop() -> TestApp {
    let app = TestApp::start().await;
    let (teal, red) = (json!({ "color": "teal", "size": 5 }), json!({ "color": ["red", "blue"], "warm": true }));
    app.active(body("cap", "Cap", &["cotton"], &json!({ "color": "blue", "size": 10 }), &prices(900, None))).await;
    app.active(body("scarf", "Scarf", &["wool", "sale"], &teal, &prices(2500, Some(2700)))).await;
    app.active(body("hat", "Hat", &["wool"], &red, &prices(1800, Some(2000)))).await;
    app
}

#[tokio::test]
async fn filters_let_through_what_fits_all_of_them() {
    let app = shop().await;

    for (query, expected) in [
        ("", &["cap", "hat", "scarf"][..]),
        ("tag=wool", &["hat", "scarf"]),
        ("tag=wool&tag=sale", &["scarf"]),
        ("tag=cotton,sale", &["cap", "scarf"]),
        ("attr.color=teal", &["scarf"]),
        ("attr.color=blue", &["cap", "hat"]),
        ("attr.color=teal,red", &["hat", "scarf"]),
        ("attr.color=red&attr.color=blue", &["hat"]),
        ("attr.size=5", &["scarf"]),
        ("attr.size=5.0", &["scarf"]),
        ("attr.warm=true", &["hat"]),
        ("attr.warm=false", &[]),
        ("currency=USD", &["hat", "scarf"]),
        ("currency=EUR&price.gte=1800", &["hat", "scarf"]),
        ("currency=EUR&price.lt=1800", &["cap"]),
        ("currency=USD&price.gte=2000&price.lt=2700", &["hat"]),
        ("currency=JPY", &[]),
        ("q=scarfs", &["scarf"]),
        ("q=scarf+or+hat&tag=sale", &["scarf"]),
        ("q=%25%27%3B+DROP+TABLE+products", &[]),
    ] {
        let reply = app.anonymous.get(&format!("/v1/products?sort=title&{query}")).await;

        assert_eq!(slugs(&reply), expected, "{query}");
    }
}

#[tokio::test]
async fn a_category_holds_what_is_below_it() {
    let app = TestApp::start().await;
    let root = app.category("clothing", None).await;
    let leaf = app.category("scarves", Some(&root)).await;
    let other = app.category("gifts", None).await;
    for (slug, categories) in
        [("a", json!([root])), ("b", json!([leaf])), ("c", json!([leaf, other])), ("d", json!([]))]
    {
        let mut body = body(slug, slug, &[], &json!({}), &json!([]));
        body["category_ids"] = categories;
        app.active(body).await;
    }

    for (query, expected) in [
        (format!("category={root}"), &["a", "b", "c"][..]),
        (format!("category={leaf}"), &["b", "c"]),
        (format!("category={root}&category={other}"), &["c"]),
    ] {
        let reply = app.anonymous.get(&format!("/v1/products?sort=title&{query}")).await;

        assert_eq!(slugs(&reply), expected, "{query}");
    }
}

#[tokio::test]
async fn lists_are_sorted_both_ways() {
    let app = shop().await;
    let path = "/v1/products/by-slug/cap";
    let cap = app.editor.get(path).await;
    let by_id = format!("/v1/products/{}", cap.body["id"].as_str().unwrap());
    app.editor.patch(&by_id, cap.etag(), json!({ "title": "Xtra cap" })).await;

    for (sort, expected) in [
        ("created_at", ["cap", "scarf", "hat"]),
        ("-created_at", ["hat", "scarf", "cap"]),
        ("updated_at", ["scarf", "hat", "cap"]),
        ("-updated_at", ["cap", "hat", "scarf"]),
        ("title", ["hat", "scarf", "cap"]),
        ("-title", ["cap", "scarf", "hat"]),
        ("price&currency=EUR", ["cap", "hat", "scarf"]),
        ("-price&currency=EUR", ["scarf", "hat", "cap"]),
    ] {
        let reply = app.anonymous.get(&format!("/v1/products?sort={sort}")).await;

        assert_eq!(slugs(&reply), expected, "{sort}");
    }
}

#[tokio::test]
async fn the_lowest_price_of_one_piece_is_what_counts() {
    let app = TestApp::start().await;
    let variants = json!([
        { "sku": "A", "prices": [{ "amount_minor": 500, "currency": "EUR" }, { "amount_minor": 1, "currency": "EUR", "min_quantity": 100 }] },
        { "sku": "B", "prices": [{ "amount_minor": 300, "currency": "EUR" }] },
    ]);
    let made = app.active(json!({ "slug": "cup", "title": "Cup", "variants": variants })).await;
    let below = |price| format!("/v1/products?currency=EUR&price.lt={price}");
    assert!(slugs(&app.anonymous.get(&below(300)).await).is_empty());
    assert_eq!(slugs(&app.anonymous.get(&below(301)).await), ["cup"]);

    let cheap = &made.body["variants"][1];
    let path = format!("/v1/products/{}/variants/{}", made.body["id"].as_str().unwrap(), cheap["id"].as_str().unwrap());
    app.editor.delete(&path, "\"1\"").await;

    assert!(slugs(&app.anonymous.get(&below(301)).await).is_empty());
    assert_eq!(slugs(&app.anonymous.get(&below(501)).await), ["cup"]);
}
