//! What a change makes of what is stored: of what clients change, and of the route file.

use std::fs;

use axum::response::IntoResponse as _;
use http::{Method, StatusCode};
use portico_testkit::{Issuer, User};
use serde_json::json;
use tokio::time::timeout;

use super::origin::{Origin, numbered};
use super::{ROUTES, suite, text, until_metric};
use crate::helpers::{PATIENCE, start_gateway_with_file};

/// Answers reads with its number, and changes with what their path says.
async fn changing() -> Origin {
    Origin::start(|head, number| match head.method {
        Method::GET => numbered(&[("cache-control", "max-age=60")], number),
        _ if head.uri.path().ends_with("refused") => StatusCode::CONFLICT.into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
    .await
}

#[tokio::test]
async fn a_change_ends_what_is_stored_of_its_path_with_any_query() {
    let origin = changing().await;
    let suite = suite(&origin).await;
    let (client, owner) = (suite.client(), suite.client().with_token(suite.issuer.token(&User::customer())));
    let paths = ["/v1/public/x", "/v1/public/x?a=1", "/v1/public/x/y"];
    let read = async || {
        let mut texts = Vec::new();
        for path in paths {
            texts.push(text(&client.get(path).await));
        }
        texts
    };
    let before = read().await;

    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let unchanged = read().await;
        owner.send(owner.request(method.clone(), "/v1/public/x")).await;
        let changed = read().await;

        assert!(changed[0] != unchanged[0] && changed[1] != unchanged[1], "{method}: {unchanged:?} then {changed:?}");
        assert_eq!(changed[2], before[2], "{method}: another path");
    }
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing() {
    let origin = changing().await;
    let suite = suite(&origin).await;
    let client = suite.client();
    let before = text(&client.get("/v1/public/refused").await);

    client.post("/v1/public/refused", json!({})).await;

    assert_eq!(text(&client.get("/v1/public/refused").await), before);
}

#[tokio::test]
async fn an_answer_from_before_a_change_is_not_kept_after_it() {
    let origin = changing().await;
    let suite = suite(&origin).await;
    let client = suite.client();
    origin.hold();
    let asking = client.clone();
    let before = tokio::spawn(async move { asking.get("/v1/public/x").await });
    origin.until_asked(1).await;
    client.post("/v1/public/x", json!({})).await;

    // One who asks after the change does not get what was asked for before it.
    let asking = client.clone();
    let after = tokio::spawn(async move { asking.get("/v1/public/x").await });
    origin.until_asked(3).await;
    until_metric(&suite, "requests_in_flight", 2).await;
    origin.open();

    let answered = timeout(PATIENCE, async { (before.await.unwrap(), after.await.unwrap()) });
    let (before, after) = answered.await.expect("answers in time");
    assert_eq!((text(&before), text(&after)), ("1".to_owned(), "3".to_owned()));
    assert_eq!(text(&client.get("/v1/public/x").await), "3");
}

#[tokio::test]
async fn a_route_that_leads_elsewhere_gives_nothing_of_before() {
    let (issuer, old, new) = (Issuer::start().await, changing().await, Origin::counting(&[("x-new", "1")]).await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portico.toml");
    let routes = |origin: &Origin| ROUTES.replace("ORIGIN", &origin.address.to_string());
    fs::write(&path, routes(&old)).unwrap();
    let gateway = start_gateway_with_file(&path, issuer.config()).await;
    let client = gateway.client();
    assert_eq!(text(&client.get("/v1/public/x").await), "1");

    // Another file that leads to the same place changes nothing of what is stored.
    fs::write(
        &path,
        format!("{}\n[[routes]]\nprefix = \"/v1/marker\"\nservice = \"shop\"\ntoken = \"optional\"\n", routes(&old)),
    )
    .unwrap();
    let is_taken = async { while client.get("/v1/marker").await.status == 404 {} };
    timeout(PATIENCE, is_taken).await.expect("the file in time");
    let kept = old.asked();
    client.get("/v1/public/x").await;
    assert_eq!(old.asked(), kept);
    fs::write(&path, routes(&new)).unwrap();
    let is_new = async { while client.get("/v1/public/x").await.header("x-new") != "1" {} };
    timeout(PATIENCE, is_new).await.expect("the new service in time");

    assert_eq!(old.asked(), kept);
}
