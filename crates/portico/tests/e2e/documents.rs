//! The merged OpenAPI document is true, and every kind of problem has its page.

use std::collections::BTreeSet;

use portico::service::Service;
use portico_common::error::kinds;
use reqwest::Method;
use serde_json::Value;

use crate::helpers::TestSuite;

const ANY_ID: &str = "01920000-0000-7000-8000-000000000000";

/// Every operation of a document: method, path, the statuses it says it answers with.
fn operations(document: &Value) -> Vec<(Method, String, BTreeSet<u16>)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            if operation["responses"].is_object() {
                let statuses = operation["responses"].as_object().unwrap().keys().filter_map(|key| key.parse().ok());
                found.push((method, path.clone(), statuses.collect()));
            }
        }
    }
    found
}

#[tokio::test]
async fn every_documented_operation_answers_as_it_says() {
    walk(&TestSuite::start().await).await;
}

pub async fn walk(suite: &TestSuite) {
    let document = suite.client().get("/openapi.json").await.body;
    let operations = operations(&document);

    for token in [None, Some("customer"), Some("admin")] {
        let client = match token {
            None => suite.client(),
            Some(role) => suite.client_as(role).await,
        };
        for (method, path, statuses) in &operations {
            // Ending its own session would leave the rest of the walk without a token.
            if path == "/v1/auth/logout" || (path == "/v1/auth/sessions" && *method == Method::DELETE) {
                continue;
            }
            let concrete: String = path
                .split('/')
                .map(|part| if part.starts_with('{') { ANY_ID } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let reply = client.send(client.request(method.clone(), &concrete)).await;

            let status = reply.status.as_u16();
            assert!(
                statuses.contains(&status),
                "{method} {path} as {token:?} answered {status}, documented: {statuses:?}: {}",
                reply.body
            );
            let is_bare_route = reply.body["code"] == "route_not_found" || reply.body["code"] == "method_not_allowed";
            assert!(!is_bare_route, "{method} {path} is documented and not served");
        }
    }
    assert!(operations.len() > 35, "only {} operations are documented", operations.len());
}

#[tokio::test]
async fn the_document_of_every_service_is_in_the_merged_one() {
    let suite = TestSuite::start().await;
    let merged = suite.client().get("/openapi.json").await.body;
    let merged: BTreeSet<_> =
        operations(&merged).into_iter().map(|(method, path, _)| (method.to_string(), path)).collect();

    for service in Service::all() {
        let document = serde_json::to_value(service.api()).unwrap();
        for (method, path, _) in operations(&document) {
            assert!(merged.contains(&(method.to_string(), path.clone())), "{method} {path} is missing");
        }
    }
}

#[tokio::test]
async fn operation_ids_are_unique_and_every_reference_resolves() {
    let suite = TestSuite::start().await;
    let document = suite.client().get("/openapi.json").await.body;

    let mut ids = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values().filter(|operation| operation["responses"].is_object()) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "operationId {id} is used twice");
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference} does not resolve");
    }
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[tokio::test]
async fn every_kind_of_problem_has_its_page() {
    let suite = TestSuite::start().await;
    let all = [
        kinds::ALL,
        portico_gateway::problems::ALL,
        portico_auth::problems::ALL,
        portico_user::problems::ALL,
        portico_product::problems::ALL,
    ];

    for kind in all.into_iter().flatten() {
        let page = suite.client().get(&format!("/problems/{}", kind.code)).await;
        assert_eq!(page.status, 200, "{}", kind.code);
        let text = String::from_utf8_lossy(&page.bytes).into_owned();
        assert!(text.contains(kind.code), "{text}");
    }
    suite.client().get("/problems/no_such_kind").await.assert_problem(404, "not_found");
}
