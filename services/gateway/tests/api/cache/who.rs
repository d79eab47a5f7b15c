//! Who gets an answer of the store, and whose are in it: only of those who say nothing of themselves.

use http::Method;
use portico_gateway::RouteFile;
use portico_testkit::User;

use super::origin::Origin;
use super::{ROUTES, ask, status, suite, text};
use crate::helpers::{RawUpstream, Suite};

const PUBLIC: [(&str, &str); 2] = [("cache-control", "public, max-age=60"), ("etag", "\"a\"")];

#[tokio::test]
async fn what_a_caller_gets_by_name_goes_to_nobody_else_in_any_order() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;
    let token = format!("Bearer {}", suite.issuer.token(&User::customer()));
    let client = suite.client();

    for (n, (name, value)) in [
        ("authorization", token.as_str()),
        ("cookie", "session=1"),
        ("x-api-key", "key"),
        ("range", "bytes=0-0"),
        ("x-http-method-override", "DELETE"),
        ("cache-control", "no-store"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/v1/public/{n}");
        let before = origin.asked();

        // Before there is anything, with something stored, and again: each is asked for by itself.
        let named = ask(&client, &path, &[(name, value)]).await;
        let public = client.get(&path).await;
        let named_again = ask(&client, &path, &[(name, value)]).await;
        let public_again = client.get(&path).await;

        let number = |reply| text(reply).parse::<usize>().unwrap() - before;
        let numbers = [number(&named), number(&public), number(&named_again), number(&public_again)];
        assert_eq!(numbers, [1, 2, 3, 2], "{name}");
        assert!(status(&named).starts_with("portico; fwd="), "{}", status(&named));
        assert_eq!(status(&public), "portico; fwd=miss; stored", "{name}");
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_before_the_store_is_asked() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;
    suite.client().get("/v1/public/x").await;

    let reply = suite.client().with_token("x").get("/v1/public/x").await;

    reply.assert_problem(401, "invalid_token");
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn a_request_with_a_body_is_nobody_elses() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;
    let client = suite.client();

    let fat = client.send(client.request(Method::GET, "/v1/public/x").body("evil")).await;
    let plain = client.get("/v1/public/x").await;

    assert_eq!((text(&fat), text(&plain)), ("1".to_owned(), "2".to_owned()));
}

#[tokio::test]
async fn a_head_is_answered_from_what_a_get_has_stored() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;
    let client = suite.client();
    let head = async || client.send(client.request(Method::HEAD, "/v1/public/x")).await;

    let before = head().await;
    client.get("/v1/public/x").await;
    let after = head().await;

    assert_eq!((status(&before), origin.asked()), ("portico; fwd=miss", 2));
    assert!(status(&after).starts_with("portico; hit; ttl="), "{}", status(&after));
    assert_eq!((after.header("content-length"), after.header("etag"), after.bytes.len()), ("1", "\"a\"", 0));
}

#[tokio::test]
async fn who_holds_the_answer_already_is_told_so_and_the_service_is_asked_for_all() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;
    let client = suite.client();

    let first = ask(&client, "/v1/public/x", &[("if-none-match", "\"other\"")]).await;
    let held = ask(&client, "/v1/public/x", &[("if-none-match", "\"b\", W/\"a\"")]).await;
    let other = ask(&client, "/v1/public/x", &[("if-none-match", "\"b\"")]).await;

    assert_eq!((first.status.as_u16(), held.status.as_u16(), other.status.as_u16()), (200, 304, 200));
    assert_eq!((held.header("etag"), held.bytes.len()), ("\"a\"", 0));
    assert_eq!((origin.asked(), origin.header(1, "if-none-match")), (1, None));
}

#[tokio::test]
async fn a_client_cannot_have_the_service_asked_for_what_is_fresh() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;
    let client = suite.client();

    for headers in [("cache-control", "no-cache"), ("cache-control", "max-age=0"), ("pragma", "no-cache")] {
        assert_eq!(text(&ask(&client, "/v1/public/x", &[headers]).await), "1", "{headers:?}");
    }

    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn a_route_without_a_cache_has_none() {
    let origin = Origin::counting(&PUBLIC).await;
    let suite = suite(&origin).await;

    let replies = [suite.client().get("/v1/plain/x").await, suite.client().get("/v1/plain/x").await];

    assert_eq!(replies.each_ref().map(text), ["1", "2"]);
    assert_eq!(status(&replies[1]), "");
}

#[test]
fn a_route_that_requires_a_token_has_nothing_to_keep() {
    let routes = ROUTES.replace("ORIGIN", "shop:1").replace("port = 1\n", "port = 3\n");
    assert!(RouteFile::parse(&routes).is_ok());

    let refused = RouteFile::parse(&routes.replace("\"optional\"", "\"required\"")).unwrap_err();

    assert!(refused.to_string().starts_with("routes[0].cache: "), "{refused}");
}

#[tokio::test]
async fn a_websocket_passes_by_it() {
    let upstream = RawUpstream::bind().await;
    let suite = Suite::with_routes(&ROUTES.replace("ORIGIN", &upstream.address.to_string())).await;
    let mut client = suite.connect().await;

    let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    client.write(format!("GET /v1/public/x HTTP/1.1\r\nHost: a\r\n{handshake}\r\n\r\n")).await;
    let (mut service, _) = upstream.next_request().await;
    service.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi").await;

    let granted = client.read_head().await.to_ascii_lowercase();
    assert!(granted.starts_with("http/1.1 101 ") && !granted.contains("cache-status"), "{granted}");
    assert_eq!(client.read(2).await, b"hi");
}
