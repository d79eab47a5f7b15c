//! Many callers at once.

use portico_testkit::Reply;
use serde_json::json;
use tokio::task::JoinSet;

use crate::helpers::{TestApp, id_of, product};

async fn at_once(calls: impl IntoIterator<Item = impl Future<Output = Reply> + Send + 'static>) -> Vec<Reply> {
    calls.into_iter().collect::<JoinSet<_>>().join_all().await
}

fn count(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_patches_of_one_version_exactly_one_succeeds() {
    let app = TestApp::start().await;
    let path = app.draft(product("wool-scarf", "WS-1")).await.header("location").to_owned();

    let replies = at_once((0..20).map(|n| {
        let (editor, path) = (app.editor.clone(), path.clone());
        async move { editor.patch(&path, "\"1\"", json!({ "title": format!("Title {n}") })).await }
    }))
    .await;

    assert_eq!((count(&replies, 200), count(&replies, 412)), (1, 19));
    assert_eq!(app.editor.get(&path).await.etag(), "\"2\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_products_with_one_slug_exactly_one_is_made() {
    let app = TestApp::start().await;

    let replies = at_once((0..20).map(|n| {
        let editor = app.editor.clone();
        async move { editor.post("/v1/products", product("wool-scarf", &format!("WS-{n}"))).await }
    }))
    .await;

    assert_eq!((count(&replies, 201), count(&replies, 409)), (1, 19));
    let refused = replies.iter().find(|reply| reply.status == 409).unwrap();
    refused.assert_problem(409, "slug_taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn products_with_the_same_skus_in_any_order_do_not_lock_each_other_out() {
    let app = TestApp::start().await;

    let replies = at_once((0..20).map(|n: usize| {
        let editor = app.editor.clone();
        let mut skus: Vec<_> = (0..8).map(|sku| json!({ "sku": format!("S-{sku}") })).collect();
        skus.rotate_left(n % 8);
        let body = json!({ "slug": format!("p-{n}"), "title": "P", "variants": skus });
        async move { editor.post("/v1/products", body).await }
    }))
    .await;

    assert_eq!((count(&replies, 201), count(&replies, 409)), (1, 19));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_one_of_parallel_variants_counts_the_product_up() {
    let app = TestApp::start().await;
    let made = app.draft(product("wool-scarf", "WS-0")).await;
    let path = format!("{}/variants", made.header("location"));

    let replies = at_once((1..=10).map(|n| {
        let (editor, path) = (app.editor.clone(), path.clone());
        async move { editor.post(&path, json!({ "sku": format!("WS-{n}") })).await }
    }))
    .await;

    assert_eq!(count(&replies, 201), 10);
    let product = app.editor.get(made.header("location")).await;
    assert_eq!(product.etag(), "\"11\"");
    assert_eq!(product.body["variants"].as_array().unwrap().len(), 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_category_is_not_deleted_under_a_product_that_is_being_put_into_it() {
    let app = TestApp::start().await;

    for n in 0..10 {
        let category = app.category(&format!("c-{n}"), None).await;
        let path = format!("/v1/categories/{category}");
        let mut body = product(&format!("p-{n}"), &format!("P-{n}"));
        body["category_ids"] = json!([category]);
        let (made, deleted) = tokio::join!(app.editor.post("/v1/products", body), app.editor.delete(&path, "\"1\""));

        match (made.status.as_u16(), deleted.status.as_u16()) {
            (201, 409) => {
                let listed = app.editor.get(&format!("/v1/products?status=draft&category={category}")).await;
                assert_eq!(listed.body["items"][0]["id"], id_of(&made));
            }
            (422, 204) => {}
            other => panic!("{other:?}: {} {}", made.body, deleted.body),
        }
    }
}
