//! Gizmos as callers send them.

use portico_testkit::Client;
use serde_json::{Value, json};

/// The fields that cannot be left out.
pub const REQUIRED: &[&str] = &["name", "quantity", "is_ready", "price", "built_at", "color"];

/// The fields that a list can be filtered by.
pub const FILTERS: &[&str] = &["name", "is_ready", "color", "parent_id"];

/// The fields whose words are searched.
pub const SEARCHED: &[&str] = &["name", "description"];

/// The fields that refer to something.
pub const REFERENCES: &[&str] = &["parent_id"];

/// A body with every field; those of different numbers differ.
pub async fn body(client: &Client, number: u32) -> Value {
    let gizmo_id = match number {
        0 => Value::Null,
        _ => client.get("/v1/gizmos?limit=1").await.body["items"][0]["id"].clone(),
    };
    json!({
        "name": format!("the name{number}"),
        "description": format!("the\ndescription{number}"),
        "quantity": number,
        "is_ready": number.is_multiple_of(2),
        "price": { "amount_minor": number, "currency": "EUR" },
        "former_price": { "amount_minor": number, "currency": "EUR" },
        "built_at": "2026-03-04T05:06:07.123456Z",
        "inspected_on": "2026-03-04",
        "serial": format!("01890000-0000-7000-8000-{number:012}"),
        "color": "red",
        "parent_id": gizmo_id,
    })
}

/// A patch that gives other values to all fields, and none to those that can do without.
pub fn patch(number: u32) -> Value {
    let number = number + 1_000_000;
    json!({
        "name": format!("the name{number}"),
        "description": null,
        "quantity": number,
        "is_ready": !number.is_multiple_of(2),
        "price": { "amount_minor": number, "currency": "JPY" },
        "former_price": null,
        "built_at": "1999-12-31T23:59:59Z",
        "inspected_on": null,
        "serial": null,
        "color": "dark_blue",
        "parent_id": null,
    })
}

/// A body whose fields are all wrong.
pub fn wrong() -> Value {
    json!({
        "name": " ",
        "description": "bell \u{7}",
        "quantity": 9_007_199_254_740_992_i64,
        "price": { "amount_minor": 1, "currency": "XXX" },
        "former_price": { "amount_minor": 1, "currency": "XXX" },
        "built_at": "-0001-01-01T00:00:00Z",
        "inspected_on": "-0001-01-01",
    })
}
