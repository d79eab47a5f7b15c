//! Whatever is sent, the answer is a documented problem and never a 500.

use axum::http::{Method, header};
use portico_testkit::User;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::helpers::{ME, MERGE_PATCH, TestApp, patch_me};

#[tokio::test]
async fn a_body_that_is_not_json_is_400() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 7] = [
        b"",
        b"{",
        b"nonsense",
        b"{\"locale\":\"de\"} trailing",
        b"\xef\xbb\xbf{}",
        b"{\"display_name\":\"\xff\xfe\"}",
        deep.as_bytes(),
    ];

    for body in bodies {
        let request = patch_me(&client, MERGE_PATCH, body.to_vec()).header(header::IF_MATCH, "*");

        client.send(request).await.assert_problem(400, "malformed_json");
    }
}

#[tokio::test]
async fn a_huge_body_is_413() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());
    let body = json!({ "display_name": "x".repeat(1 << 20) }).to_string();

    let request = patch_me(&client, MERGE_PATCH, body).header(header::IF_MATCH, "*");
    let reply = client.send(request).await;

    reply.assert_problem(413, "body_too_large");
}

#[tokio::test]
async fn an_id_that_is_none_is_400() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let long = "a".repeat(2000);

    for id in ["1", "not-a-uuid", "%00", "%FF", "%F0%9F%A6%80", "..%2f..", long.as_str()] {
        let show = admin.get(&format!("/v1/users/{id}")).await;
        let request = admin.request(Method::PUT, &format!("/v1/users/{id}/status"));
        let request = request.header(header::IF_MATCH, "*").json(&json!({ "status": "active" }));
        let change = admin.send(request).await;

        show.assert_problem(400, "invalid_parameter");
        change.assert_problem(400, "invalid_parameter");
    }
    let nil = admin.get(&format!("/v1/users/{}", Uuid::nil())).await;
    nil.assert_problem(404, "not_found");
}

#[tokio::test]
async fn other_paths_and_methods_are_404_and_405() {
    let app = TestApp::start().await;
    let client = app.client(&User::customer());

    client.get("/v1/users/me/avatar").await.assert_problem(404, "route_not_found");
    client.get("/v1/users/").await.assert_problem(404, "route_not_found");
    let post = client.post(ME, json!({})).await;
    post.assert_problem(405, "method_not_allowed");
    assert_eq!(post.header("allow"), "GET,HEAD,PATCH,DELETE");
}

#[tokio::test]
async fn strange_values_anywhere_are_never_a_server_error() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let mut strange = vec!["%E2%80%AE", "'%3B%20DROP%20TABLE%20profiles", "%5C", "null", "-0", "1e999", "%0A", "*"];
    let long = "%C3%A4".repeat(1000);
    strange.push(&long);

    for value in strange {
        for parameter in ["q", "role", "status", "sort", "limit", "cursor", "email_verified", "created_at.gte"] {
            let reply = admin.get(&format!("/v1/users?{parameter}={value}")).await;

            assert!(reply.status.as_u16() < 500, "{parameter}={value}: {:?}", reply.body);
        }
        let request = admin.request(Method::GET, ME).header(header::IF_NONE_MATCH, value);
        assert_eq!(admin.send(request).await.status.as_u16(), if value == "*" { 304 } else { 200 });
    }
}

#[tokio::test]
async fn bytes_that_no_client_library_sends_are_never_a_server_error() {
    let app = TestApp::start().await;
    let token = app.issuer.token(&app.admin);

    let targets: [&[u8]; 5] =
        [b"/v1/users?q=\xff", b"/v1/users/\xff", b"/v1/users?q=a b", b"//v1//users", b"/v1/users/\x00"];
    for target in targets {
        let head = format!(" HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
        let request = [b"GET ", target, head.as_bytes(), b"connection: close\r\n\r\n"].concat();
        let mut stream = TcpStream::connect(app.service.public).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();

        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 4"), "{target:?}: {answer}");
    }
}
