//! Whom an answer is for: nothing one client sends changes what another gets.

use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::origin::Origin;
use super::{ask, status, suite, text};

/// Says what it was asked, as a careless service does, and has it kept.
async fn careless() -> Origin {
    Origin::start(|head, number| {
        let headers: Vec<String> = head.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        let seen = json!({ "number": number, "target": head.uri.to_string(), "headers": headers.join("\n") });
        ([("cache-control", "max-age=60")], axum::Json(seen)).into_response()
    })
    .await
}

#[tokio::test]
async fn host_path_and_query_are_in_the_key_as_they_were_sent() {
    let origin = careless().await;
    let suite = suite(&origin).await;
    let client = suite.client();

    for (n, (host, target)) in [
        ("a.example", "/v1/public/x"),
        ("b.example", "/v1/public/x"),
        ("a.example:81", "/v1/public/x"),
        ("a.example", "/v1/public/X"),
        ("a.example", "/v1/public/x?"),
        ("a.example", "/v1/public/x?a=1"),
        ("a.example", "/v1/public/x?a=1&a=2"),
        ("a.example", "/v1/public/x?a=2&a=1"),
        ("a.example", "/v1/public/x?A=1"),
        ("a.example", "/v1/public/x?a=%31"),
        ("a.example", "/v1/public/x/"),
    ]
    .into_iter()
    .enumerate()
    {
        let first = ask(&client, target, &[("host", host)]).await;
        let again = ask(&client, target, &[("host", host)]).await;

        assert_eq!(
            (&first.body["number"], &again.body["number"]),
            (&Value::from(n + 1), &Value::from(n + 1)),
            "{host} {target}"
        );
    }
}

#[tokio::test]
async fn one_host_in_other_letters_is_the_same() {
    let origin = careless().await;
    let suite = suite(&origin).await;

    for request in [
        "GET /v1/public/x HTTP/1.1\nHost: a.example",
        "GET /v1/public/x HTTP/1.1\nHOST: A.Example",
        "GET http://a.example/v1/public/x HTTP/1.1\nHost: a.example",
        "GET /v1/public/%78 HTTP/1.1\nHost: a.example",
    ] {
        let reply = suite.raw(request).await;

        assert_eq!(reply.json()["number"], 1, "{request}");
    }
}

#[tokio::test]
async fn what_is_not_in_the_key_changes_nothing_for_others() {
    let origin = careless().await;
    let suite = suite(&origin).await;

    for (n, evil) in [
        "X-Forwarded-Host: evil.example",
        "x_forwarded_host: evil.example",
        "Forwarded: host=evil.example",
        "X-Forwarded-Proto: evil",
        "X-Original-URL: /evil",
        "X-Rewrite-URL: /evil",
        "X-HTTP-Method-Override: EVIL",
        "x_custom: evil",
        "Connection: accept-language\nAccept-Language: evil",
        "Cookie: evil=1",
        "Authorization: evil",
        "X-Api-Key: evil",
        "Range: bytes=0-666",
        "If-None-Match: \"evil\"",
        "Cache-Control: no-store\nX-Custom: evil",
        "Content-Length: 4\n\nevil",
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/v1/public/{n}");
        suite.raw(&format!("GET {target} HTTP/1.1\nHost: a.example\n{evil}")).await;

        let clean = suite.raw(&format!("GET {target} HTTP/1.1\nHost: a.example")).await;

        let seen = clean.json().to_string();
        assert_eq!(clean.status, 200, "{evil}");
        assert!(!seen.to_lowercase().contains("evil") && seen.contains("a.example"), "{evil}: {seen}");
    }
}

#[tokio::test]
async fn a_target_that_names_another_host_reaches_nobody() {
    let origin = careless().await;
    let suite = suite(&origin).await;

    let reply = suite.raw("GET http://evil.example/v1/public/x HTTP/1.1\nHost: a.example").await;

    assert_eq!((reply.status, origin.asked()), (400, 0));
}

#[tokio::test]
async fn pages_of_other_origins_do_not_share_who_may_read_it() {
    let origin = Origin::start(|head, number| {
        let page = head.headers.get("origin").cloned().unwrap_or_else(|| "none".parse().unwrap());
        let headers = [
            ("cache-control".parse().unwrap(), "max-age=60".parse().unwrap()),
            (http::header::ACCESS_CONTROL_ALLOW_ORIGIN, page),
        ];
        (http::HeaderMap::from_iter(headers), number.to_string()).into_response()
    })
    .await;
    let suite = suite(&origin).await;
    let client = suite.client();

    let one = ask(&client, "/v1/public/x", &[("origin", "https://evil.example")]).await;
    let other = ask(&client, "/v1/public/x", &[("origin", "https://shop.example")]).await;

    assert_eq!((text(&one), text(&other)), ("1".to_owned(), "1".to_owned()));
    assert!(status(&other).starts_with("portico; hit"));
    assert!([one, other].iter().all(|reply| !reply.headers.contains_key("access-control-allow-origin")));
}
