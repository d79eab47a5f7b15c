//! One document of everything, and the page that shows it.

use http::Method;
use serde_json::Value;

use crate::helpers::{ROUTES, Suite, Upstream};

#[tokio::test]
async fn the_document_describes_services_and_gateway_as_one() {
    let suite = Suite::start().await;

    let reply = suite.client().get("/openapi.json").await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/json");
    let document = reply.body;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "/");
    for path in ["/healthz", "/openapi.json", "/docs", "/problems/{code}", "/v1/closed/echo"] {
        assert!(document["paths"][path]["get"].is_object(), "{path}");
    }
    assert!(document["paths"].get("/v1/elsewhere").is_none(), "nothing is routed there");
    assert!(!document.to_string().contains("inside:1"), "no address of a service is told");
    let problems = document["x-problems"].as_array().unwrap();
    let is_there = |code: &str| problems.iter().any(|problem| problem["code"] == code);
    assert!(is_there("teapot") && is_there("upstream_timeout") && is_there("validation_failed"));
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let suite = Suite::start().await;
    let document = suite.client().get("/openapi.json").await.body;

    let mut references = Vec::new();
    collect_references(&document, &mut references);

    assert!(!references.is_empty());
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            into.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect_references(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, into)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_not_sent_again_to_one_who_has_it() {
    let suite = Suite::start().await;
    let first = suite.client().get("/openapi.json").await;
    let ask = |tag: String| suite.client().request(Method::GET, "/openapi.json").header("if-none-match", tag);

    let same = suite.client().send(ask(format!("\"other\", W/{}", first.etag()))).await;
    let other = suite.client().send(ask("\"other\"".to_owned())).await;

    assert_eq!((same.status.as_u16(), same.bytes.len()), (304, 0));
    assert_eq!(same.etag(), first.etag());
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn a_service_that_comes_later_is_in_the_document_when_it_is_asked_next() {
    let late = Upstream::start_unpublished().await;
    let suite = Suite::with_routes(&ROUTES.replace("UPSTREAM", &late.address.to_string())).await;
    let before = suite.client().get("/openapi.json").await.body;

    late.publish();
    let after = suite.client().get("/openapi.json").await.body;

    assert!(before["paths"]["/healthz"].is_object());
    assert!(before["paths"].get("/v1/closed/echo").is_none());
    assert!(after["paths"]["/v1/closed/echo"].is_object());
}

#[tokio::test]
async fn the_interactive_reference_loads_nothing_from_elsewhere() {
    let suite = Suite::start().await;

    let short = suite.client().get("/docs").await;
    let page = suite.client().get("/docs/").await;

    assert_eq!((short.status.as_u16(), short.header("location")), (307, "/docs/"));
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let html = String::from_utf8(page.bytes.clone()).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    let names = html.split(" src=\"").skip(1).chain(html.split("\"stylesheet\" href=\"").skip(1));
    let assets: Vec<&str> = names.filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(assets.len(), 5, "{assets:?}");
    for asset in assets {
        let reply = suite.client().get(&format!("/docs/{asset}")).await;
        assert_eq!(reply.status, 200, "{asset}");
        assert!(reply.header("content-type").starts_with("text/"), "{asset}");
        assert!(!reply.bytes.is_empty(), "{asset}");
    }
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
}

#[tokio::test]
async fn the_interactive_reference_shows_the_merged_document() {
    let suite = Suite::start().await;

    let start = suite.client().get("/docs/swagger-initializer.js").await;

    let script = String::from_utf8(start.bytes).unwrap();
    assert!(script.contains("\"url\": \"/openapi.json\""), "{script}");
    assert!(script.contains("\"validatorUrl\": \"none\""), "{script}");
    assert!(!script.contains("http://") && !script.contains("https://"), "{script}");
    suite.client().get("/docs/nothing.js").await.assert_problem(404, "route_not_found");
}
