//! The OpenAPI document says what is served, and what is served is what it says.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use crate::helpers::TestApp;

/// Every operation of the document: path, method, operation.
fn operations(api: &Value) -> Vec<(String, String, Value)> {
    let of_path = |(path, item): (&String, &Value)| {
        let (path, item) = (path.clone(), item.as_object().unwrap().clone());
        item.into_iter().map(move |(method, operation)| (path.clone(), method.to_uppercase(), operation))
    };
    api["paths"].as_object().unwrap().iter().flat_map(of_path).collect()
}

fn document() -> Value {
    serde_json::to_value(portico_auth::api()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_as_it_is_in_code() {
    let app = TestApp::start().await;

    let served = app.client.get("/openapi.json").await;

    assert_eq!(served.status, 200);
    assert_eq!(served.body, document());
    assert_eq!(served.body["openapi"], "3.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_methods_of_every_path_are_the_documented_ones() {
    let app = TestApp::start().await;
    let operations = operations(&document());

    for (path, method, operation) in &operations {
        let concrete = path.replace("{id}", "0192f0c1-2345-7abc-8def-0123456789ab");
        let request = app.client.request(method.parse().unwrap(), &concrete).header("if-match", "*");
        let served = app.client.send(request).await;
        let other = app.client.send(app.client.request(Method::TRACE, &concrete)).await;

        assert_ne!(served.status, 404, "{method} {path} is served");
        assert_eq!(operation["security"].is_array(), served.status == 401, "{method} {path} is locked as documented");
        assert!(operation["responses"][served.status.as_str()].is_object(), "{method} {path} {}", served.status);
        other.assert_problem(405, "method_not_allowed");
        let allowed: BTreeSet<_> = other.header("allow").split(',').filter(|method| *method != "HEAD").collect();
        let same_path = operations.iter().filter(|(other, ..)| other == path);
        let documented: BTreeSet<_> = same_path.map(|(_, method, _)| method.as_str()).collect();
        assert_eq!(allowed, documented, "{path}");
    }
}

#[test]
fn every_path_of_the_service_is_in_the_document() {
    let expected = BTreeSet::from([
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/v1/auth/accounts",
        "/v1/auth/accounts/{id}",
        "/v1/auth/accounts/{id}/lock",
        "/v1/auth/accounts/{id}/roles",
        "/v1/auth/accounts/{id}/unlock",
        "/v1/auth/email/resend",
        "/v1/auth/email/verify",
        "/v1/auth/login",
        "/v1/auth/logout",
        "/v1/auth/password",
        "/v1/auth/password/forgot",
        "/v1/auth/password/reset",
        "/v1/auth/refresh",
        "/v1/auth/register",
        "/v1/auth/sessions",
        "/v1/auth/sessions/{id}",
    ]);

    let operations = operations(&document());

    let paths: BTreeSet<_> = operations.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(paths, expected);
}

#[test]
fn every_operation_is_described_in_full() {
    let api = document();
    let mut ids = BTreeSet::new();

    for (path, method, operation) in operations(&api) {
        assert_eq!(operation["tags"], json!(["auth"]), "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path} shares its id");
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
        }
    }
    assert_eq!(api["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(api["x-problems"].as_array().unwrap().len(), portico_auth::problems::ALL.len());
}

#[test]
fn every_reference_leads_somewhere() {
    let api = document();
    let mut open = vec![&api];

    while let Some(value) = open.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(api.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        match value {
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}
