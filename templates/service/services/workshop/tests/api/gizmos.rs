//! Gizmos: their life, and what they are safe from.

use std::collections::BTreeSet;

use portico_testkit::{App, Client, Reply, User};
use portico_workshop::SERVICE;
use reqwest::Method;
use serde_json::{Value, json};

use crate::gizmos_bodies::{FILTERS, REFERENCES, REQUIRED, SEARCHED, body, patch, wrong};

/// Makes one with every field.
pub async fn make(client: &Client, number: u32) -> Reply {
    let reply = client.post("/v1/gizmos", body(client, number).await).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply
}

async fn start() -> (App, Client) {
    let app = App::start(&SERVICE).await;
    let client = app.client(&User::customer());
    (app, client)
}

/// The fields of a body that an answer must repeat.
#[track_caller]
fn assert_shows(reply: &Reply, fields: &Value) {
    for (name, value) in fields.as_object().expect("an object") {
        assert_eq!(&reply.body[name], value, "{name} of {}", reply.body);
    }
}

#[track_caller]
fn ids(reply: &Reply) -> Vec<&str> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let items = reply.body["items"].as_array().expect("items");
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

#[track_caller]
fn pointers(reply: &Reply) -> BTreeSet<&str> {
    reply.assert_problem(422, "validation_failed");
    let errors = reply.body["errors"].as_array().expect("errors");
    errors.iter().map(|error| error["pointer"].as_str().expect("a pointer")).collect()
}

#[tokio::test]
async fn a_gizmo_is_made_shown_changed_and_deleted() {
    let (_app, client) = start().await;
    let fields = body(&client, 1).await;

    let made = client.post("/v1/gizmos", fields.clone()).await;
    assert_eq!((made.status.as_u16(), made.etag()), (201, "\"1\""), "{}", made.body);
    assert_shows(&made, &fields);
    let path = made.header("location");
    assert_eq!(client.get(path).await.body, made.body);
    let held = client.send(client.request(Method::GET, path).header("if-none-match", "\"1\"")).await;
    assert_eq!(held.status, 304);

    let changed = client.patch(path, "\"1\"", patch(1)).await;
    assert_eq!((changed.status.as_u16(), changed.etag()), (200, "\"2\""), "{}", changed.body);
    assert_shows(&changed, &patch(1));
    assert_eq!(client.get(path).await.body, changed.body);
    let same = client.patch(path, "\"2\"", patch(1)).await;
    assert_eq!((same.status.as_u16(), same.etag()), (200, "\"2\""));

    assert_eq!(client.delete(path, "\"2\"").await.status, 204);
    client.get(path).await.assert_problem(410, "gone");
    client.delete(path, "\"3\"").await.assert_problem(410, "gone");
    let listed = client.get("/v1/gizmos").await;
    assert!(!ids(&listed).contains(&made.body["id"].as_str().expect("an id")));
}

#[tokio::test]
async fn a_gizmo_does_not_exist_for_others() {
    let (app, client) = start().await;
    let made = make(&client, 1).await;
    let path = made.header("location");
    let other = app.client(&User::admin());

    other.get(path).await.assert_problem(404, "not_found");
    other.patch(path, "*", patch(1)).await.assert_problem(404, "not_found");
    other.delete(path, "*").await.assert_problem(404, "not_found");

    assert!(ids(&other.get("/v1/gizmos").await).is_empty());
    assert_eq!(client.get(path).await.body, made.body);
    make(&other, 1).await;
}

#[tokio::test]
async fn a_change_is_made_on_the_version_that_was_seen() {
    let (_app, client) = start().await;
    let path = make(&client, 1).await.header("location").to_owned();

    let blind = client.request(Method::PATCH, &path).header("content-type", "application/merge-patch+json");
    client.send(blind.body("{}")).await.assert_problem(428, "precondition_required");
    client.patch(&path, "\"7\"", patch(1)).await.assert_problem(412, "version_mismatch");
    client.delete(&path, "\"7\"").await.assert_problem(412, "version_mismatch");
    let wrong_type = client.request(Method::PATCH, &path).header("if-match", "\"1\"").json(&patch(1));
    client.send(wrong_type).await.assert_problem(415, "unsupported_media_type");
    assert_eq!(client.get(&path).await.etag(), "\"1\"");
}

