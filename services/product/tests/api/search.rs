//! Search.

use serde_json::json;

use crate::helpers::{TestApp, id_of, slugs};

async fn shop() -> TestApp {
    let app = TestApp::start().await;
    for (slug, title, description, tags) in [
        ("headphones", "Studio headphones", "Closed, for long days.", json!(["audio"])),
        ("stand", "Walnut stand", "Holds headphones and a microphone.", json!(["desk"])),
        ("cable", "Braided cable", "Two metres.", json!(["headphones", "audio"])),
        ("mug", "Stoneware mug", "Keeps tea hot.", json!(["kitchen"])),
    ] {
        let sku = format!("{}-01", slug.to_uppercase());
        let variants = json!([{ "sku": sku }]);
        let body =
            json!({ "slug": slug, "title": title, "description": description, "tags": tags, "variants": variants });
        app.active(body).await;
    }
    app
}

#[tokio::test]
async fn a_word_in_the_title_counts_more_than_one_in_the_description() {
    let app = shop().await;

    let reply = app.anonymous.get("/v1/search?q=headphone").await;

    assert_eq!(slugs(&reply), ["headphones", "cable", "stand"]);
    assert_eq!(reply.body["items"][0]["variants"][0]["sku"], "HEADPHONES-01");
}

#[tokio::test]
async fn words_phrases_and_skus_are_understood() {
    let app = shop().await;

    for (query, expected) in [
        ("headphones+-studio", &["cable", "stand"][..]),
        ("%22closed+for+long%22", &["headphones"]),
        ("mug+or+cable", &["cable", "mug"]),
        ("MUG-01", &["mug"]),
        ("the", &[]),
        ("nothing", &[]),
        ("%22unclosed", &[]),
        ("%26%7C%21%28%29%3A*", &[]),
        ("%F0%9F%92%A9", &[]),
    ] {
        let reply = app.anonymous.get(&format!("/v1/search?q={query}")).await;
        let mut found = slugs(&reply);
        found.sort_unstable();

        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn an_excluded_word_stays_out_in_every_form_of_it() {
    let app = shop().await;

    for word in ["headphone", "headphones", "HEADPHONES"] {
        let found = app.anonymous.get(&format!("/v1/search?q=-{word}")).await;
        let listed = app.anonymous.get(&format!("/v1/products?q=-{word}")).await;

        assert_eq!(slugs(&found), ["mug"], "{word}");
        assert_eq!(slugs(&listed), ["mug"], "{word}");
    }
}

#[tokio::test]
async fn what_is_found_comes_page_by_page() {
    let app = shop().await;
    let first = app.anonymous.get("/v1/search?q=headphones&limit=2").await;
    let cursor = first.body["page"]["next_cursor"].as_str().unwrap();

    let second = app.anonymous.get(&format!("/v1/search?q=headphones&limit=2&cursor={cursor}")).await;
    let other = app.anonymous.get(&format!("/v1/search?q=mug&cursor={cursor}")).await;

    assert_eq!([slugs(&first), slugs(&second)].concat(), ["headphones", "cable", "stand"]);
    assert_eq!(second.body["page"]["has_more"], false);
    other.assert_problem(400, "cursor_mismatch");
}

#[tokio::test]
async fn search_follows_every_change_at_once() {
    let app = shop().await;
    let mug = app.editor.get("/v1/products/by-slug/mug").await;
    let path = format!("/v1/products/{}", id_of(&mug));

    let variant = app.editor.post(&format!("{path}/variants"), json!({ "sku": "GIFTBOX" })).await;
    assert_eq!(slugs(&app.anonymous.get("/v1/search?q=giftbox").await), ["mug"]);
    app.editor.delete(variant.header("location"), "\"1\"").await;
    assert!(slugs(&app.anonymous.get("/v1/search?q=giftbox").await).is_empty());
    let patched = app.editor.patch(&path, "*", json!({ "title": "Porcelain beaker" })).await;
    assert!(slugs(&app.anonymous.get("/v1/search?q=stoneware").await).is_empty());
    assert_eq!(slugs(&app.anonymous.get("/v1/search?q=beakers").await), ["mug"]);
    app.editor.delete(&path, patched.etag()).await;

    assert!(slugs(&app.anonymous.get("/v1/search?q=beakers").await).is_empty());
}

#[tokio::test]
async fn a_search_needs_words() {
    let app = TestApp::start().await;

    for query in ["", "q=", "q=+", "q=a&typo=off", "q=a&limit=0"] {
        app.anonymous.get(&format!("/v1/search?{query}")).await.assert_problem(400, "invalid_parameter");
    }
    let long = "x".repeat(201);
    app.anonymous.get(&format!("/v1/search?q={long}")).await.assert_problem(400, "invalid_parameter");
}
