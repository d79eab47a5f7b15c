//! Bad input gets the documented problem, through the gateway, on every path that takes a body.

use reqwest::Method;
use serde_json::Value;

use crate::helpers::TestSuite;

const ANY_ID: &str = "01920000-0000-7000-8000-000000000000";

/// Every path and method of the document that takes a body, with its media type.
fn writes(document: &Value) -> Vec<(Method, String, String)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
            let path =
                path.split('/').map(|part| if part.starts_with('{') { ANY_ID } else { part }).collect::<Vec<_>>();
            found.push((
                method.to_uppercase().parse().unwrap(),
                path.join("/"),
                content.keys().next().unwrap().clone(),
            ));
        }
    }
    found
}

#[tokio::test]
async fn no_body_is_answered_with_a_server_error() {
    let suite = TestSuite::start().await;
    let client = suite.client_as("admin").await;
    let document = client.get("/openapi.json").await.body;
    let huge = format!("{{\"x\":\"{}\"}}", "a".repeat(3 << 20));
    let bodies: [(&[u8], &[u16]); 9] = [
        (b"{", &[400]),
        (b"", &[400, 422]),
        (b"null", &[422]),
        (b"[]", &[422]),
        (b"\"text\"", &[422]),
        (b"{\"no_such_field\":1}", &[422]),
        (b"{\"a\":\"\xff\xfe\"}", &[400]),
        (b"{\"email\":\"a\\u0000b\",\"title\":\"a\\u0000b\"}", &[422]),
        (huge.as_bytes(), &[413]),
    ];

    // Its body is optional: an empty one would end the session this test lives in.
    let writes = writes(&document).into_iter().filter(|(_, path, _)| path != "/v1/auth/logout");
    for (method, path, media_type) in writes {
        for (body, allowed) in &bodies {
            let request =
                client.request(method.clone(), &path).header("content-type", &media_type).header("if-match", "\"1\"");
            let reply = client.send(request.body(body.to_vec())).await;
            let status = reply.status.as_u16();
            // An optional body may be empty; anything else is refused, by what it is or by where it goes.
            let is_fine =
                allowed.contains(&status) || (body.is_empty() && status < 500) || status == 404 || status == 429;
            let start = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert!(is_fine, "{method} {path} with {start}: {status} {}", reply.body);
        }
        let request =
            client.request(method.clone(), &path).header("content-type", "text/csv").header("if-match", "\"1\"");
        let reply = client.send(request.body("a,b")).await;
        assert!([415, 404, 429].contains(&reply.status.as_u16()), "{method} {path} with csv: {}", reply.status);
    }
}

#[tokio::test]
async fn a_bad_address_is_refused_and_never_a_server_error() {
    let suite = TestSuite::start().await;
    let client = suite.client_as("admin").await;

    for path in [
        "/v1/products/not-a-uuid",
        "/v1/products/%00",
        "/v1/products/%ff%fe",
        "/v1/products?limit=0",
        "/v1/products?limit=101",
        "/v1/products?limit=99999999999999999999",
        "/v1/products?limit=ten",
        "/v1/products?colour=red",
        "/v1/products?cursor=nonsense",
        "/v1/products?cursor=%00",
        "/v1/products?sort=owner",
        "/v1/products?status=sold",
        "/v1/products?attr.color=%ff",
        "/v1/search?q=%00",
        "/v1/search",
        "/v1/users/not-a-uuid",
        "/v1/users?limit=-1",
        "/v1/users?page=2",
        "/v1/users?cursor=AAAA",
        "/v1/users?q=%00",
        "/v1/users/me?expand=all",
        "/.well-known/jwks.json?kid=1",
        "/v1/categories?parent=x",
    ] {
        let reply = client.get(path).await;
        let status = reply.status.as_u16();
        assert!((400..500).contains(&status), "{path} answered {status}: {}", reply.body);
        assert_eq!(reply.header("content-type"), "application/problem+json", "{path}");
    }
    client.get("/no/such/path").await.assert_problem(404, "route_not_found");
    client.send(client.request(Method::PATCH, "/v1/auth/login")).await.assert_problem(405, "method_not_allowed");
}
