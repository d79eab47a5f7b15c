//! With `validate = true` on every route: the documents are complete, and the gateway refuses as the services do.

use std::collections::BTreeSet;

use portico_testkit::{Client, Reply};
use reqwest::Method;

use crate::helpers::TestSuite;
use crate::{documents, journey};

const JSON: &str = "application/json";
const PATCH: &str = "application/merge-patch+json";
const ID: &str = "01920000-0000-7000-8000-000000000000";

#[tokio::test]
async fn the_first_hour_passes_when_every_request_is_checked() {
    journey::first_hour(&TestSuite::start_validating().await).await;
}

#[tokio::test]
async fn every_documented_operation_is_let_through() {
    documents::walk(&TestSuite::start_validating().await).await;
}

#[tokio::test]
async fn filters_and_optional_fields_of_every_kind_are_let_through() {
    let suite = TestSuite::start_validating().await;
    let admin = suite.client_as("admin").await;

    for path in [
        &format!("/v1/products?category={ID}&category={ID}&tag=wool,silk&tag=new&status=active,draft"),
        "/v1/products?attr.color=red,blue&attr.color=red&attr.size=L&currency=EUR&price.gte=1&price.lt=9&sort=price",
        "/v1/products?q=%22wool%20scarf%22+-silk&limit=100",
        "/v1/categories?parent=root&limit=1",
        "/v1/users?status=active&role=admin&email_verified=true&created_at.gte=2026-01-01T00:00:00Z&sort=-email",
        "/v1/users?q=a%2Bb&created_at.lt=2026-01-01T01:02:03.5%2B02:00",
        "/v1/auth/accounts?email=admin%40portico.localhost&limit=1",
        "/v1/auth/sessions?limit=1",
    ] {
        assert_eq!(admin.get(path).await.status, 200, "{path}");
    }
    for field in [r#"{"display_name":null}"#, r#"{"locale":"de-DE","time_zone":"Europe/Berlin"}"#, r#"{"locale":null}"#]
    {
        let me = admin.get("/v1/users/me").await;
        let patched = admin.patch("/v1/users/me", me.etag(), serde_json::from_str(field).unwrap()).await;
        assert_eq!(patched.status, 200, "{field}: {}", patched.body);
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_as_the_services_do() {
    let (plain, checking) = (TestSuite::start().await, TestSuite::start_validating().await);
    let (plain, checking) = (plain.client_as("editor").await, checking.client_as("editor").await);

    for (method, path, media_type, body) in bad_bodies() {
        let direct = send(&plain, method.clone(), path, media_type, body.clone(), Some("\"1\"")).await;
        let checked = send(&checking, method.clone(), path, media_type, body.clone(), Some("\"1\"")).await;

        let start = String::from_utf8_lossy(&body[..body.len().min(50)]).into_owned();
        assert_eq!(told(&checked), told(&direct), "{method} {path} {media_type} {start}");
        assert_eq!(checked.header("accept-patch"), direct.header("accept-patch"), "{method} {path} {media_type}");
    }
}

#[tokio::test]
async fn bad_addresses_are_refused_as_the_services_do() {
    let (plain, checking) = (TestSuite::start().await, TestSuite::start_validating().await);
    let (plain, checking) = (plain.client_as("admin").await, checking.client_as("admin").await);

    for (method, path) in bad_addresses() {
        let direct = send(&plain, method.clone(), path, JSON, b"{}".to_vec(), None).await;
        let checked = send(&checking, method.clone(), path, JSON, b"{}".to_vec(), None).await;

        assert_eq!(told(&checked), told(&direct), "{method} {path}");
        assert_eq!(allowed(&checked), allowed(&direct), "{method} {path}");
    }
}

async fn send(
    client: &Client,
    method: Method,
    path: &str,
    media_type: &str,
    body: Vec<u8>,
    version: Option<&str>,
) -> Reply {
    let request = client.request(method, path).header("content-type", media_type);
    let request = version.into_iter().fold(request, |request, version| request.header("if-match", version));
    client.send(request.body(body)).await
}

/// Status, code, and the first fault with its place.
fn told(reply: &Reply) -> (u16, String, String, String) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let fault = &reply.body["errors"][0];
    (reply.status.as_u16(), text(&reply.body["code"]), text(&fault["pointer"]), text(&fault["code"]))
}

fn allowed(reply: &Reply) -> BTreeSet<&str> {
    reply.header("allow").split(',').map(str::trim).collect()
}

fn bad_bodies() -> Vec<(Method, &'static str, &'static str, Vec<u8>)> {
    let products: [&[u8]; 15] = [
        b"",
        b"{",
        b"{\"slug\":\"a\",\"title\":\"\xff\"}",
        b"{\"slug\":\"a\",\"title\":\"\\ud800\"}",
        b"{\"slug\":\"a\",\"title\":\"A\",\"attributes\":{\"a\":1e999}}",
        b"null",
        b"[]",
        b"\"text\"",
        b"{\"title\":\"A\"}",
        b"{\"slug\":\"a\",\"title\":\"A\",\"owner\":1}",
        b"{\"slug\":1,\"title\":\"A\"}",
        b"{\"slug\":\"a\",\"title\":\"A\",\"tags\":\"wool\"}",
        b"{\"slug\":\"Not A Slug\",\"title\":\"A\"}",
        b"{\"slug\":\"a\",\"title\":\"a\\u0000b\"}",
        b"{\"slug\":\"a\",\"title\":\"A\",\"variants\":[{\"sku\":\"A\",\"colour\":\"teal\"}]}",
    ];
    let mut bad: Vec<_> = products.iter().map(|body| (Method::POST, "/v1/products", JSON, body.to_vec())).collect();
    bad.push((Method::POST, "/v1/products", "text/plain", b"{}".to_vec()));
    bad.push((Method::POST, "/v1/products", JSON, vec![b'['; 100_000]));
    bad.push((Method::POST, "/v1/products", JSON, vec![b' '; (1 << 20) + 1]));
    bad.push((Method::PATCH, "/v1/users/me", JSON, b"{}".to_vec()));
    bad.push((Method::PATCH, "/v1/users/me", PATCH, b"{\"display_name\":1}".to_vec()));
    bad.push((Method::PATCH, "/v1/users/me", PATCH, b"{\"email\":\"a@b.example\"}".to_vec()));
    bad.push((Method::POST, "/v1/auth/register", JSON, b"{\"email\":\"a@b.example\"}".to_vec()));
    bad.push((Method::POST, "/v1/auth/login", JSON, b"{\"email\":1,\"password\":\"x\"}".to_vec()));
    bad.push((Method::POST, "/v1/auth/logout", JSON, b"{\"everywhere\":\"yes\"}".to_vec()));
    bad
}

fn bad_addresses() -> Vec<(Method, &'static str)> {
    let read = [
        "/v1/products/nonsense",
        "/v1/products/nonsense/variants",
        "/v1/categories/'%3B--",
        "/v1/variants/1/prices",
        "/v1/products?stauts=active",
        "/v1/products?q=%FF",
        "/v1/products?limit=101",
        "/v1/products?limit=-1",
        "/v1/products?limit=ten",
        "/v1/products?status=active&status=active",
        "/v1/products?category=x",
        "/v1/categories?sort=name",
        "/v1/categories?limit=1.5",
        "/v1/search",
        "/v1/users/not-a-uuid",
        "/v1/users?limit=0",
        "/v1/users?page=2",
        "/v1/users?sort=age",
        "/v1/users?email_verified=maybe",
        "/v1/users?created_at.gte=yesterday",
        "/v1/users/me?expand=all",
        "/.well-known/jwks.json?kid=1",
        "/v1/products/",
        "/v1/products/a/b/c",
    ];
    let mut bad: Vec<_> = read.into_iter().map(|path| (Method::GET, path)).collect();
    bad.push((Method::PUT, "/v1/products"));
    bad.push((Method::PATCH, "/v1/auth/login"));
    bad.push((Method::DELETE, "/v1/search"));
    bad.push((Method::DELETE, "/v1/users/me"));
    bad.push((Method::DELETE, "/v1/products/01920000-0000-7000-8000-000000000000"));
    bad
}
