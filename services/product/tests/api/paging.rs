//! Pages and cursors.

use portico_testkit::Client;
use serde_json::json;

use crate::helpers::{TestApp, product, slugs};

fn next(reply: &portico_testkit::Reply) -> Option<String> {
    let link = reply.header("link");
    assert_eq!(link.is_empty(), reply.body["page"]["next_cursor"].is_null());
    assert_eq!(link.is_empty(), reply.body["page"]["has_more"] == false);
    let next = link.strip_prefix('<')?.split('>').next()?;
    assert!(link.ends_with("; rel=\"next\""));
    Some(next.to_owned())
}

async fn walk(client: &Client, first: &str) -> Vec<String> {
    let mut path = Some(first.to_owned());
    let mut seen = Vec::new();
    while let Some(at) = path {
        let page = client.get(&at).await;
        seen.extend(slugs(&page).into_iter().map(str::to_owned));
        path = next(&page);
    }
    seen
}

#[tokio::test]
async fn a_walk_sees_everything_once_whatever_the_sort() {
    let app = TestApp::start().await;
    for n in 0..7 {
        let mut body = product(&format!("p-{n}"), &format!("P-{n}"));
        body["title"] = format!("Title {}", n % 3).into();
        body["variants"][0]["prices"][0]["amount_minor"] = (100 * (n % 2)).into();
        app.active(body).await;
    }

    for sort in ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title", "price", "-price"] {
        let path = |limit| format!("/v1/products?currency=EUR&sort={sort}&limit={limit}");
        let in_one = walk(&app.anonymous, &path(100)).await;
        let in_steps = walk(&app.anonymous, &path(2)).await;

        assert_eq!(in_one.len(), 7, "{sort}");
        assert_eq!(in_steps, in_one, "{sort}");
    }
}

#[tokio::test]
async fn a_walk_misses_and_repeats_nothing_while_products_come_and_go() {
    let app = TestApp::start().await;
    let mut going = Vec::new();
    for n in 0..12 {
        let made = app.active(product(&format!("p-{n:02}"), &format!("P-{n}"))).await;
        if n % 4 == 1 {
            going.push(made);
        }
    }
    let staying: Vec<_> = (0..12).rev().filter(|n| n % 4 != 1).map(|n| format!("p-{n:02}")).collect();

    let mut path = Some("/v1/products?limit=2".to_owned());
    let (mut seen, mut step) = (Vec::new(), 0);
    while let Some(at) = path {
        let page = app.anonymous.get(&at).await;
        seen.extend(slugs(&page).into_iter().map(str::to_owned));
        path = next(&page);
        step += 1;
        app.active(product(&format!("new-{step}"), &format!("N-{step}"))).await;
        if let Some(gone) = going.pop() {
            let path = format!("/v1/products/{}", gone.body["id"].as_str().unwrap());
            assert_eq!(app.editor.delete(&path, gone.etag()).await.status, 204);
        }
    }

    seen.retain(|slug| staying.contains(slug));
    assert_eq!(seen, staying);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_query_only() {
    let app = TestApp::start().await;
    for n in 0..3 {
        app.active(product(&format!("p-{n}"), &format!("P-{n}"))).await;
    }
    let first = app.anonymous.get("/v1/products?limit=1&sort=title&tag=a,b&attr.x=1").await;
    assert!(slugs(&first).is_empty());
    let first = app.anonymous.get("/v1/products?limit=1&sort=title").await;
    let cursor = first.body["page"]["next_cursor"].as_str().unwrap();

    for query in
        ["sort=-title", "sort=created_at", "sort=title&tag=wool", "sort=title&q=scarf", "sort=title&currency=EUR"]
    {
        let reply = app.anonymous.get(&format!("/v1/products?{query}&cursor={cursor}")).await;

        reply.assert_problem(400, "cursor_mismatch");
    }
    let reply = app.anonymous.get(&format!("/v1/search?q=scarf&cursor={cursor}")).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    let larger = app.anonymous.get(&format!("/v1/products?sort=title&limit=50&cursor={cursor}")).await;
    assert_eq!(slugs(&larger).len(), 2);
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_is_refused() {
    let app = TestApp::start().await;
    for n in 0..2 {
        app.active(product(&format!("p-{n}"), &format!("P-{n}"))).await;
    }
    let first = app.anonymous.get("/v1/products?limit=1").await;
    let cursor = first.body["page"]["next_cursor"].as_str().unwrap();

    for at in [0, 5, cursor.len() / 2, cursor.len() - 4] {
        let mut forged = cursor.to_owned().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        let reply = app.anonymous.get(&format!("/v1/products?limit=1&cursor={forged}")).await;

        assert_eq!(reply.status, 400, "{at}: {}", reply.body);
    }
    for garbage in ["", "x", "%F0%9F%92%A9", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let reply = app.anonymous.get(&format!("/v1/products?cursor={garbage}")).await;

        assert_eq!(reply.status, 400, "{garbage}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_list_of_nothing_is_a_page() {
    let app = TestApp::start().await;

    let reply = app.anonymous.get("/v1/products").await;

    assert_eq!(reply.body, json!({ "items": [], "page": { "next_cursor": null, "has_more": false } }));
}
