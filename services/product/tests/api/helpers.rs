//! A running service with a client for each kind of caller, and short bodies.

use portico_common::clock::Clock;
use portico_product::SERVICE;
use portico_testkit::{App, Client, Issuer, Reply, RunningService, TestDb, User};
use reqwest::Method;
use serde_json::{Value, json};

/// The service under test.
pub struct TestApp {
    pub anonymous: Client,
    pub customer: Client,
    pub editor: Client,
    pub issuer: Issuer,
    pub service: RunningService,
    pub db: TestDb,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_at(Clock::system()).await
    }

    pub async fn start_at(clock: Clock) -> Self {
        let App { anonymous, issuer, service, db } = App::start_at(&SERVICE, clock).await;
        let customer = anonymous.with_token(issuer.token(&User::customer()));
        let editor = anonymous.with_token(issuer.token(&User::editor()));
        Self { anonymous, customer, editor, issuer, service, db }
    }

    /// Makes a draft.
    pub async fn draft(&self, body: Value) -> Reply {
        let reply = self.editor.post("/v1/products", body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply
    }

    /// Makes a product and publishes it.
    pub async fn active(&self, body: Value) -> Reply {
        let id = id_of(&self.draft(body).await);
        let reply = self.editor.post(&format!("/v1/products/{id}/publish"), json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply
    }

    /// Makes a category and says its id.
    pub async fn category(&self, slug: &str, parent_id: Option<&str>) -> String {
        let body = json!({ "slug": slug, "name": slug, "parent_id": parent_id });
        let reply = self.editor.post("/v1/categories", body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        id_of(&reply)
    }

    /// Posts as an editor under an idempotency key.
    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Reply {
        let request = self.editor.request(Method::POST, path).header("idempotency-key", key);
        self.editor.send(request.json(body)).await
    }
}

/// The id in a body.
#[track_caller]
pub fn id_of(reply: &Reply) -> String {
    reply.body["id"].as_str().expect("an id").to_owned()
}

/// The smallest product: exchange 1 of the API rules, with the slug and the SKU told.
pub fn product(slug: &str, sku: &str) -> Value {
    json!({
        "slug": slug,
        "title": "Wool scarf",
        "attributes": { "color": "teal" },
        "variants": [{ "sku": sku, "prices": [{ "amount_minor": 1999, "currency": "EUR" }] }],
    })
}

/// The slugs of a page, in their order.
#[track_caller]
pub fn slugs(reply: &Reply) -> Vec<&str> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let items = reply.body["items"].as_array().expect("items");
    items.iter().map(|item| item["slug"].as_str().expect("a slug")).collect()
}

/// Pointer and code of each field error.
#[track_caller]
pub fn field_errors(reply: &Reply) -> Vec<(&str, &str)> {
    let errors = reply.body["errors"].as_array().expect("errors");
    errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().expect("text")
}
