//! `Idempotency-Key` behind several gateways: one effect and one answer, whichever is asked, and even if one dies.

use std::time::Duration;

use portico_testkit::{Client, Reply};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::helpers::TestSuite;

/// Longer than anything that works takes.
const PATIENCE: Duration = Duration::from_mins(1);

fn product(number: usize, title: &str) -> Value {
    json!({
        "slug": format!("keyed-{number}"), "title": title, "attributes": {},
        "variants": [{ "sku": format!("KEYED-{number}"), "prices": [{ "amount_minor": 1999, "currency": "EUR" }] }],
    })
}

fn keyed(client: &Client, key: &str, body: &Value) -> RequestBuilder {
    client.request(Method::POST, "/v1/products").header("idempotency-key", key).json(body)
}

/// Asks as a client should: again while the first request is running.
async fn answer(client: &Client, key: &str, body: &Value) -> Reply {
    let asking = async {
        loop {
            let reply = client.send(keyed(client, key, body)).await;
            if reply.body["code"] != "idempotency_in_flight" {
                return reply;
            }
            assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (409, "1"));
        }
    };
    timeout(PATIENCE, asking).await.expect("an answer")
}

/// How many products have a slug of these tests.
async fn made(editor: &Client) -> usize {
    let drafts = editor.get("/v1/products?status=draft&limit=100").await.body;
    let items = drafts["items"].as_array().expect("drafts");
    items.iter().filter(|item| item["slug"].as_str().is_some_and(|slug| slug.starts_with("keyed-"))).count()
}

#[tokio::test]
async fn fifty_at_once_through_three_gateways_have_one_effect_and_one_answer() {
    let suite = TestSuite::start().await;
    let editor = suite.client_as("editor").await;
    let token = suite.login("editor").await["access_token"].as_str().unwrap().to_owned();
    let others = [suite.another_gateway().await, suite.another_gateway().await];
    let clients = [editor.clone(), others[0].client().with_token(token.clone()), others[1].client().with_token(token)];
    let body = product(1, "Once");

    let mut asking = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (client, body) = (clients[number % clients.len()].clone(), body.clone());
        asking.spawn(async move { answer(&client, "once", &body).await });
    }
    let replies = asking.join_all().await;
    let other_body = clients[1].send(keyed(&clients[1], "once", &product(2, "Twice"))).await;

    assert!(
        replies.iter().all(|reply| reply.status == 201),
        "{:?}",
        replies.iter().map(|reply| reply.status).collect::<Vec<_>>()
    );
    assert!(replies.iter().all(|reply| reply.bytes == replies[0].bytes), "one answer");
    let first_hand = replies.iter().filter(|reply| reply.header("idempotency-replayed").is_empty()).count();
    assert_eq!(first_hand, 1);
    other_body.assert_problem(422, "idempotency_key_reused");
    assert_eq!(made(&editor).await, 1);
}

#[tokio::test]
async fn a_gateway_that_dies_with_requests_on_their_way_makes_nothing_twice() {
    const COUNT: usize = 40;
    let suite = TestSuite::start().await;
    let editor = suite.client_as("editor").await;
    let token = suite.login("editor").await["access_token"].as_str().unwrap().to_owned();
    let dying = suite.another_gateway().await;
    let through_it = dying.client().with_token(token);

    let mut asking = tokio::task::JoinSet::new();
    for number in 0..COUNT {
        let request = keyed(&through_it, &format!("key-{number}"), &product(number, "Once"));
        asking.spawn(async move { request.send().await.is_ok_and(|reply| reply.status() == 201) });
    }
    // Some have been answered by then, and some have not.
    let first = asking.join_next().await;
    dying.task.abort();
    let answered =
        asking.join_all().await.into_iter().chain(first.map(Result::unwrap)).filter(|is_made| *is_made).count();
    let mut again = Vec::new();
    for number in 0..COUNT {
        again.push(answer(&editor, &format!("key-{number}"), &product(number, "Once")).await);
    }

    // A second effect would have met the slug of the first: 409.
    assert!(
        again.iter().all(|reply| reply.status == 201),
        "{:?}",
        again.iter().map(|reply| &reply.body).collect::<Vec<_>>()
    );
    let replayed = again.iter().filter(|reply| reply.header("idempotency-replayed") == "true").count();
    assert!((answered..=COUNT).contains(&replayed), "{answered} answered, {replayed} replayed");
    assert_eq!(made(&editor).await, COUNT);
}
