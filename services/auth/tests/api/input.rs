//! Bad input is answered with a documented problem, never with a failure.

use portico_auth::Role;
use portico_testkit::Reply;
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::TestApp;

const BODIES: [(Method, &str); 10] = [
    (Method::POST, "/v1/auth/register"),
    (Method::POST, "/v1/auth/login"),
    (Method::POST, "/v1/auth/refresh"),
    (Method::POST, "/v1/auth/email/verify"),
    (Method::POST, "/v1/auth/email/resend"),
    (Method::POST, "/v1/auth/password/forgot"),
    (Method::POST, "/v1/auth/password/reset"),
    (Method::PUT, "/v1/auth/password"),
    (Method::POST, "/v1/auth/logout"),
    (Method::PUT, "/v1/auth/accounts/0192f0c1-2345-7abc-8def-0123456789ab/roles"),
];

#[track_caller]
fn assert_client_error(reply: &Reply, what: &str) {
    assert!(reply.status.is_client_error(), "{what}: {} {}", reply.status, reply.body);
    assert_eq!(reply.header("content-type"), "application/problem+json", "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_what_it_must_be_is_a_client_error() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    // Just over the limit, so that nothing of it is left to be sent when the refusal comes.
    let huge = vec![b' '; (1 << 20) + 1];
    let bodies: [Vec<u8>; 9] = [
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"text\"".to_vec(),
        b"{\"email\":{},\"password\":[],\"code\":1,\"refresh_token\":null,\"roles\":7,\"everywhere\":\"x\"}".to_vec(),
        b"{\"unknown\":true}".to_vec(),
        b"{\"email\":\"a\\u0000@example.com\",\"password\":\"\\u0000\"}".to_vec(),
        vec![b'{', b'"', 0xff, 0xfe, b'"', b':', b'1', b'}'],
        huge,
    ];
    for (method, path) in BODIES {
        for body in &bodies {
            let request = admin.client.request(method.clone(), path).header("if-match", "*");
            let request = request.header("content-type", "application/json").body(body.clone());

            let reply = admin.client.send(request).await;

            assert_client_error(&reply, &format!("{path} {}", String::from_utf8_lossy(&body[..body.len().min(60)])));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_media_type_is_refused() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    for (method, path) in BODIES {
        let request = admin.client.request(method, path).header("if-match", "*").header("content-type", "text/plain");

        let reply = admin.client.send(request.body("{}")).await;

        reply.assert_problem(415, "unsupported_media_type");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_nobody_expects_is_a_client_error() {
    let app = TestApp::start().await;
    let long = "x".repeat(100_000);
    let texts = ["", " ", "\u{202e}\u{feff}", "'; DROP TABLE accounts; --", "😀@😀", "a@b", "%00", &long];
    for text in texts {
        let bodies: [(&str, Value); 5] = [
            ("/v1/auth/register", json!({ "email": text, "password": text, "display_name": text })),
            ("/v1/auth/login", json!({ "email": text, "password": text })),
            ("/v1/auth/refresh", json!({ "refresh_token": text })),
            ("/v1/auth/email/verify", json!({ "email": text, "code": text })),
            ("/v1/auth/password/reset", json!({ "email": text, "code": text, "new_password": text })),
        ];
        for (path, body) in bodies {
            let reply = app.client.post(path, body).await;

            assert_client_error(&reply, path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_parameters_are_refused() {
    let app = TestApp::start().await;
    let admin = app.signed_in("admin@example.com", Role::Admin).await;
    for path in [
        "/v1/auth/sessions?limit=0",
        "/v1/auth/sessions?limit=101",
        "/v1/auth/sessions?limit=ten",
        "/v1/auth/sessions?limit=1&limit=2",
        "/v1/auth/sessions?cursor=nonsense",
        "/v1/auth/sessions?page=2",
        "/v1/auth/sessions?cursor=%00",
        "/v1/auth/sessions?cursor=%ff",
        "/v1/auth/accounts?email=nobody",
        "/v1/auth/accounts?role=admin",
        "/v1/auth/accounts/not-a-uuid",
        "/v1/auth/accounts/%00",
        "/v1/auth/accounts/%ff",
    ] {
        let reply = admin.client.get(path).await;

        assert_eq!(reply.status, 400, "{path} {}", reply.body);
        assert_client_error(&reply, path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_not_ours_are_refused() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let issuer = portico_testkit::Issuer::start_at(app.clock.clone()).await;
    let foreign = issuer.token(&portico_testkit::User::admin());
    let mut forged = ada.access_token.clone();
    forged.replace_range(forged.len() - 4.., "AAAA");

    for token in ["", "garbage", "a.b.c", &forged, &foreign, &ada.refresh_token, &"x".repeat(9_000)] {
        let refused = app.client.with_token(token).get("/v1/auth/sessions").await;

        refused.assert_problem(401, "invalid_token");
    }
}
