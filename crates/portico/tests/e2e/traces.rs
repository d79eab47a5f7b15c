//! One trace for one request, whoever takes part in it.

use portico_testkit::{Collector, Reply};

use crate::helpers::TestSuite;

/// Holds that the gateway and `service` told of one request, the second as the child of the first.
async fn assert_one_trace(collector: &Collector, reply: &Reply, service: &str, name: &str) {
    let id = reply.header("x-request-id");
    let outer = collector.span(|span| span.attributes.get("portico.request.id").is_some_and(|told| told == id)).await;
    let inner = collector.span(|span| span.service != "gateway" && span.trace_id == outer.trace_id).await;

    assert_eq!(outer.service, "gateway");
    assert_eq!(outer.attributes["portico.upstream"], service);
    assert_eq!((inner.service.as_str(), inner.name.as_str()), (service, name));
    assert_eq!(inner.parent_id, outer.span_id);
    assert_eq!(inner.attributes["http.response.status_code"], outer.attributes["http.response.status_code"]);
}

#[tokio::test]
async fn a_request_is_one_trace_through_the_gateway_and_each_service() {
    let collector = Collector::start().await;
    let suite = TestSuite::start_traced(collector.config(1.0)).await;
    let login = suite.login_reply("customer").await;
    let token = login.body["access_token"].as_str().unwrap().to_owned();
    let customer = suite.client().with_token(&token);

    let me = customer.get("/v1/users/me").await;
    let products = customer.get("/v1/products?limit=1").await;
    let refused = customer.post("/v1/products", serde_json::json!({})).await;

    assert_one_trace(&collector, &login, "auth", "POST /v1/auth/login").await;
    assert_one_trace(&collector, &me, "user", "GET /v1/users/me").await;
    assert_one_trace(&collector, &products, "product", "GET /v1/products").await;
    assert_one_trace(&collector, &refused, "product", "POST /v1/products").await;
    let password = portico::demo::logins(suite.secrets()).into_iter().find(|login| login.role == "customer").unwrap();
    for secret in [token.as_str(), &password.password, login.body["refresh_token"].as_str().unwrap()] {
        assert!(!collector.knows(secret), "a secret was told");
    }
}
