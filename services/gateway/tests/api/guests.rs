//! Services of others, in any language, join by a route.

use http::Method;
use serde_json::json;

use crate::helpers::{Suite, Upstream};

#[tokio::test]
async fn a_guest_with_credentials_of_its_own_gets_them_unread() {
    let suite = Suite::start().await;

    for credentials in ["Basic dTpw", "Bearer garbage", "Token 1"] {
        let request = suite.client().request(Method::GET, "/v1/guest/echo").header("authorization", credentials);
        let reply = suite.client().send(request).await;

        assert_eq!(reply.status, 200);
        assert!(reply.body["headers"].as_array().unwrap().contains(&json!(["authorization", credentials])));
    }
}

#[tokio::test]
async fn a_guest_can_have_the_gateway_check_tokens() {
    let routes = "[[routes]]\nprefix = \"/reports\"\nurl = \"http://UPSTREAM\"\ntoken = \"required\"\n";
    let suite = Suite::with_routes(routes).await;

    suite.client().get("/reports/echo").await.assert_problem(401, "unauthenticated");
    suite.client().with_token("garbage").get("/reports/echo").await.assert_problem(401, "invalid_token");
    assert_eq!(suite.upstream.hits(), 0);
    assert_eq!(suite.customer().get("/reports/echo").await.status, 200);
}

#[tokio::test]
async fn two_guests_are_kept_apart() {
    let other = Upstream::start().await;
    let routes = format!(
        "[[routes]]\nprefix = \"/a-b\"\nurl = \"http://UPSTREAM\"\ntoken = \"ignored\"\n\
         [[routes]]\nprefix = \"/a_b\"\nurl = \"http://{}\"\ntoken = \"ignored\"\n",
        other.address
    );
    let suite = Suite::with_routes(&routes).await;

    assert_eq!(suite.client().get("/a_b/echo").await.status, 200);

    assert_eq!((suite.upstream.hits(), other.hits()), (0, 1));
}

#[tokio::test]
async fn a_guest_s_document_joins_as_far_as_its_routes_go() {
    let routes = "[[routes]]\nprefix = \"/v1/closed\"\nurl = \"http://UPSTREAM\"\ntoken = \"required\"\n\
                  openapi = \"/openapi.json\"\n";
    let suite = Suite::with_routes(routes).await;

    let document = suite.client().get("/openapi.json").await.body;

    assert!(document["paths"]["/v1/closed/echo"]["get"].is_object());
    assert!(document["paths"].get("/v1/elsewhere").is_none());
}
