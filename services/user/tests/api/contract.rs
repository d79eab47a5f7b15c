//! The OpenAPI document says what is served, and what is served is what it says.

use std::collections::BTreeSet;

use axum::http::Method;
use portico_testkit::User;
use serde_json::{Value, json};

use crate::helpers::TestApp;

/// Every operation of the document: path, method, operation.
fn operations(api: &Value) -> Vec<(String, String, Value)> {
    let paths = api["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let path = path.clone();
        let item = item.as_object().unwrap().clone();
        item.into_iter().map(move |(method, operation)| (path.clone(), method.to_uppercase(), operation))
    };
    paths.iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn the_document_is_served_as_it_is_in_code() {
    let app = TestApp::start().await;

    let served = app.service.client().get("/openapi.json").await;

    assert_eq!(served.status, 200);
    assert_eq!(served.body, serde_json::to_value(portico_user::api()).unwrap());
    assert_eq!(served.body["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_methods_of_every_path_are_the_documented_ones() {
    let app = TestApp::start().await;
    let api = serde_json::to_value(portico_user::api()).unwrap();
    let operations = operations(&api);
    let client = app.service.client();

    for (path, method, _) in &operations {
        let concrete = path.replace("{id}", "0192f0c1-2345-7abc-8def-0123456789ab");
        let served = client.send(client.request(method.parse().unwrap(), &concrete)).await;
        let other = client.send(client.request(Method::TRACE, &concrete)).await;

        assert_eq!(served.status, 401, "{method} {path} is served, and locked");
        other.assert_problem(405, "method_not_allowed");
        let allowed: BTreeSet<_> = other.header("allow").split(',').filter(|m| *m != "HEAD").collect();
        let same_path = operations.iter().filter(|(other, ..)| other == path);
        let documented: BTreeSet<_> = same_path.map(|(_, method, _)| method.as_str()).collect();
        assert_eq!(allowed, documented, "{path}");
    }
    let paths: BTreeSet<_> = operations.iter().map(|(path, ..)| path.as_str()).collect();
    let expected = ["/v1/users", "/v1/users/me", "/v1/users/{id}", "/v1/users/{id}/status"];
    assert_eq!(paths, BTreeSet::from(expected));
}

#[tokio::test]
async fn without_the_scope_that_it_names_no_operation_is_allowed() {
    let app = TestApp::start().await;
    let client = app.client(&User { scope: "profile users:", ..User::admin() });

    for (path, method, operation) in operations(&serde_json::to_value(portico_user::api()).unwrap()) {
        let concrete = path.replace("{id}", "0192f0c1-2345-7abc-8def-0123456789ab");
        let request = client.request(method.parse().unwrap(), &concrete).header("if-match", "*");
        let request = match method.as_str() {
            "PUT" => request.json(&json!({ "status": "suspended" })),
            "PATCH" => request.header("content-type", "application/merge-patch+json").body("{}"),
            _ => request,
        };

        let reply = client.send(request).await;

        reply.assert_problem(403, "insufficient_scope");
        let named = operation["security"][0]["bearer"][0].as_str().unwrap();
        assert!(reply.header("www-authenticate").contains(&format!("scope=\"{named}\"")), "{method} {path}");
    }
}

#[test]
fn every_operation_is_described_in_full() {
    let api = serde_json::to_value(portico_user::api()).unwrap();
    let mut ids = BTreeSet::new();

    for (path, method, operation) in operations(&api) {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert_eq!(operation["tags"], serde_json::json!(["users"]), "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path}");
        for status in ["401", "403", "500", "503"] {
            let content = &operation["responses"][status]["content"]["application/problem+json"];
            assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{method} {path} {status}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(response["description"].is_string(), "{method} {path} {status}");
        }
        assert!(ids.insert(id), "{method} {path} shares its id");
    }
    assert_eq!(api["security"], serde_json::json!([{ "bearer": [] }]));
    assert_eq!(api["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[tokio::test]
async fn an_answer_carries_every_documented_field_and_no_other() {
    let app = TestApp::start().await;
    let api = serde_json::to_value(portico_user::api()).unwrap();
    let schema = &api["components"]["schemas"]["Profile"];
    let documented: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
    let required = schema["required"].as_array().unwrap();
    let required: BTreeSet<_> = required.iter().filter_map(Value::as_str).collect();

    let profile = app.admin().get("/v1/users/me").await;

    let sent: BTreeSet<_> = profile.body.as_object().unwrap().keys().collect();
    assert_eq!(sent, documented);
    assert!(sent.iter().all(|field| required.contains(field.as_str())));
}

#[test]
fn our_own_problems_are_published() {
    let api = serde_json::to_value(portico_user::api()).unwrap();

    let codes: Vec<_> = api["x-problems"].as_array().unwrap().iter().map(|kind| &kind["code"]).collect();

    assert_eq!(codes, ["gone", "account_suspended", "illegal_transition", "own_status"]);
}

#[test]
fn every_reference_leads_somewhere() {
    let api = serde_json::to_value(portico_user::api()).unwrap();
    let mut open = vec![&api];

    while let Some(value) = open.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(api.pointer(pointer).is_some(), "{reference}");
        }
        match value {
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}