#[tokio::test]
async fn of_changes_at_the_same_time_one_is_made() {
    let (_app, client) = start().await;
    let path = make(&client, 1).await.header("location").to_owned();

    let tries = (0..8).map(|number| {
        let (client, path) = (client.clone(), path.clone());
        tokio::spawn(async move { client.patch(&path, "\"1\"", patch(2 * number + 1)).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        statuses.push(attempt.await.expect("an answer"));
    }

    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    assert_eq!(client.get(&path).await.etag(), "\"2\"");
}

#[tokio::test]
async fn all_that_is_wrong_with_a_body_is_told_at_once() {
    let (_app, client) = start().await;
    let path = make(&client, 1).await.header("location").to_owned();
    let wrong_fields: Vec<String> =
        wrong().as_object().expect("an object").keys().map(|name| format!("/{name}")).collect();
    let expected: BTreeSet<&str> = wrong_fields.iter().map(String::as_str).collect();

    let mut sent = body(&client, 2).await;
    for (name, value) in wrong().as_object().expect("an object") {
        sent[name] = value.clone();
    }
    assert_eq!(pointers(&client.post("/v1/gizmos", sent).await), expected);
    assert_eq!(pointers(&client.patch(&path, "\"1\"", wrong()).await), expected);
    let missing: Vec<String> = REQUIRED.iter().map(|name| format!("/{name}")).collect();
    let told = client.post("/v1/gizmos", json!({})).await;
    assert_eq!(pointers(&told), missing.iter().map(String::as_str).collect());
    let unknown = client.post("/v1/gizmos", json!({ "no_such_field": 1 })).await;
    assert_eq!(pointers(&unknown), BTreeSet::from(["/no_such_field"]));
    client.get("/v1/gizmos?no_such_parameter=1").await.assert_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn what_is_referred_to_must_be_there_and_belong_to_the_caller() {
    let (app, client) = start().await;
    let other = app.client(&User::admin());
    make(&other, 1).await;
    let theirs = body(&other, 2).await;
    let ours = body(&client, 1).await;

    for field in REFERENCES {
        let pointer = format!("/{field}");
        for id in [json!("01890000-0000-7000-8000-000000000000"), theirs[field].clone()] {
            let mut fields = ours.clone();
            fields[field] = id;
            assert_eq!(pointers(&client.post("/v1/gizmos", fields).await), BTreeSet::from([pointer.as_str()]));
        }
    }
}

#[tokio::test]
async fn pages_hold_every_gizmo_once_and_the_newest_first() {
    let (_app, client) = start().await;
    for number in 0..5 {
        make(&client, number).await;
    }
    let all = client.get("/v1/gizmos").await;
    let all = ids(&all);

    let mut seen = Vec::new();
    let mut path = "/v1/gizmos?limit=2".to_owned();
    loop {
        let page = client.get(&path).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page.body["page"]["next_cursor"].as_str() else { break };
        path = format!("/v1/gizmos?limit=2&cursor={cursor}");
    }

    assert!(all.len() >= 5);
    assert_eq!(seen, all);
    assert!(all.is_sorted_by(|newer, older| newer > older), "{all:?}");
    client.get("/v1/gizmos?cursor=nonsense").await.assert_problem(400, "invalid_cursor");
    client.get("/v1/gizmos?limit=101").await.assert_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn lists_are_filtered() {
    let (_app, client) = start().await;
    let other = make(&client, 1).await;
    assert_eq!(client.patch(other.header("location"), "\"1\"", patch(2)).await.status, 200);
    let made = make(&client, 2).await;
    let id = made.body["id"].as_str().expect("an id");

    for filter in FILTERS {
        let value = &made.body[filter];
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let found = client.send(client.request(Method::GET, "/v1/gizmos").query(&[(filter, value)])).await;
        assert_eq!(ids(&found), [id], "{filter}");
    }
}

#[tokio::test]
async fn words_are_searched() {
    let (_app, client) = start().await;
    make(&client, 1).await;
    let made = make(&client, 2).await;
    let id = made.body["id"].as_str().expect("an id");

    for field in SEARCHED {
        let text = made.body[field].as_str().expect("text");
        let word = text.split_whitespace().nth(1).expect("words");
        let found = client.send(client.request(Method::GET, "/v1/gizmos").query(&[("q", word)])).await;
        assert_eq!(ids(&found), [id], "{field}");
    }
    assert!(ids(&client.get("/v1/gizmos?q=nobodywrotethis").await).is_empty());
    client.get("/v1/gizmos?q=").await.assert_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_unique_value_is_given_once_also_in_a_race() {
    let (_app, client) = start().await;
    let fields = body(&client, 1).await;

    let tries = (0..8).map(|_| {
        let (client, fields) = (client.clone(), fields.clone());
        tokio::spawn(async move { client.post("/v1/gizmos", fields).await })
    });
    let mut made = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        let reply = attempt.await.expect("an answer");
        if reply.status == 201 {
            made.push(reply);
        } else {
            reply.assert_problem(409, "taken");
        }
    }

    assert_eq!(made.len(), 1);
    client.delete(made[0].header("location"), "\"1\"").await;
    assert_eq!(client.post("/v1/gizmos", fields).await.status, 201);
}

#[tokio::test]
async fn a_request_that_is_repeated_under_its_key_makes_one_gizmo() {
    let (_app, client) = start().await;
    let fields = body(&client, 1).await;
    let before = ids(&client.get("/v1/gizmos").await).len();
    let post = |key: &'static str, fields: &Value| {
        client.send(client.request(Method::POST, "/v1/gizmos").header("idempotency-key", key).json(fields))
    };

    let first = post("a", &fields).await;
    let again = post("a", &fields).await;
    let mut changed = fields.clone();
    for (name, value) in patch(1).as_object().expect("an object") {
        changed[name] = value.clone();
    }
    let other = post("a", &changed).await;

    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!((&first.bytes, again.header("idempotency-replayed")), (&again.bytes, "true"));
    other.assert_problem(422, "idempotency_key_reused");
    assert_eq!(ids(&client.get("/v1/gizmos").await).len(), before + 1);
}

#[tokio::test]
async fn other_services_are_told_what_happened_in_its_order() {
    let (app, client) = start().await;
    let made = make(&client, 1).await;
    let (path, id) = (made.header("location"), &made.body["id"]);
    assert_eq!(client.patch(path, "\"1\"", patch(1)).await.status, 200);
    assert_eq!(client.delete(path, "\"2\"").await.status, 204);
    let feed = Client::new(app.service.internal);

    let mut told = Vec::new();
    let mut next = String::new();
    while told.len() < 3 {
        let after = if next.is_empty() { String::new() } else { format!("&after={next}") };
        let batch = feed.get(&format!("/internal/v1/events?wait=10{after}")).await;
        assert_eq!(batch.status, 200, "{}", batch.body);
        let items = batch.body["items"].as_array().expect("items").clone();
        assert!(!items.is_empty(), "no more is told after {told:?}");
        told.extend(items.into_iter().filter(|event| event["subject"] == *id));
        batch.body["next"].as_str().expect("a cursor").clone_into(&mut next);
    }

    let kinds: Vec<_> = told.iter().map(|event| (event["type"].as_str(), event["version"].as_i64())).collect();
    assert_eq!(
        kinds,
        [(Some("gizmo.created"), Some(1)), (Some("gizmo.changed"), Some(2)), (Some("gizmo.deleted"), Some(3))]
    );
    assert_eq!(told[0]["data"]["id"], *id);
    app.anonymous.get("/internal/v1/events").await.assert_problem(404, "route_not_found");
}
