//! Requests are held against the document of the service before it hears of them.

mod bodies;
mod document;
mod large;
mod parameters;
mod paths;

use portico_gateway::ProxyConfig;
use portico_testkit::Reply;
use serde_json::{Value, json};

use crate::helpers::{Suite, Upstream};

const ID: &str = "01920000-0000-7000-8000-000000000000";

const ROUTES: &str = r#"
[services.shop]
url = "http://UPSTREAM"
port = 1
internal_port = 2

[[routes]]
prefix = "/v1/shop"
service = "shop"
token = "optional"
validate = true

[[routes]]
prefix = "/v1/shop/closed"
service = "shop"
token = "required"
validate = true

[[routes]]
prefix = "/v1/shop/unchecked"
service = "shop"
token = "optional"

[[routes]]
prefix = "/v1/shop/kept"
service = "shop"
token = "optional"
cache = true
validate = true

[[routes]]
prefix = "/v1/shop/small"
service = "shop"
token = "optional"
body_limit_bytes = 1000
validate = true

[[routes]]
prefix = "/v1/shop/large"
service = "shop"
token = "optional"
body_limit_bytes = 8_000_000
validate = true

[[routes]]
prefix = "/v1/shop/quick"
service = "shop"
token = "optional"
timeout_secs = 0.3
validate = true
"#;

async fn suite() -> Suite {
    Suite::in_front_of(Upstream::start_with(document()).await, ROUTES, ProxyConfig::default()).await
}

fn document() -> Value {
    let id = json!({ "name": "id", "in": "path", "required": true, "schema": { "$ref": "#/components/schemas/Id" } });
    let makes = json!({ "requestBody": { "$ref": "#/components/requestBodies/Thing" } });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "shop", "version": "1" },
        "paths": {
            "/v1/shop/things": { "get": { "parameters": filters() }, "post": makes },
            "/v1/shop/things/{id}": {
                "parameters": [id],
                "get": {},
                "patch": {
                    "parameters": [{ "name": "If-Match", "in": "header", "required": true, "schema": { "type": "string" } }],
                    "requestBody": { "required": true, "content": { "application/merge-patch+json": { "schema": true } } },
                },
            },
            "/v1/shop/things/mine": { "delete": {} },
            "/v1/shop/maybe": { "put": { "requestBody": { "content": { "application/json": { "schema": {
                "type": "object", "additionalProperties": false,
            } } } } } },
            "/v1/shop/action": { "post": {} },
            "/v1/shop/trees": { "post": { "requestBody": { "required": true, "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/Tree" },
            } } } } },
            "/v1/shop/files/{name}.{kind}": { "get": { "parameters": [
                { "name": "kind", "in": "path", "required": true, "schema": { "enum": ["csv", "json"] } },
            ] } },
            "/v1/shop/closed/things": { "get": {} },
            "/v1/shop/kept/things": { "get": { "parameters": filters() }, "post": makes },
            "/v1/shop/small/things": { "post": makes },
            "/v1/shop/large/things": { "post": makes },
            "/v1/shop/quick/things": { "post": makes },
        },
        "components": {
            "requestBodies": { "Thing": { "required": true, "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } },
                "application/x-ndjson": {},
                "text/*": {},
            } } },
            "schemas": {
                "Id": { "type": "string", "format": "uuid" },
                "Thing": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": { "type": "string", "minLength": 1, "maxLength": 20, "pattern": "^[a-z ]+$" },
                        "amount": { "type": ["integer", "null"], "minimum": 0, "maximum": 9_007_199_254_740_991_i64 },
                        "kind": { "enum": ["cup", "plate"] },
                        "parent": { "oneOf": [{ "$ref": "#/components/schemas/Thing" }, { "type": "null" }] },
                        "tags": { "type": "array", "items": { "type": "string" } },
                    },
                    "additionalProperties": false,
                },
                "Tree": {
                    "type": "object",
                    "properties": { "next": { "oneOf": [{ "$ref": "#/components/schemas/Tree" }, { "type": "null" }] } },
                    "additionalProperties": false,
                },
            },
        },
    })
}

fn filters() -> Value {
    json!([
        { "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 1, "maximum": 100 } },
        { "name": "kind", "in": "query", "schema": { "type": "string", "enum": ["cup", "plate"] } },
        { "name": "is_new", "in": "query", "schema": { "type": "boolean" } },
        { "name": "tag", "in": "query", "schema": { "type": "array", "items": { "type": "string" }, "maxItems": 3 } },
        { "name": "ids", "in": "query", "explode": false, "schema": {
            "type": "array", "items": { "$ref": "#/components/schemas/Id" },
        } },
        { "name": "attr.{name}", "in": "query", "schema": { "type": "string", "maxLength": 5 } },
        { "name": "X-Page", "in": "header", "schema": { "type": "integer" } },
        { "name": "Authorization", "in": "header", "required": true, "schema": { "type": "integer" } },
        { "name": "session", "in": "cookie", "required": true, "schema": { "type": "integer" } },
    ])
}

/// Where the faults of a body are, and what they are called.
fn faults(reply: &Reply) -> Vec<(&str, &str)> {
    let errors = reply.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| (text(&error["pointer"]), text(&error["code"]))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("none")
}
