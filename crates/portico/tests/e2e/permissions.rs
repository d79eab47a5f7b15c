//! Who may call what is what the documents say, and so what `docs/reference/permissions.md` says.

use clap::ValueEnum as _;
use portico::reference::{Operation, Token, operations};
use portico::service::Service;
use portico_auth::Role;
use portico_testkit::{Client, Reply};
use serde_json::{Value, json};

use crate::helpers::TestSuite;

const ANY_ID: &str = "01920000-0000-7000-8000-000000000000";

fn all() -> Vec<Operation> {
    let found: Vec<_> = Service::all().flat_map(|service| operations(&service.api()).unwrap()).collect();
    assert!(found.len() > 40, "only {} operations are described", found.len());
    found
}

/// A body that nothing is wrong with, where the scope is looked at after the body.
fn body(operation: &Operation) -> Option<Value> {
    match (operation.method.as_str(), operation.path.as_str()) {
        ("PUT", "/v1/auth/accounts/{id}/roles") => Some(json!({ "roles": ["customer"] })),
        ("PUT", "/v1/users/{id}/status") => Some(json!({ "status": "suspended" })),
        ("PATCH", "/v1/users/me") => Some(json!({ "display_name": "Ada" })),
        _ => None,
    }
}

async fn call(client: &Client, operation: &Operation) -> Reply {
    let segments = operation.path.split('/').map(|part| if part.starts_with('{') { ANY_ID } else { part });
    let path = segments.collect::<Vec<_>>().join("/");
    // A version that nothing has, so that nothing is changed.
    let mut request = client.request(operation.method.parse().unwrap(), &path).header("if-match", "\"4711\"");
    if let Some(body) = body(operation) {
        let kind = if operation.method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        request = request.header("content-type", kind).body(body.to_string());
    }
    client.send(request).await
}

#[tokio::test]
async fn a_token_is_needed_where_the_document_says_so_and_nowhere_else() {
    let suite = TestSuite::start().await;
    let client = suite.client();

    for operation in all() {
        let reply = call(&client, &operation).await;

        let is_refused = reply.status == 401;
        assert_eq!(is_refused, operation.token == Token::Needed, "{operation:?}: {}", reply.body);
        if is_refused {
            reply.assert_problem(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn the_roles_that_the_document_means_are_let_through_and_no_others() {
    let suite = TestSuite::start().await;
    let mut refused = 0;

    for role in Role::value_variants() {
        let client = suite.client_as(role.name()).await;
        // The last one: it ends the session that the others are asked in.
        let (logout, mut operations): (Vec<_>, Vec<_>) =
            all().into_iter().partition(|operation| operation.path == "/v1/auth/logout");
        operations.extend(logout);
        for operation in operations.iter().filter(|operation| operation.token == Token::Needed) {
            let reply = call(&client, operation).await;

            let may = operation.scopes.iter().all(|scope| role.scopes().contains(&scope.as_str()));
            if may {
                let (status, code) = (reply.status, &reply.body["code"]);
                assert!(status != 401 && code != "insufficient_scope", "{role:?} {operation:?}: {}", reply.body);
            } else {
                reply.assert_problem(403, "insufficient_scope");
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "only {refused} calls lacked a scope");
}
