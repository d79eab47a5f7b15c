//! What is in force, for whoever runs the gateway.

use http::Method;
use portico_testkit::Client;

use crate::helpers::{ROUTES, Suite};

const LIMIT: &str = "\n[limits.few]\nquota = 5\nwindow_secs = 60\nper = \"client\"\n";

#[tokio::test]
async fn routes_endpoints_keys_and_limits_are_shown_as_json() {
    let limited = ROUTES.replacen("prefix = \"/v1/open\"", "prefix = \"/v1/open\"\nlimits = [\"few\"]", 1);
    let suite = Suite::with_routes(&format!("{limited}{LIMIT}")).await;
    suite.client().get("/v1/open/echo").await;

    let view = Client::new(suite.gateway.internal).get("/admin").await.body;

    let routes = view["routes"].as_array().unwrap();
    let open = routes.iter().find(|route| route["prefix"] == "/v1/open").unwrap();
    assert_eq!((&open["upstream"], &open["token"]), (&"shop".into(), &"optional".into()));
    assert_eq!(open["limits"], serde_json::json!(["\"few\";q=5;w=60"]));
    let shop = view["upstreams"].as_array().unwrap().iter().find(|upstream| upstream["name"] == "shop").unwrap();
    assert_eq!(shop["endpoints"][0]["address"], suite.upstream.address.to_string());
    assert_eq!(shop["endpoints"][0]["standing"], "good");
    assert_eq!((&shop["in_flight"], &shop["concurrency_limit"]), (&0.into(), &128.into()));
    assert_eq!(view["keys"], serde_json::json!(["test-key"]));
    assert_eq!(view["routes_are_current"], true);
}

#[tokio::test]
async fn a_browser_gets_a_page_without_scripts() {
    let suite = Suite::start().await;
    let internal = Client::new(suite.gateway.internal);

    let reply = internal.send(internal.request(Method::GET, "/admin").header("accept", "text/html")).await;

    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert!(reply.header("content-security-policy").starts_with("default-src 'none'"));
    let page = String::from_utf8(reply.bytes).unwrap();
    assert!(page.contains("/v1/closed") && page.contains("test-key") && !page.contains("<script"), "{page}");
}

#[tokio::test]
async fn nobody_outside_sees_it() {
    let suite = Suite::start().await;

    suite.client().get("/admin").await.assert_problem(404, "route_not_found");
}
