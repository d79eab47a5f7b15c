//! Variables of the path, the query, headers.

use http::Method;

use super::{ID, suite};

#[tokio::test]
async fn what_a_query_may_say_passes_as_it_was_written() {
    let suite = suite().await;

    for query in [
        "",
        "limit=1&kind=cup&is_new=true",
        "limit=%31%30%30",
        "tag=a&tag=b,c&tag=",
        &format!("ids={ID},{ID}"),
        "attr.color=red&attr.size=XL",
        "attr.a+b=%C3%BC+%26",
    ] {
        let reply = suite.client().get(&format!("/v1/shop/things?{query}")).await;

        assert_eq!(reply.status, 200, "{query}: {}", reply.body);
        assert_eq!(reply.body["target"], format!("/v1/shop/things?{query}"));
    }
}

#[tokio::test]
async fn what_a_query_may_not_say_is_400() {
    let suite = suite().await;

    for query in [
        "limit=0",
        "limit=101",
        "limit=ten",
        "limit=",
        "limit=1.5",
        "limit=+5",
        "limit=1&limit=2",
        "kind=bowl",
        "kind=cup&kind=cup",
        "is_new=yes",
        "tag=a&tag=b&tag=c&tag=d",
        &format!("ids={ID},x"),
        &format!("ids={ID}&ids={ID}"),
        "attr.color=yellow",
        "attr.color=a&attr.color=b",
        "colour=red",
        "Limit=1",
        "limit[]=1",
        "kind=%FF",
        "%FF=1",
        "=",
    ] {
        let reply = suite.client().get(&format!("/v1/shop/things?{query}")).await;

        assert_eq!(reply.status, 400, "{query}");
        reply.assert_problem(400, "invalid_parameter");
    }
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_in_words() {
    let suite = suite().await;
    let request =
        suite.client().request(Method::GET, "/v1/shop/things?limit=101&kind=x&colour=y").header("x-page", "a");

    let detail = suite.client().send(request).await.body["detail"].as_str().unwrap().to_owned();

    for part in [
        "query: `limit` must be at most 100",
        "query: `kind` must be one of [\"cup\",\"plate\"]",
        "query: there is no parameter `colour` here; known: ",
        "headers: `X-Page` must be of the type integer",
    ] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
}

#[tokio::test]
async fn what_was_sent_is_not_repeated_at_length_or_with_control_characters() {
    let suite = suite().await;
    let many: Vec<_> = (0..500).map(|n| format!("unknown{n}=1")).collect();

    for query in [format!("{}=1", "a".repeat(4_000)), "%00%07%1b[31m%0d%0a=1".to_owned(), many.join("&")] {
        let reply = suite.client().get(&format!("/v1/shop/things?{query}")).await;

        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.len() < 2_000 && !detail.contains(char::is_control), "{detail}");
    }
}

#[tokio::test]
async fn a_variable_of_the_path_is_what_its_schema_says() {
    let suite = suite().await;

    for path in ["/v1/shop/things/7", "/v1/shop/things/%20", "/v1/shop/files/a.exe"] {
        suite.client().get(path).await.assert_problem(400, "invalid_parameter");
    }
    assert_eq!(suite.upstream.hits(), 0);
}

#[tokio::test]
async fn a_missing_precondition_is_428_as_at_the_services() {
    let suite = suite().await;
    let client = suite.client();
    let thing = format!("/v1/shop/things/{ID}");
    let patch = |path: &str| client.request(Method::PATCH, path).header("content-type", "application/merge-patch+json");

    client.send(patch(&thing).body("{}")).await.assert_problem(428, "precondition_required");
    client.send(patch("/v1/shop/things/7").body("{}")).await.assert_problem(400, "invalid_parameter");
    assert_eq!(client.send(patch(&thing).header("if-match", "\"1\"").body("{}")).await.status, 200);
}

#[tokio::test]
async fn a_header_s_lines_are_one_value_and_others_are_not_looked_at() {
    let suite = suite().await;
    let client = suite.client();
    let get = |value: &'static str| client.request(Method::GET, "/v1/shop/things").header("X-PAGE", value);

    assert_eq!(client.send(get("7").header("x-other", "any").header("cookie", "session=x")).await.status, 200);
    client.send(get("7").header("x-page", "8")).await.assert_problem(400, "invalid_parameter");
    client.send(get("\u{fc}")).await.assert_problem(400, "invalid_parameter");
}
