//! The OpenAPI document, health, and what the service says of itself.

use std::collections::{BTreeMap, HashSet};

use portico_testkit::Client;
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::TestApp;

fn operations(document: &Value) -> BTreeMap<String, Vec<(String, Value)>> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = |item: &Value| item.as_object().expect("a path").clone().into_iter().collect();
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[tokio::test]
async fn the_document_is_served_and_is_the_one_the_code_makes() {
    let app = TestApp::start().await;

    let reply = app.anonymous.get("/openapi.json").await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, serde_json::to_value(portico_product::SERVICE.api()).unwrap());
    assert!(reply.body["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[tokio::test]
async fn documented_operations_are_served_and_no_others_of_their_paths() {
    let app = TestApp::start().await;
    let document = serde_json::to_value(portico_product::SERVICE.api()).unwrap();

    for (path, operations) in operations(&document) {
        let address = path.replace("{id}", "x").replace("{vid}", "x").replace("{slug}", "x").replace("{sku}", "x");
        // A method no route takes: the answer names those the path takes.
        let reply = app.anonymous.send(app.anonymous.request(Method::TRACE, &address)).await;
        reply.assert_problem(405, "method_not_allowed");
        let mut served: Vec<_> = reply.header("allow").split(',').filter(|method| *method != "HEAD").collect();
        let mut documented: Vec<_> = operations.iter().map(|(method, _)| method.to_uppercase()).collect();
        served.sort_unstable();
        documented.sort_unstable();

        assert_eq!(documented, served, "{path}");
    }
}

#[tokio::test]
async fn the_document_covers_every_path_of_the_api() {
    let document = serde_json::to_value(portico_product::SERVICE.api()).unwrap();

    let documented: Vec<_> = operations(&document).into_keys().collect();

    let expected = [
        "/v1/categories",
        "/v1/categories/{id}",
        "/v1/products",
        "/v1/products/by-slug/{slug}",
        "/v1/products/{id}",
        "/v1/products/{id}/archive",
        "/v1/products/{id}/publish",
        "/v1/products/{id}/variants",
        "/v1/products/{id}/variants/{vid}",
        "/v1/search",
        "/v1/variants/by-sku/{sku}",
        "/v1/variants/{vid}/prices",
    ];
    assert_eq!(documented, expected);
}

#[test]
fn operations_have_a_name_a_summary_a_tag_and_a_success() {
    let document = serde_json::to_value(portico_product::SERVICE.api()).unwrap();
    let mut names = HashSet::new();

    for (path, operations) in operations(&document) {
        for (method, operation) in operations {
            assert!(names.insert(operation["operationId"].clone()), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(["products", "categories"].contains(&operation["tags"][0].as_str().unwrap()));
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            assert!(responses.keys().any(|status| status.starts_with('4')), "{method} {path}");
            assert!(responses.values().all(|response| response["description"].is_string()), "{method} {path}");
            // Reading needs no token and takes one; changing needs one.
            let needless = operation["security"].as_array().unwrap().contains(&json!({}));
            assert_eq!(needless, method == "get", "{method} {path}");
        }
    }
}

#[test]
fn references_in_the_document_lead_somewhere() {
    fn visit(value: &Value, document: &Value) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| visit(item, document)),
            Value::Object(members) => members.values().for_each(|member| visit(member, document)),
            _ => {}
        }
    }
    let document = serde_json::to_value(portico_product::SERVICE.api()).unwrap();

    visit(&document, &document);
}

#[test]
fn the_document_lists_the_problems() {
    let document = serde_json::to_value(portico_product::SERVICE.api()).unwrap();

    let problems = document["x-problems"].as_array().unwrap();

    let gone = json!({ "status": 410, "code": "gone", "title": "It was deleted" });
    assert!(problems.contains(&gone));
    let codes: HashSet<_> = problems.iter().map(|problem| problem["code"].clone()).collect();
    assert_eq!(codes.len(), problems.len());
}

#[tokio::test]
async fn health_is_told_on_the_internal_listener_only() {
    let app = TestApp::start().await;
    let internal = Client::new(app.service.internal);

    assert_eq!(internal.get("/health/live").await.status, 200);
    assert_eq!(internal.get("/health/ready").await.status, 200);
    app.anonymous.get("/health/ready").await.assert_problem(404, "route_not_found");
    internal.get("/v1/products").await.assert_problem(404, "route_not_found");
}
