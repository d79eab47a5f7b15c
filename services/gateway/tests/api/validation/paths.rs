//! Only what is described is passed on.

use http::Method;
use serde_json::json;

use super::{ID, suite};

#[tokio::test]
async fn a_path_that_is_not_described_is_404_before_the_service_hears_of_it() {
    let suite = suite().await;

    for path in [
        "/v1/shop",
        "/v1/shop/nothing",
        "/v1/shop/things/",
        "/v1/shop/Things",
        "/v1/shop/things/7/8",
        "/v1/shop/files/a",
        "/v1/shop/files/.csv",
    ] {
        suite.client().get(path).await.assert_problem(404, "route_not_found");
    }
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_method_that_is_not_described_is_405_with_those_that_are() {
    let suite = suite().await;

    for (method, path, allow) in [
        (Method::DELETE, "/v1/shop/things", "GET, POST, HEAD"),
        (Method::HEAD, "/v1/shop/action", "POST"),
        (Method::PUT, "/v1/shop/things/7", "GET, PATCH, HEAD"),
        (Method::GET, "/v1/shop/things/mine", "DELETE"),
        (Method::from_bytes(b"PROPFIND").unwrap(), "/v1/shop/action", "POST"),
    ] {
        let reply = suite.client().send(suite.client().request(method.clone(), path)).await;

        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, allow), "{method} {path}");
    }
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn head_is_get_and_options_passes() {
    let suite = suite().await;
    let send = async |method: Method, path: &str| suite.client().send(suite.client().request(method, path)).await;

    assert_eq!(send(Method::HEAD, "/v1/shop/things?limit=5").await.status, 200);
    assert_eq!(send(Method::HEAD, "/v1/shop/things?limit=500").await.status, 400);
    assert_eq!(send(Method::OPTIONS, "/v1/shop/things?anything=1").await.status, 200);
    assert_eq!(send(Method::OPTIONS, "/v1/shop/nothing").await.status, 404);
    assert_eq!(suite.upstream.hits(), 2);
}

#[tokio::test]
async fn a_path_without_variables_goes_before_one_with_them() {
    let suite = suite().await;
    let client = suite.client();

    let mine = client.send(client.request(Method::DELETE, "/v1/shop/things/mine")).await;
    let one = client.get(&format!("/v1/shop/things/{ID}")).await;
    let file = client.get("/v1/shop/files/a.b.csv").await;

    assert_eq!((mine.status.as_u16(), one.status.as_u16(), file.status.as_u16()), (200, 200, 400));
    assert_eq!(client.get("/v1/shop/files/a%20b.csv").await.status, 200);
}

#[tokio::test]
async fn who_may_not_enter_is_not_told_what_is_inside() {
    let suite = suite().await;

    suite.client().get("/v1/shop/closed/nothing").await.assert_problem(401, "unauthenticated");
    suite.customer().get("/v1/shop/closed/nothing").await.assert_problem(404, "route_not_found");
    assert_eq!(suite.customer().get("/v1/shop/closed/things").await.status, 200);
}

#[tokio::test]
async fn what_may_come_from_the_cache_is_checked_before_and_bodies_still_are() {
    let suite = suite().await;
    let client = suite.client();
    let path = "/v1/shop/kept/things";

    let good = client.get(&format!("{path}?limit=5")).await;
    let bad = client.get(&format!("{path}?limit=500")).await;
    let made = client.post(path, json!({ "name": "a" })).await;
    let refused = client.post(path, json!({ "name": 1 })).await;

    assert!(good.status == 200 && !good.header("cache-status").is_empty(), "{:?}", good.headers);
    bad.assert_problem(400, "invalid_parameter");
    assert_eq!((made.status.as_u16(), &made.body["body"]), (200, &json!("{\"name\":\"a\"}")));
    refused.assert_problem(422, "validation_failed");
    assert_eq!(suite.upstream.hits(), 2);
}

#[tokio::test]
async fn a_route_that_does_not_ask_for_it_is_left_alone() {
    let suite = suite().await;

    let reply = suite.client().get("/v1/shop/unchecked/anything?x=1").await;

    assert_eq!((reply.status.as_u16(), suite.upstream.hits()), (200, 1));
}
