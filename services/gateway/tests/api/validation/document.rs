//! Which document is in force.

use std::fs;

use portico_gateway::{ProxyConfig, RouteFile};
use portico_testkit::{Client, Issuer};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{ROUTES, document};
use crate::helpers::{PATIENCE, Suite, Upstream, start_gateway_with_file, until_answered};

async fn until_standing(gateway: &Client, standing: &str) {
    let told = async { while gateway.get("/admin").await.body["documents"][0]["standing"] != standing {} };
    timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("the document is never {standing}"));
}

fn with_path(path: &str, operation: &Value) -> Value {
    let mut document = document();
    document["paths"][path] = json!({ "get": operation });
    document
}

#[tokio::test]
async fn nothing_passes_while_there_is_no_document_and_all_of_it_once_there_is() {
    let upstream = Upstream::start_unpublished().await;
    let suite = Suite::in_front_of(upstream, ROUTES, ProxyConfig::default()).await;

    let early = suite.client().get("/v1/shop/things").await;
    let unchecked = suite.client().get("/v1/shop/unchecked/x").await;

    early.assert_problem(503, "not_ready");
    assert_eq!(early.header("retry-after"), "1");
    assert_eq!((unchecked.status.as_u16(), suite.upstream.hits()), (200, 1));
    suite.upstream.publish_as(document());
    until_answered(&suite.client(), "/v1/shop/things", 200).await;
}

#[tokio::test]
async fn a_new_path_is_let_through_when_the_file_is_read_again_and_a_bad_document_changes_nothing() {
    let (issuer, upstream) = (Issuer::start().await, Upstream::start_with(document()).await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portico.toml");
    let routes = ROUTES.replace("UPSTREAM", &upstream.address.to_string());
    fs::write(&path, &routes).unwrap();
    let gateway = start_gateway_with_file(&path, issuer.config()).await;
    let (client, internal) = (gateway.client(), Client::new(gateway.internal));
    assert_eq!(client.get("/v1/shop/new").await.status, 404);

    upstream.publish_as(with_path("/v1/shop/new", &json!({})));
    fs::write(&path, format!("{routes}# again\n")).unwrap();
    until_answered(&client, "/v1/shop/new", 200).await;

    let bad = json!({ "parameters": [{ "name": "q", "in": "query", "schema": { "pattern": "(?=a)b" } }] });
    upstream.publish_as(with_path("/v1/shop/newer", &bad));
    fs::write(&path, format!("{routes}# and again\n")).unwrap();
    until_standing(&internal, "refused; the one before is in force").await;
    let metrics = String::from_utf8(internal.get("/metrics").await.bytes).unwrap();

    assert!(metrics.contains("\nportico_gateway_documents_last_read_successful 0\n"), "{metrics}");
    assert_eq!(client.get("/v1/shop/newer").await.status, 404);
    assert_eq!(client.get("/v1/shop/new").await.status, 200);
}

#[tokio::test]
async fn a_document_that_cannot_be_checked_lets_nothing_through() {
    for operation in [
        json!({ "parameters": [{ "name": "q", "in": "query", "schema": { "type": "object" } }] }),
        json!({ "parameters": [{ "name": "q", "in": "query", "content": { "application/json": {} } }] }),
        json!({ "parameters": [{ "name": "q", "in": "path", "style": "matrix", "schema": { "type": "array" } }] }),
        json!({ "parameters": [{ "$ref": "#/nowhere" }] }),
        json!({ "requestBody": { "content": { "application/json": { "schema": { "$ref": "http://127.0.0.1:1/x" } } } } }),
        json!({ "requestBody": {} }),
    ] {
        let upstream = Upstream::start_with(with_path("/v1/shop/bad", &operation)).await;
        let suite = Suite::in_front_of(upstream, ROUTES, ProxyConfig::default()).await;

        let reply = suite.client().get("/v1/shop/things").await;

        assert_eq!((reply.status.as_u16(), suite.upstream.hits()), (503, 0), "{operation}");
        let told = Client::new(suite.gateway.internal).get("/admin").await.body["documents"][0]["standing"].clone();
        assert_eq!(told, "refused; nothing is let through", "{operation}");
    }
}

#[tokio::test]
async fn a_guest_s_document_is_where_it_says() {
    let routes = r#"
        [[routes]]
        prefix = "/v1/shop"
        url = "http://UPSTREAM"
        token = "ignored"
        openapi = "/openapi.json"
        validate = true
    "#;
    let suite = Suite::in_front_of(Upstream::start_with(document()).await, routes, ProxyConfig::default()).await;

    suite.client().get("/v1/shop/things?limit=0").await.assert_problem(400, "invalid_parameter");
    assert_eq!(suite.client().get("/v1/shop/things").await.status, 200);
    let error = RouteFile::parse(&routes.replace("openapi =", "#").replace("UPSTREAM", "a:1")).unwrap_err();
    assert!(error.to_string().contains("routes[0].validate"), "{error:#}");
}
