//! Bodies: their type, their JSON, their schema.

use http::Method;
use portico_testkit::Reply;
use serde_json::json;

use super::{ID, faults, suite};
use crate::helpers::Suite;

async fn post(suite: &Suite, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
    let request = suite.client().request(Method::POST, path).header("content-type", content_type);
    suite.client().send(request.body(body.into())).await
}

#[tokio::test]
async fn a_body_that_fits_arrives_byte_for_byte() {
    let suite = suite().await;
    let sent = " {\"name\" : \"\\u0061 b\",\r\n\"amount\": 1.0e1 , \"parent\":{\"name\":\"c\",\"parent\":null} }\n";

    let reply = post(&suite, "/v1/shop/things", "Application/JSON; Charset=UTF-8", sent).await;

    assert_eq!((reply.status.as_u16(), reply.body["body"].as_str()), (200, Some(sent)));
    assert!(reply.body["headers"].as_array().unwrap().contains(&json!(["content-length", sent.len().to_string()])));
}

#[tokio::test]
async fn pieces_arrive_as_one_body_with_its_length() {
    let suite = suite().await;
    let mut connection = suite.connect().await;
    let head = "POST /v1/shop/things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n";

    connection.write(format!("{head}Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n7\r\n{{\"name\"\r\n")).await;
    connection.write("6\r\n : \"a\"\r\n1\r\n}\r\n0\r\nx-sum: 1\r\n\r\n").await;

    assert!(connection.read_head().await.starts_with("HTTP/1.1 200 "));
    let echo: serde_json::Value = serde_json::from_slice(&connection.read_to_end().await).unwrap();
    assert_eq!(echo["body"], "{\"name\" : \"a\"}");
    let headers = echo["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["content-length", "14"])), "{headers:?}");
    assert!(!headers.iter().any(|header| header[0] == "transfer-encoding"));
    assert_eq!(echo["trailers"], json!([]));
}

#[tokio::test]
async fn what_is_not_one_json_text_with_one_reading_is_400() {
    let suite = suite().await;
    let deep = format!("{{\"tags\":{}", "[".repeat(100_000));

    for body in [
        &b""[..],
        b" ",
        b"{",
        b"{\"name\":\"a\"} {}",
        b"{\"name\":\"a\",}",
        b"\xef\xbb\xbf{\"name\":\"a\"}",
        b"{\"name\":\"\xff\"}",
        b"{\"name\":\"\\ud800\"}",
        b"{\"name\":\"a\",\"amount\":1e999}",
        b"{\"name\":\"a\",\"amount\":NaN}",
        b"{\"name\":\"a\",\"name\":\"a\"}",
        b"{\"name\":\"a\",\"n\\u0061me\":\"b\"}",
        b"{\"name\":\"a\",\"parent\":{\"name\":\"a\",\"name\":\"b\"}}",
        deep.as_bytes(),
    ] {
        let reply = post(&suite, "/v1/shop/things", "application/json", body).await;

        assert_eq!(reply.status, 400, "{}", String::from_utf8_lossy(&body[..body.len().min(60)]));
        reply.assert_problem(400, "malformed_json");
    }
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn what_breaks_its_schema_is_422_with_all_places() {
    let suite = suite().await;

    for (body, expected) in [
        ("null", vec![("", "wrong_type")]),
        ("[]", vec![("", "wrong_type")]),
        ("{}", vec![("/name", "required")]),
        (r#"{"name":""}"#, vec![("/name", "too_short"), ("/name", "format")]),
        (r#"{"name":"a","colour":1}"#, vec![("/colour", "unknown_field")]),
        (r#"{"name":"a","amount":"1"}"#, vec![("/amount", "wrong_type")]),
        (r#"{"name":"a","amount":1.5}"#, vec![("/amount", "wrong_type")]),
        (r#"{"name":"a","amount":9007199254740992}"#, vec![("/amount", "out_of_range")]),
        (r#"{"name":"a","amount":123456789012345678901234567890}"#, vec![("/amount", "out_of_range")]),
        (r#"{"name":"a","kind":"bowl"}"#, vec![("/kind", "not_one_of")]),
        (r#"{"name":"a","parent":{"name":1}}"#, vec![("/parent/name", "wrong_type")]),
        (r#"{"name":"a","parent":7}"#, vec![("/parent", "not_one_of")]),
        (
            r#"{"amount":-1,"tags":["a",2],"x/y~":0}"#,
            vec![
                ("/amount", "out_of_range"),
                ("/name", "required"),
                ("/tags/1", "wrong_type"),
                ("/x~1y~0", "unknown_field"),
            ],
        ),
    ] {
        let reply = post(&suite, "/v1/shop/things", "application/json", body).await;

        reply.assert_problem(422, "validation_failed");
        let mut found = faults(&reply);
        found.sort_by_key(|(pointer, _)| *pointer);
        assert_eq!(found, expected, "{body}");
    }
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_type_that_is_not_listed_is_415_and_says_what_is() {
    let suite = suite().await;
    let client = suite.client();
    let listed = "application/json, application/x-ndjson, text/*";

    for content_type in ["", "application/xml", "json", "application/jsonx", "multipart/form-data; boundary=x"] {
        let reply = post(&suite, "/v1/shop/things", content_type, "{\"name\":\"a\"}").await;

        reply.assert_problem(415, "unsupported_media_type");
        assert_eq!(reply.header("accept-post"), listed);
    }
    let patch = client.request(Method::PATCH, &format!("/v1/shop/things/{ID}")).header("if-match", "\"1\"");
    let patched = client.send(patch.header("content-type", "application/json").body("{}")).await;
    let put = client.request(Method::PUT, "/v1/shop/maybe").header("content-type", "text/csv");
    let replaced = client.send(put.body("a,b")).await;

    assert_eq!((patched.status.as_u16(), patched.header("accept-patch")), (415, "application/merge-patch+json"));
    assert_eq!((replaced.status.as_u16(), replaced.header("accept")), (415, "application/json"));
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn json_that_another_reader_would_decode_differently_is_415() {
    let suite = suite().await;
    let request = suite.client().request(Method::POST, "/v1/shop/things").header("content-type", "application/json");

    let packed = suite.client().send(request.header("content-encoding", "gzip").body("{\"name\":\"a\"}")).await;
    let other = post(&suite, "/v1/shop/things", "application/json; charset=utf-16", "{\"name\":\"a\"}").await;

    packed.assert_problem(415, "unsupported_media_type");
    assert_eq!(packed.header("accept-encoding"), "identity");
    other.assert_problem(415, "unsupported_media_type");
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn what_is_listed_and_no_json_passes_unread() {
    let suite = suite().await;

    for content_type in ["application/x-ndjson", "text/csv; header=present"] {
        let reply = post(&suite, "/v1/shop/things", content_type, "{\"a\":1}\n{\n").await;

        assert_eq!((reply.status.as_u16(), reply.body["body"].as_str()), (200, Some("{\"a\":1}\n{\n")));
    }
}

#[tokio::test]
async fn a_body_that_may_be_left_out_may() {
    let suite = suite().await;
    let client = suite.client();
    let put = |body: &'static str| client.request(Method::PUT, "/v1/shop/maybe").body(body);
    let mut connection = suite.connect().await;

    assert_eq!(client.send(client.request(Method::PUT, "/v1/shop/maybe")).await.status, 200);
    assert_eq!(client.send(put("").header("content-type", "application/json")).await.status, 200);
    assert_eq!(client.send(put("{}").header("content-type", "application/json")).await.status, 200);
    client.send(put("{}")).await.assert_problem(415, "unsupported_media_type");
    let field = client.send(put("{\"a\":1}").header("content-type", "application/json")).await;
    assert_eq!(faults(&field), [("/a", "unknown_field")]);
    connection.write("PUT /v1/shop/maybe HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
    assert!(connection.read_head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn of_a_body_nothing_is_said_of_nothing_is_asked() {
    let suite = suite().await;

    let reply = post(&suite, "/v1/shop/action", "application/json", "{").await;

    assert_eq!((reply.status.as_u16(), reply.body["body"].as_str()), (200, Some("{")));
}
