//! The route file is taken over while requests go on: whole, or not at all.

use std::fs;

use portico_testkit::{Client, Issuer};
use tokio::time::timeout;

use crate::helpers::{PATIENCE, ROUTES, Upstream, start_gateway_with_file};

const NEW_ROUTE: &str = r#"
[[routes]]
prefix = "/v1/new"
service = "shop"
token = "optional"
"#;

/// Asks until the answer has this status. Only a failing test asks until the end.
async fn until(client: &Client, path: &str, status: u16) {
    let answered = async { while client.get(path).await.status != status {} };
    timeout(PATIENCE, answered).await.unwrap_or_else(|_| panic!("{path} never answers {status}"));
}

#[tokio::test]
async fn a_changed_file_is_in_force_and_a_wrong_one_changes_nothing() {
    let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portico.toml");
    let routes = ROUTES.replace("UPSTREAM", &upstream.address.to_string());
    fs::write(&path, &routes).unwrap();
    let gateway = start_gateway_with_file(&path, issuer.config()).await;
    let client = gateway.client();
    assert_eq!(client.get("/v1/new/echo").await.status, 404);

    fs::write(&path, format!("{routes}{NEW_ROUTE}")).unwrap();
    until(&client, "/v1/new/echo", 200).await;
    fs::write(&path, format!("{NEW_ROUTE}{NEW_ROUTE}")).unwrap();
    // The file after the wrong one shows that the wrong one was looked at.
    let renamed = NEW_ROUTE.replace("/v1/new", "/v1/newer");
    until(&client, "/v1/new/echo", 200).await;
    fs::write(&path, format!("{routes}{renamed}")).unwrap();
    until(&client, "/v1/newer/echo", 200).await;

    assert_eq!(client.get("/v1/new/echo").await.status, 404);
    assert_eq!(client.get("/v1/open/echo").await.status, 200);
}
