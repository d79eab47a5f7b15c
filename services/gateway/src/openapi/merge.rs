//! Many OpenAPI documents into one.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::rename::{Renames, members, operations};

/// A service's document.
pub(super) struct Part<'a> {
    pub name: &'a str,
    pub document: &'a Value,
}

/// What the gateway itself can answer in place of whoever is asked.
const REFUSED: (&str, &str) = ("400", "`invalid_target`: the path or query is not well-formed");
const UNREACHABLE: (&str, &str) = ("502", "`upstream_unreachable`: the service is down");
const TOO_SLOW: (&str, &str) = ("504", "`upstream_timeout`: the service takes too long");

/// Adds the documents to the gateway's own.
///
/// Only paths that are routed to the service that describes them are taken (`is_routed_to`): anything
/// else would describe what does not answer. Its servers are dropped, since all of it is reached here.
pub(super) fn merge(own: &Value, parts: &[Part<'_>], is_routed_to: impl Fn(&str, &str) -> bool) -> Value {
    let mut merged = own.clone();
    let mut operation_ids = HashSet::new();
    for (_, item) in merged["paths"].as_object_mut().into_iter().flatten() {
        for operation in operations(item) {
            make_id_unique(operation, "gateway", &mut operation_ids);
            describe_problems(operation, &[REFUSED]);
        }
    }
    for part in parts {
        let prefix = prefix_of(part.name);
        let renames = Renames::between(&merged, part.document, &prefix);
        for (path, item) in members(&part.document["paths"]) {
            if !is_routed_to(part.name, path) || merged["paths"].get(path).is_some() {
                continue;
            }
            let mut item = item.clone();
            adopt(&mut item, part.document, &renames);
            for operation in operations(&mut item) {
                make_id_unique(operation, &prefix, &mut operation_ids);
                describe_problems(operation, &[REFUSED, UNREACHABLE, TOO_SLOW]);
            }
            merged["paths"][path] = item;
        }
        add_components(&mut merged, part.document, &renames);
        add_tags(&mut merged, part.document);
    }
    merged
}

/// What may stand in a component's name: a guest's is a path.
fn prefix_of(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let prefix: String = name.trim_matches('/').chars().map(plain).collect();
    if prefix.is_empty() { "guest".to_owned() } else { prefix }
}

/// Makes a path item independent of the document it came from.
fn adopt(item: &mut Value, document: &Value, renames: &Renames) {
    renames.follow(item);
    if let Some(item) = item.as_object_mut() {
        item.remove("servers");
    }
    for operation in operations(item) {
        operation.remove("servers");
        if let (None, Some(security)) = (operation.get("security"), document.get("security")) {
            operation.insert("security".to_owned(), security.clone());
        }
        if let Some(security) = operation.get_mut("security") {
            renames.follow_security(security);
        }
    }
}

/// Adds what the gateway can answer, where the operation does not describe that status itself.
fn describe_problems(operation: &mut Map<String, Value>, problems: &[(&str, &str)]) {
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    for (status, description) in problems {
        if responses.get(status).is_none() {
            responses[*status] = json!({
                "description": description,
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            });
        }
    }
}

/// Generated clients name their functions by it, so it must be unique (OpenAPI 3.1 section 4.8.10).
fn make_id_unique(operation: &mut Map<String, Value>, prefix: &str, taken: &mut HashSet<String>) {
    let Some(id) = operation.get("operationId").and_then(Value::as_str) else { return };
    let mut unique = id.to_owned();
    let mut count = 1;
    while !taken.insert(unique.clone()) {
        unique = if count == 1 { format!("{prefix}_{id}") } else { format!("{prefix}_{id}_{count}") };
        count += 1;
    }
    operation.insert("operationId".to_owned(), unique.into());
}

fn add_components(merged: &mut Value, document: &Value, renames: &Renames) {
    for (section, components) in members(&document["components"]) {
        for (name, component) in members(components) {
            let name = renames.name(section, name);
            if merged["components"][section].get(name).is_none() {
                let mut component = component.clone();
                renames.follow(&mut component);
                merged["components"][section][name] = component;
            }
        }
    }
}

/// A tag is known by its name; who describes it first is believed.
fn add_tags(merged: &mut Value, document: &Value) {
    if !merged["tags"].is_array() {
        merged["tags"] = json!([]);
    }
    let Some(tags) = merged["tags"].as_array_mut() else { return };
    for tag in document["tags"].as_array().into_iter().flatten() {
        if tag["name"].is_string() && tags.iter().all(|known| known["name"] != tag["name"]) {
            tags.push(tag.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Value {
        json!({
            "openapi": "3.1.0",
            "paths": { "/healthz": { "get": { "operationId": "health" } } },
            "components": { "schemas": {
                "Problem": { "type": "object" },
                "Page": { "properties": { "item": { "$ref": "#/components/schemas/Item" } } },
                "Item": { "type": "string" },
            } },
        })
    }

    fn guest() -> Value {
        json!({
            "openapi": "3.1.0",
            "servers": [{ "url": "http://inside:1" }],
            "security": [{ "bearer": [] }],
            "tags": [{ "name": "things" }, { "name": "things", "description": "again" }],
            "paths": {
                "/v1/things": { "servers": [], "get": {
                    "operationId": "health",
                    "responses": { "200": { "content": { "application/json": { "schema": {
                        "$ref": "#/components/schemas/Page"
                    } } } } },
                } },
                "/v1/users": { "get": { "operationId": "stolen" } },
            },
            "components": {
                "schemas": {
                    "Problem": { "type": "object" },
                    "Page": { "properties": { "item": { "$ref": "#/components/schemas/Item" } } },
                    "Item": { "type": "integer" },
                    "Any": { "discriminator": { "mapping": { "a": "Item", "b": "#/components/schemas/Page" } } },
                },
                "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            },
        })
    }

    fn merged() -> Value {
        let guest = guest();
        let part = Part { name: "/v1/things", document: &guest };
        merge(&own(), &[part], |_, path| path.starts_with("/v1/things"))
    }

    #[test]
    fn a_path_that_is_not_routed_to_its_describer_is_left_out() {
        let merged = merged();

        assert!(merged["paths"].get("/v1/users").is_none());
        assert!(merged["paths"]["/healthz"]["get"].is_object());
        assert!(merged["paths"]["/v1/things"]["get"].is_object());
    }

    #[test]
    fn a_name_with_other_content_is_prefixed_and_followed() {
        let merged = merged();

        let schemas = &merged["components"]["schemas"];
        assert_eq!(schemas["Item"]["type"], "string");
        assert_eq!(schemas["v1_things_Item"]["type"], "integer");
        // Its text is the same, but not what it refers to.
        assert_eq!(schemas["v1_things_Page"]["properties"]["item"]["$ref"], "#/components/schemas/v1_things_Item");
        assert!(schemas.get("v1_things_Problem").is_none());
        assert_eq!(schemas["Any"]["discriminator"]["mapping"]["a"], "v1_things_Item");
        assert_eq!(schemas["Any"]["discriminator"]["mapping"]["b"], "#/components/schemas/v1_things_Page");
        let used = &merged["paths"]["/v1/things"]["get"]["responses"]["200"]["content"]["application/json"];
        assert_eq!(used["schema"]["$ref"], "#/components/schemas/v1_things_Page");
    }

    #[test]
    fn what_a_document_said_once_for_all_is_said_at_each_operation() {
        let merged = merged();

        let item = &merged["paths"]["/v1/things"];
        assert!(item.get("servers").is_none());
        assert_eq!(item["get"]["security"], json!([{ "bearer": [] }]));
        assert_eq!(item["get"]["operationId"], "v1_things_health");
        assert_eq!(merged["tags"], json!([{ "name": "things" }]));
        assert!(merged.get("servers").is_none());
    }

    #[test]
    fn a_scheme_that_works_differently_is_renamed_where_it_is_required() {
        let (one, mut other) = (guest(), guest());
        other["components"]["securitySchemes"]["bearer"]["scheme"] = "basic".into();
        other["paths"] = json!({ "/v1/more": { "get": {} } });

        let parts = [Part { name: "one", document: &one }, Part { name: "other", document: &other }];
        let merged = merge(&own(), &parts, |_, _| true);

        assert_eq!(merged["paths"]["/v1/more"]["get"]["security"], json!([{ "other_bearer": [] }]));
        assert_eq!(merged["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
        assert_eq!(merged["components"]["securitySchemes"]["other_bearer"]["scheme"], "basic");
    }

    #[test]
    fn a_scheme_that_is_only_described_differently_is_the_same() {
        let (one, mut other) = (guest(), guest());
        other["components"]["securitySchemes"]["bearer"]["description"] = "in other words".into();

        let parts = [Part { name: "one", document: &one }, Part { name: "other", document: &other }];
        let merged = merge(&own(), &parts, |_, _| true);

        let schemes = &merged["components"]["securitySchemes"];
        assert_eq!(*schemes, json!({ "bearer": { "type": "http", "scheme": "bearer" } }));
    }
}
